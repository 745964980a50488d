import os
import subprocess
import sys

import pytest

from electra_model.errors import InputError, WorkError
from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer
from pipelines.config import VocabularyConfig
from pipelines.vocabularies.vocabulary import tokenizer_of, train_pieces

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


def learned(counted, **settings):
    config = VocabularyConfig(**settings)
    tokenizer = tokenizer_of(config, train_pieces(counted, config))
    return tokenizer.pieces(range(5, tokenizer.size))


def test_byte_pairs_of_literal_counts():
    """The most frequent pair each time: 20, 17, 16, 15, 15 and 12 times."""
    counted = [("hug", 10), ("pug", 5), ("pun", 12), ("bun", 4), ("hugs", 5)]
    found = learned(counted, kind="bpe", size=64)
    assert found[:6] == ["ug", "\u2581p", "un", "\u2581h", "\u2581hug", "\u2581pun"]
    assert set(found[-8:]) == {"\u2581", "u", "g", "n", "h", "p", "b", "s"}


def test_wordpiece_of_literal_counts():
    """Whole words, for there is room for them; by count, then by code point."""
    counted = [("hug", 10), ("pug", 5), ("pun", 12), ("bun", 4), ("hugs", 5)]
    found = learned(counted, kind="wordpiece", size=64)
    words = ["pun", "hug", "hugs", "pug", "bun"]
    assert found[:5] == ["\u2581" + word for word in words]
    assert set("hugpnbs\u2581") <= set(found)


def test_symbols_come_first_and_no_piece_cuts_them():
    counted = [("{name}", 50), ("x{name}s", 50), ("{na", 40), ("name}", 40)]
    found = learned(counted, kind="wordpiece", size=64, symbols=("{name}",))
    assert found[0] == "{name}"
    assert not [piece for piece in found if len(piece) > 1 and piece.endswith("{")]
    for kind in ("sentencepiece", "bpe"):
        assert "{name}" in learned(counted, kind=kind, size=64, symbols=("{name}",))


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_other_kinds_of_a_size_that_is_too_small_or_too_large(kind):
    words = [(chr(code) * 2, 1) for code in range(0x4E00, 0x4E00 + 300)]
    with pytest.raises(InputError, match=r"vocabulary\.size: 64 pieces are too few.* need 3\d\d"):
        train_pieces(words, VocabularyConfig(kind=kind, size=64))
    assert 15 < len(learned(WORDS, kind=kind, size=30_000)) < 80


def test_bytes_and_symbols_count_as_needed():
    with pytest.raises(InputError, match="characters and the symbols and the bytes alone need 2"):
        train_pieces(WORDS, VocabularyConfig(size=64, byte_fallback=True, symbols=("<2de>",)))


IN_A_FRESH_PROCESS = """
import hashlib
from pipelines.config import VocabularyConfig
from pipelines.vocabularies.vocabulary import train_pieces

counted = [(f"w{n % 61}x{n % 7}{'ab' * (n % 3)}", 1 + n % 5) for n in range(400)]
counted = list(dict(counted).items())
for kind in ("sentencepiece", "bpe", "wordpiece"):
    config = VocabularyConfig(kind=kind, size=80, symbols=("<2de>", "{x}"))
    print(kind, hashlib.sha256(train_pieces(counted, config)).hexdigest())
"""


def test_equal_words_give_equal_bytes_in_every_process():
    def run(seed):
        done = subprocess.run(
            [sys.executable, "-c", IN_A_FRESH_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.splitlines()

    first = run("1")
    assert len(first) == 3
    assert first == run("2")
