"""Columns of texts as words: a word is what stands between spaces.

Most words of a text are repetitions and no piece reaches over a space, so a column is cut into
pieces by cutting each of its distinct words once and laying the pieces end to end. All of it is
work on Arrow buffers; no text becomes a Python string on the way.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Every white space of Unicode, as the inside of a character class.
WHITE_SPACE = "\t-\r\x1c-\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

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


def split_words(texts: pa.StringArray) -> Words:
    """Texts with single spaces and none at the ends, without nulls -> their words.

    A text without any word has the one word "".
    """
    lists = pc.split_pattern(texts, " ")
    words = lists.flatten().dictionary_encode()
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return Words(words.dictionary, words.indices.to_numpy(), offsets - offsets[0])


def single_spaced(texts: pa.StringArray) -> pa.StringArray:
    """Every run of white space as one space, none at the ends."""
    loose = pc.match_substring_regex(texts, _LOOSE)
    if not pc.any(loose).as_py():
        return texts
    mended = [" ".join(text.split()) for text in texts.filter(loose).to_pylist()]
    return pc.replace_with_mask(texts, loose, pa.array(mended, pa.string()))


def lay_end_to_end(
    words: Words, places: np.ndarray, values: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of texts from the pieces of words.

    Args:
      words: n texts. places: int64 [k], the row of the table that holds each distinct word.
      values, starts: the table, int32 [p] and int64 [rows + 1]; row 0 ends every text.

    Returns:
      (ids int32 [m], offsets int64 [n + 1]).
    """
    count = len(words.offsets) - 1
    running = np.zeros(len(words.index) + count, np.int64)
    ends = words.offsets[1:] + np.arange(count)  # where the end marks stand among the words
    inside = np.ones(len(running), bool)
    inside[ends] = False
    running[inside] = places[words.index]
    lengths = np.diff(starts)[running]
    stops = np.cumsum(lengths)
    source = np.repeat(starts[running] - (stops - lengths), lengths)
    source += np.arange(len(source))
    return values[source], np.concatenate([np.zeros(1, np.int64), stops[ends]])
