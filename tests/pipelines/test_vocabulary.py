import pytest

from electra_model.errors import InputError, WorkError
from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer
from pipelines.config import VocabularyConfig
from pipelines.vocabulary import train_pieces

WORDS = [("house", 9), ("houses", 7), ("Haus", 8), ("Häuser", 5), ("the", 20), ("das", 18)]


def test_equal_words_give_equal_bytes_without_paths():
    config = VocabularyConfig(size=64)
    model = train_pieces(WORDS, config)
    assert train_pieces(WORDS, config) == model
    assert b"/tmp" not in model and b"rules.tsv" not in model and b"words.tsv" not in model
    assert SentencePieceTokenizer(model).pieces([0, 4]) == ["<pad>", "<mask>"]


def test_a_large_corpus_takes_no_more_memory_than_a_small_one():
    """Counts a million times as high give pieces just as well, in the time of a test."""
    large = [(word, count * 1_000_000) for word, count in WORDS]

    def pieces(words):
        tokenizer = SentencePieceTokenizer(train_pieces(words, VocabularyConfig(size=64)))
        return set(tokenizer.pieces(range(tokenizer.size)))

    assert len(pieces(large) ^ pieces(WORDS)) <= 4


def test_a_size_that_the_text_does_not_support_is_lowered():
    tokenizer = SentencePieceTokenizer(train_pieces(WORDS, VocabularyConfig(size=30_000)))
    assert 15 < tokenizer.size < 64


def test_a_size_below_the_characters_alone():
    words = [(chr(code) * 2, 1) for code in range(0x4E00, 0x4E00 + 300)]
    with pytest.raises(InputError, match=r"vocabulary\.size: 64 pieces are too few.* need 3\d\d"):
        train_pieces(words, VocabularyConfig(size=64))


@pytest.mark.parametrize("words", [[], [("\u2585", 3)]])
def test_too_little_text(words):
    with pytest.raises(WorkError, match="vocabulary: "):
        train_pieces(words, VocabularyConfig(size=64))
