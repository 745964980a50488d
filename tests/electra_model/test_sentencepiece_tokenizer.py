import io

import pytest
import sentencepiece
import tensorflow as tf

from electra_model.errors import InputError
from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer
from electra_model.tokenizer import EOS_ID, UNK_ID
from pipelines.config import VocabularyConfig
from pipelines.vocabularies.vocabulary import train_pieces

WORDS = [("house", 9), ("houses", 7), ("Haus", 8), ("Häuser", 5), ("the", 20), ("das", 18)]


def make(**settings):
    return SentencePieceTokenizer(train_pieces(WORDS, VocabularyConfig(**settings)))


def there_and_back(tokenizer, text):
    return tokenizer.decode(tokenizer.encode(tf.constant([text]))).numpy()[0].decode()


@pytest.mark.parametrize("kind", ["sentencepiece", "bpe"])
def test_bytes_stand_for_what_has_no_piece(kind):
    tokenizer = make(kind=kind, size=300, byte_fallback=True)
    (row,) = tokenizer.encode(tf.constant(["☃"])).to_list()
    assert tokenizer.pieces(row) == ["▁", "<0xE2>", "<0x98>", "<0x83>", "</s>"]
    for text in ("the ☃ 🏠house", "中文 \u0627\u0644", "x{y}"):
        assert there_and_back(tokenizer, text) == text


def test_without_bytes_it_is_unknown():
    tokenizer = make(size=64)
    (row,) = tokenizer.encode(tf.constant(["☃"])).to_list()
    assert row[-2:] == [UNK_ID, EOS_ID]


def test_bytes_that_make_no_character_do_not_break_decoding():
    tokenizer = make(size=300, byte_fallback=True)
    row = [tokenizer.pieces(range(tokenizer.size)).index(piece) for piece in ("<0xE2>", "<0x98>")]
    (text,) = tokenizer.decode(tf.ragged.constant([row], tf.int32)).numpy()
    assert set(text.decode()) == {"\ufffd"}


@pytest.mark.parametrize("kind", ["sentencepiece", "bpe"])
def test_symbols_are_never_cut(kind):
    tokenizer = make(kind=kind, size=64, symbols=("{name}", "<2de>"))
    text = "<2de> the house{name}das {name}"
    (row,) = tokenizer.encode(tf.constant([text])).to_list()
    pieces = tokenizer.pieces(row)
    assert pieces.count("{name}") == 2 and pieces[:2] == ["▁", "<2de>"]
    assert there_and_back(tokenizer, text) == text


def test_pieces_of_byte_pairs_are_those_of_sentencepiece():
    """tensorflow-text's fast tokenizer cuts otherwise."""
    tokenizer = make(kind="bpe", size=64)
    own = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model_bytes)
    for text in ("the houses", "Hausd das Häuserhaus", "dasthe"):
        (row,) = tokenizer.encode(tf.constant([text])).to_list()
        assert row[:-1] == own.encode(text)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x00" * 100])
def test_what_is_no_model(content):
    with pytest.raises(InputError, match="vocabulary"):
        SentencePieceTokenizer(content)


def test_model_with_other_special_ids():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d"] * 9), model_writer=model, vocab_size=9, minloglevel=2
    )
    with pytest.raises(InputError, match="begins with the pieces <unk>, <s>, </s>"):
        SentencePieceTokenizer(model.getvalue())
