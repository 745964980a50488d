import re

import numpy as np
import pyarrow as pa
import pytest

from electra_model import word_columns
from electra_model.word_columns import (
    WHITE_SPACE,
    laid_out,
    lay_end_to_end,
    row_blocks,
    row_sums,
    single_spaced,
    split_words,
    without,
)


def strings(*texts):
    return pa.array(texts, pa.string())


def test_white_space_is_that_of_python():
    pattern = re.compile(f"[{WHITE_SPACE}]")
    for code in range(0x110000):
        assert bool(pattern.match(chr(code))) == chr(code).isspace(), hex(code)


def test_texts_as_words():
    words = split_words(strings("the house", "", "Häuser the"))
    assert words.distinct.to_pylist() == ["the", "house", "", "Häuser"]
    assert words.index.tolist() == [0, 1, 2, 3, 0]
    assert words.offsets.tolist() == [0, 2, 3, 5]


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["", ""], ["a"], ["a b c", "d"], ["", "ä ö", "", "ö"], ["x"] * 3, ["a b", ""] * 4],
)
def test_words_are_those_of_python(texts):
    words = split_words(strings(*texts))
    found = [words.distinct[number].as_py() for number in words.index.tolist()]
    bounds = words.offsets.tolist()
    texts_again = [found[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    assert texts_again == [text.split(" ") for text in texts]
    assert len(set(words.distinct.to_pylist())) == len(words.distinct)


def test_bytes_of_a_column():
    data, starts = laid_out(strings("x", "ab", "", "ä", "y").slice(1, 3))
    assert (data.tobytes(), starts.tolist()) == ("abä".encode(), [0, 2, 2, 4])
    for column in (strings(), strings("x").slice(1), strings("", "")):
        data, starts = laid_out(column)
        assert len(data) == 0 and starts.tolist() == [0] * (len(column) + 1)


def test_a_part_of_a_column_is_a_column():
    words = split_words(strings("x y", "the house", "z").slice(1, 1))
    assert words.distinct.to_pylist() == ["the", "house"]
    assert words.offsets.tolist() == [0, 2]


@pytest.mark.parametrize("text", ["a\u00a0b", " a b", "a b\n", "a  b", "a\u2028\u3000b", "a\x1fb"])
def test_single_spaces(text):
    assert single_spaced(strings("x", text, "")).to_pylist() == ["x", "a b", ""]


def test_a_column_that_is_single_spaced_stays_what_it_is():
    column = strings("a b", "", "c")
    assert single_spaced(column) is column


def test_pieces_of_words_become_pieces_of_texts():
    words = split_words(strings("a b", "", "b b"))  # distinct: a, b and the empty word
    values = np.array([3, 10, 11, 20], np.int32)  # the end mark; of a; of b; none of the empty word
    starts = np.array([0, 1, 3, 4, 4])
    ids, offsets = lay_end_to_end(words.index + 1, words.offsets, values, starts)
    assert ids.tolist() == [10, 11, 20, 3, 3, 20, 20, 3]
    assert offsets.tolist() == [0, 4, 5, 8]
    assert (ids.dtype, offsets.dtype) == (np.int32, np.int64)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_blocks_of_rows(size, monkeypatch):
    starts = np.array([0, 0, 1, 4, 4, 4, 12, 13, 13])
    found = list(row_blocks(starts, size))
    assert [row for first, last in found for row in range(first, last)] == list(range(8))
    assert all(last == first + 1 or starts[last] - starts[first] <= size for first, last in found)
    flags = np.array([1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1], bool)
    monkeypatch.setattr(word_columns, "_AT_ONCE", size)
    for long_row in (0, 512):  # counted one by one, and all at once
        monkeypatch.setattr(word_columns, "_LONG_ROW", long_row)
        assert row_sums(flags, starts).tolist() == [0, 1, 2, 0, 0, 4, 1, 0]
    assert without(flags.view(np.uint8), flags).tolist() == [0, 0, 0, 0, 0]
    assert list(row_blocks(np.zeros(1, np.int64), size)) == []


def test_words_in_blocks_are_those_of_the_whole(monkeypatch):
    texts = strings("the house", "", "Häuser the", "a b c d e f")
    expected = split_words(texts)
    monkeypatch.setattr(word_columns, "_AT_ONCE", 3)
    found = split_words(texts)
    assert found.distinct.equals(expected.distinct)
    assert found.index.tolist() == expected.index.tolist()
