import numpy as np
import pytest
import tensorflow as tf

from electra_model import tokenizer as tokenizer_module
from electra_model.errors import InputError
from electra_model.tokenizer import EOS_ID, FIRST_PIECE_ID, UNK_ID, Tokenizer
from pipelines.config import VocabularyConfig
from pipelines.vocabulary import train_pieces

WORDS = [
    ("house", 9),
    ("houses", 7),
    ("Haus", 8),
    ("Häuser", 5),
    ("the", 20),
    ("das", 18),
    ("é", 3),
]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(train_pieces(WORDS, VocabularyConfig(size=64, character_coverage=1.0)))


def test_special_ids(tokenizer):
    assert tokenizer.pieces(range(5)) == ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    ids = [
        tokenizer_module.PAD_ID,
        UNK_ID,
        tokenizer_module.BOS_ID,
        EOS_ID,
        tokenizer_module.MASK_ID,
    ]
    assert ids == [0, 1, 2, 3, 4]


def test_encode_ends_every_row_and_decode_brings_the_text_back(tokenizer):
    texts = ["the house", "das Haus Häuser", "", "   "]
    encoded = tokenizer.encode(tf.constant(texts))
    rows = encoded.to_list()
    assert encoded.dtype == tf.int32
    assert all(row[-1] == EOS_ID and EOS_ID not in row[:-1] for row in rows)
    assert rows[2] == rows[3] == [EOS_ID]
    decoded = [text.decode() for text in tokenizer.decode(encoded).numpy()]
    assert decoded == ["the house", "das Haus Häuser", "", ""]


@pytest.mark.parametrize(
    "other", ["the\u00a0house", " the \t house\n", "the\u2028\u3000house", "the\u200ahouse\x85"]
)
def test_every_white_space_is_one_space(tokenizer, other):
    same, expected = tokenizer.encode(tf.constant([other, "the house"])).to_list()
    assert same == expected


def test_white_space_is_that_of_python():
    import re

    pattern = re.compile(f"[{tokenizer_module.WHITE_SPACE}]")
    for code in range(0x110000):
        assert bool(pattern.match(chr(code))) == chr(code).isspace(), hex(code)


def test_decomposed_characters_are_composed(tokenizer):
    composed, decomposed = tokenizer.encode(
        tf.constant(["é Häuser", "e\u0301 Ha\u0308user"])
    ).to_list()
    assert composed == decomposed
    assert UNK_ID not in composed


def test_text_cannot_forge_special_ids(tokenizer):
    row = tokenizer.encode(tf.constant(["<mask> </s> <pad>"])).to_list()[0]
    assert not {0, 2, 4} & set(row)
    assert row.count(EOS_ID) == 1


def test_decode_drops_special_ids(tokenizer):
    row = tokenizer.encode(tf.constant(["the house"])).to_list()[0]
    assert min(row[:-1]) >= FIRST_PIECE_ID
    mixed = tf.ragged.constant([[2, *row[:-1], 4, 1, 3, 0, 0]], tf.int32)
    assert tokenizer.decode(mixed).numpy().tolist() == [b"the house"]


def test_columns_are_the_same_ids(tokenizer, monkeypatch):
    monkeypatch.setattr(tokenizer_module, "_BATCH", 2)
    texts = ["the house", "", "Häuser \u2603", "x" * 5000, "das"]
    values, offsets = tokenizer.encode_columns(texts)
    expected = tokenizer.encode(tf.constant(texts))
    assert (values.dtype, offsets.dtype) == (np.int32, np.int64)
    np.testing.assert_array_equal(values, expected.values)
    np.testing.assert_array_equal(offsets, expected.row_splits)


def test_no_texts(tokenizer):
    values, offsets = tokenizer.encode_columns([])
    assert len(values) == 0 and offsets.tolist() == [0]


def test_inside_a_saved_model(tokenizer, tmp_path):
    module = tf.Module()
    module.layer = tokenizer.layer
    module.call = tf.function(
        lambda texts: tokenizer.decode(tokenizer.encode(texts)),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert loaded.call(tf.constant(["the\u00a0house"])).numpy().tolist() == [b"the house"]


def test_load_and_fingerprint(tokenizer, tmp_path):
    (tmp_path / "spm.model").write_bytes(tokenizer.model_bytes)
    loaded = Tokenizer.load(str(tmp_path))
    assert loaded.size == tokenizer.size
    assert loaded.fingerprint() == tokenizer.fingerprint()
    assert len(loaded.fingerprint()) == 16


def test_what_is_no_model(tmp_path):
    with pytest.raises(InputError, match="spm.model: cannot be read"):
        Tokenizer.load(str(tmp_path))
    for content in (b"", b"no model", b"\x00" * 100):
        (tmp_path / "spm.model").write_bytes(content)
        with pytest.raises(InputError, match="vocabulary"):
            Tokenizer.load(str(tmp_path))


def test_model_with_other_special_ids(tmp_path):
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d"] * 9), model_writer=model, vocab_size=9, minloglevel=2
    )
    with pytest.raises(InputError, match="begins with the pieces <unk>, <s>, </s>"):
        Tokenizer(model.getvalue())
