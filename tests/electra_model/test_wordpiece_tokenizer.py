import random

import pytest
import tensorflow as tf

from electra_model.errors import InputError
from electra_model.tokenizer import SPECIAL_PIECES
from electra_model.wordpiece_tokenizer import WordPieceTokenizer

PIECES = ["▁", "▁the", "▁house", "s", "▁##", "#", "h", "e", "t", "o", "u", ",", "{name}"]
PIECES += ["{", "n", "a", "m", "}", "▁th", "se", "é"]


def vocabulary(*pieces, special=SPECIAL_PIECES):
    return "".join(f"{piece}\n" for piece in (*special, *pieces)).encode()


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(vocabulary(*PIECES))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("the houses", ["▁the", "▁house", "s"]),
        ("these", ["▁the", "se"]),  # the longest piece first, not the fewest pieces
        ("thes,", ["▁the", "s", ","]),
        ("se", ["▁", "se"]),
        ("#s ##s ##", ["▁", "#", "s", "▁##", "s", "▁##"]),
        ("the☃☃ sZe", ["▁the", "<unk>", "▁", "s", "<unk>", "e"]),
        ("s▁e \ufffd", ["▁", "s", "<unk>", "e", "▁", "<unk>"]),
        ("{name},{nam", ["▁", "{name}", ",", "{", "n", "a", "m"]),
        ("e\u0301", ["▁", "é"]),
        ("<pad> </s>", ["▁", "<unk>", "a", "<unk>", "▁", "<unk>", "s", "<unk>"]),
        ("", []),
        ("\u3000 \n", []),
    ],
)
def test_pieces(tokenizer, text, pieces):
    (row,) = tokenizer.encode(tf.constant([text])).to_list()
    assert tokenizer.pieces(row) == [*pieces, "</s>"]
    values, _ = tokenizer.encode_columns([text])
    assert values.tolist() == row


def test_any_word_over_the_alphabet_comes_back(tokenizer):
    draw = random.Random(3)
    alphabet = [piece for piece in PIECES if len(piece) == 1 and piece != "▁"]
    words = ["".join(draw.choices(alphabet, k=draw.randint(1, 300))) for _ in range(200)]
    texts = [" ".join(words[start : start + 4]) for start in range(0, 200, 4)]
    decoded = tokenizer.decode(tokenizer.encode(tf.constant(texts))).numpy()
    assert [text.decode() for text in decoded] == texts


@pytest.mark.slow
def test_a_very_long_word(tokenizer):
    text = "houses" * 10_000
    values, _ = tokenizer.encode_columns([text])
    assert (
        b"".join(piece.encode() for piece in tokenizer.pieces(values[:-1])) == f"▁{text}".encode()
    )


def test_what_is_no_text_does_not_break_it(tokenizer):
    (row,) = tokenizer.encode(tf.constant([b"the \xff\xfe house"])).to_list()
    assert tokenizer.pieces(row)[0] == "▁the" and tokenizer.pieces(row)[-2:] == ["▁house", "</s>"]


def test_a_large_alphabet():
    """More characters than a script has, none beside another: each is a range of its own."""
    alphabet = [chr(code) for code in range(0x4E00, 0xD000, 2)]
    tokenizer = WordPieceTokenizer(vocabulary("▁", *alphabet))
    (row,) = tokenizer.encode(tf.constant([f"{alphabet[7]}一丁{alphabet[-1]}"])).to_list()
    assert tokenizer.pieces(row) == ["▁", alphabet[7], "一", "<unk>", alphabet[-1], "</s>"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with the pieces ; it must begin with <pad>, <unk>, <s>, </s>, <mask>"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (
            vocabulary("a", special=["[PAD]", "[UNK]"]),
            r"begins with the pieces \[PAD\], \[UNK\], a",
        ),
        (vocabulary("a"), "lacks the piece ▁"),
        (vocabulary("▁", "a", "a"), "has a piece twice"),
        (vocabulary("▁", "a", "<s>"), "has a piece twice"),
        (vocabulary("▁", "", "a"), r"has an empty line \(7\)"),
        (vocabulary("▁", "a", "ab"), r"no piece itself \(line 8\)"),
        (vocabulary("▁", "a", "a▁a"), r"no piece itself \(line 8\)"),
    ],
)
def test_what_is_no_vocabulary(content, message):
    with pytest.raises(InputError, match=message):
        WordPieceTokenizer(content)
