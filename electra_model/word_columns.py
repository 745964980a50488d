"""Columns of texts as words: a word is what stands between spaces.

Most words of a text are repetitions and no piece reaches over a space, so a column is cut into
pieces by cutting each of its distinct words once and laying the pieces end to end. All of it is
work on Arrow buffers; no text becomes a Python string on the way.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Every white space of Unicode, as the insides of character classes.
ASCII_SPACE = "\t-\r\x1c-\x1f "
WIDE_SPACE = "\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
WHITE_SPACE = ASCII_SPACE + WIDE_SPACE

# Bytes of text that are worked on at once where it takes several for each.
_AT_ONCE = 8 << 20
# Rows that are longer, on the mean, are counted one by one: that takes a tenth of the time.
_LONG_ROW = 512

# What is not yet single spaces between words.
_LOOSE = f"[{WHITE_SPACE.replace(' ', '')}]|  |^ | $"


@dataclasses.dataclass(frozen=True)
class Words:
    """A column of texts as words.

    Attributes:
      distinct: string [k], in the order in which they first stand in the column.
      index: int32 [m], which of them each running word is.
      offsets: int64 [n + 1]; text i is `index[offsets[i]:offsets[i + 1]]`.
    """

    distinct: pa.StringArray
    index: np.ndarray
    offsets: np.ndarray


def laid_out(texts: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a column's texts end to end, uint8 [m], and int32 [n + 1], where each begins."""
    if not len(texts):
        return np.zeros(0, np.uint8), np.zeros(1, np.int32)
    _, offsets, text = texts.buffers()
    starts = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4)
    data = np.frombuffer(text or b"", np.uint8)[starts[0] : starts[-1]]
    return data, starts - starts[0]


def without(data: np.ndarray, dropped: np.ndarray) -> np.ndarray:
    """uint8 [m] without those that bool [m] is True of."""
    # Four times as fast as data[~dropped]; it makes a number of eight bytes of every one.
    kept = [
        np.compress(~dropped[start : start + _AT_ONCE], data[start : start + _AT_ONCE])
        for start in range(0, len(data), _AT_ONCE)
    ]
    return kept[0] if len(kept) == 1 else np.concatenate([np.zeros(0, np.uint8), *kept])


def row_sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """int32 [n]: the sum of each row, or how many of its flags are True.

    Args:
      values: bool, or small integers, none negative, [m]. starts: int [n + 1], where each row
        begins in them.
    """
    count = len(starts) - 1
    if values.dtype == bool and len(values) > _LONG_ROW * count:
        bounds = starts.tolist()
        found = (np.count_nonzero(values[a:b]) for a, b in itertools.pairwise(bounds))
        return np.fromiter(found, np.int32, count)
    # `reduceat` gives an empty row the value of the next one, so it is asked for the others.
    filled = np.flatnonzero(starts[1:] > starts[:-1])
    sums = np.zeros(count, np.int32)
    if len(filled):
        numbers = values.view(np.uint8) if values.dtype == bool else values
        sums[filled] = np.add.reduceat(numbers, starts[filled], dtype=np.int32)
    return sums


def row_blocks(starts: np.ndarray, size: int) -> Iterator[tuple[int, int]]:
    """Rows [first, last) that have together at most `size` values, or are one row.

    Args:
      starts: int [n + 1], where each row begins in the values.
    """
    first, count = 0, len(starts) - 1
    while first < count:
        most = int(starts[first]) + size
        last = max(first + 1, int(np.searchsorted(starts, most, side="right")) - 1)
        yield first, last
        first = last


def split_words(texts: pa.StringArray) -> Words:
    """Texts with single spaces and none at the ends, without nulls -> their words.

    A text without any word has the one word "".
    """
    if not len(texts):
        return Words(pa.array([], pa.string()), np.zeros(0, np.int32), np.zeros(1, np.int64))
    data, starts = laid_out(texts)
    is_space = data == 0x20
    places = np.flatnonzero(is_space)
    # Without the spaces the words lie end to end; a text has one more of them than spaces.
    before = np.searchsorted(places, starts)
    offsets = before + np.arange(len(starts))
    ends = np.empty(offsets[-1] + 1, np.int32)
    between = np.ones(len(ends), bool)
    between[offsets] = False
    ends[offsets] = starts - before
    ends[between] = places - np.arange(len(places))
    kept = pa.py_buffer(without(data, is_space))
    words = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), kept)
    found = words.dictionary_encode()
    return Words(found.dictionary, found.indices.to_numpy(), offsets)


def single_spaced(texts: pa.StringArray) -> pa.StringArray:
    """Every run of white space as one space, none at the ends."""
    loose = pc.match_substring_regex(texts, _LOOSE)
    if not pc.any(loose).as_py():
        return texts
    mended = [" ".join(text.split()) for text in texts.filter(loose).to_pylist()]
    return pc.replace_with_mask(texts, loose, pa.array(mended, pa.string()))


def lay_end_to_end(
    rows: np.ndarray, offsets: np.ndarray, values: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of n texts from the pieces of words.

    Args:
      rows: int [m], the row of the table that holds each running word.
      offsets: int64 [n + 1]; text i has the words `rows[offsets[i]:offsets[i + 1]]`.
      values, starts: the table, int [p] and int64 [rows + 1]; row 0 ends every text.

    Returns:
      (ids [k], of the type of `values`, and offsets int64 [n + 1]).
    """
    count = len(offsets) - 1
    running = np.zeros(len(rows) + count, np.int32)
    ends = offsets[1:] + np.arange(count)  # where the end marks stand among the words
    inside = np.ones(len(running), bool)
    inside[ends] = False
    running[inside] = rows
    # Lists with offsets of 32 bits are copied a third faster; they hold less than 2 ** 31 values.
    few = len(running) * int(np.diff(starts).max(initial=0)) < 1 << 31
    kind, offset = (pa.ListArray, pa.int32()) if few else (pa.LargeListArray, pa.int64())
    table = kind.from_arrays(pa.array(starts).cast(offset), pa.array(values))
    laid = table.take(pa.array(running))
    stops = laid.offsets.to_numpy()
    return laid.values.to_numpy(), np.concatenate([np.zeros(1, np.int64), stops[ends + 1]])
