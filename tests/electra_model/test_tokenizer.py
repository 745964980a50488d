import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from electra_model import tokenizer as tokenizer_module
from electra_model.errors import InputError
from electra_model.tokenizer import EOS_ID, FIRST_PIECE_ID, UNK_ID, Tokenizer
from pipelines.config import VocabularyConfig
from pipelines.vocabularies.vocabulary import tokenizer_of, train_pieces

WORDS = [
    ("house", 9),
    ("houses", 7),
    ("Haus", 8),
    ("Häuser", 5),
    ("the", 20),
    ("das", 18),
    ("é", 3),
]


@pytest.fixture(scope="module", params=["sentencepiece", "bpe", "wordpiece"])
def tokenizer(request):
    config = VocabularyConfig(kind=request.param, size=64, character_coverage=1.0)
    return tokenizer_of(config, train_pieces(WORDS, config))


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


def test_words_are_cut_as_in_texts(tokenizer):
    words = ["Häuser", "the", "", "\u2603x"]
    values, offsets = tokenizer.encode_words(words)
    rows = tokenizer.encode(tf.constant(words)).to_list()
    assert [values[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:], strict=True)] == [
        row[:-1] for row in rows
    ]


def test_columns_of_normalised_texts(tokenizer):
    """Arrow or not, with a look at them or without: the same ids."""
    texts = ["the house", "", "Häuser \u2603 the", "das"]
    expected = tokenizer.encode_columns(texts)
    for given in (texts, pa.array(texts), pa.array(["x", *texts]).slice(1)):
        for normalized in (False, True):
            found = tokenizer.encode_columns(given, normalized=normalized)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)


def test_columns_that_are_not_normalised(tokenizer):
    texts = [" e\u0301\u00a0 Ha\u0308user\n", "\u0308the\u2003 the", "\u3000"]
    values, offsets = tokenizer.encode_columns(texts)
    expected = tokenizer.encode(tf.constant(texts))
    np.testing.assert_array_equal(values, expected.values)
    np.testing.assert_array_equal(offsets, expected.row_splits)


SCRIPTS = [
    "Hello, world! (v1.2) -- it's 50% off...",
    "Größe: „schön“ – naïve façade",
    "Съешь ещё этих мягких булок",
    "Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία",
    "مرحبا بالعالم، كيف الحال؟",
    "שלום עולם",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "你好,世界。",
    "こんにちは世界 カタカナ",
    "안녕하세요 세계",
    "family 👨‍👩‍👧 flag 🇩🇪 ##x @@y ~/.bashrc",
]


@pytest.mark.parametrize("kind", ["sentencepiece", "bpe", "wordpiece"])
def test_what_is_covered_comes_back(kind):
    config = VocabularyConfig(kind=kind, size=400, character_coverage=1.0)
    counts = [(word, 3) for text in SCRIPTS for word in dict.fromkeys(text.split())]
    tokenizer = tokenizer_of(config, train_pieces(counts, config))
    # The same characters in words that were not learned as well.
    texts = [*SCRIPTS, *("".join(text.split()[::-1]) + "." for text in SCRIPTS)]
    encoded = tokenizer.encode(tf.constant(texts))
    assert UNK_ID not in encoded.values.numpy()
    assert [text.decode() for text in tokenizer.decode(encoded).numpy()] == texts


def test_load_and_fingerprint(tokenizer, tmp_path):
    (tmp_path / tokenizer.file_name).write_bytes(tokenizer.model_bytes)
    loaded = Tokenizer.load(str(tmp_path))
    assert type(loaded) is type(tokenizer) and loaded.size == tokenizer.size
    assert loaded.fingerprint() == tokenizer.fingerprint()
    assert len(loaded.fingerprint()) == 16


def test_folders_that_cannot_be_loaded(tmp_path):
    with pytest.raises(
        InputError, match=r"spm\.model: cannot be read .*, nor is there a vocab\.txt"
    ):
        Tokenizer.load(str(tmp_path))
    for name in tokenizer_module.FILES:
        (tmp_path / name).write_bytes(b"no model")
        if name == "spm.model":
            with pytest.raises(InputError, match="is not a SentencePiece model"):
                Tokenizer.load(str(tmp_path))
    with pytest.raises(InputError, match=r"two vocabularies, spm\.model and vocab\.txt"):
        Tokenizer.load(str(tmp_path))
    with pytest.raises(InputError, match=r"bpe\.json: is no vocabulary"):
        Tokenizer.of("bpe.json", b"")


def test_vocabularies_of_the_sides(tokenizer, tmp_path):
    def put(*places):
        for place in places:
            (tmp_path / place).mkdir(exist_ok=True)
            (tmp_path / place / tokenizer.file_name).write_bytes(tokenizer.model_bytes)

    with pytest.raises(InputError, match=r"spm\.model: cannot be read"):
        Tokenizer.load_sides(str(tmp_path))
    put("source")
    with pytest.raises(InputError, match=r"target/spm\.model: cannot be read"):
        Tokenizer.load_sides(str(tmp_path))
    put("target")
    found = Tokenizer.load_sides(str(tmp_path))
    assert [one.fingerprint() for one in found if one] == [tokenizer.fingerprint()] * 2
    put("")
    with pytest.raises(InputError, match="a vocabulary of both sides, .*, and one of one side, so"):
        Tokenizer.load_sides(str(tmp_path))
    for side in tokenizer_module.SIDES:
        (tmp_path / side / tokenizer.file_name).unlink()
    joint, none = Tokenizer.load_sides(str(tmp_path))
    assert joint.fingerprint() == tokenizer.fingerprint() and none is None


IN_A_FRESH_PROCESS = """
    import sys
    import tensorflow as tf
    import tensorflow_text

    loaded = tf.saved_model.load(sys.argv[1])
    print(loaded.call(tf.constant(["the\u00a0house, Häuser"])).numpy()[0].decode())
    print([name for name in sys.modules if name.startswith(("electra_model", "sentencepiece"))])
"""


@pytest.mark.slow
def test_a_saved_model_needs_tensorflow_alone(tokenizer, tmp_path):
    module = tf.Module()
    module.layer = tokenizer.layer
    module.call = tf.function(
        lambda texts: tokenizer.decode(tokenizer.encode(texts)),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(IN_A_FRESH_PROCESS), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["the house Häuser", "[]"]
