"""How much of a text is no prose: markup, addresses, and the same thing over and over.

Pure functions on columns; the first two look only at rows that have a character they begin with.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import functools
import re

import numpy as np
import pyarrow.compute as pc

from .characters import LETTERS, TextColumn, class_table

# Bounded, so that no text makes the search slow.
MARKUP = re.compile(
    r"<!--.{0,2000}?-->"
    r"|</?[A-Za-z][A-Za-z0-9:_.-]{0,40}(?:\s[^<>]{0,1000})?/?>"
    r"|&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});"
)
WEB_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z][A-Za-z0-9+.-]{0,20}://|www\.)[^\s<>\"]{1,2000}", re.IGNORECASE
)
MAIL_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)

# Of the sequences of characters that `repeats_more_than` looks for.
LONGEST_PERIOD = 32


def markup_characters(side: TextColumn) -> np.ndarray:
    """int64 [n]: characters of each row in tags, comments and entities of HTML and XML."""
    return _characters_in(side, MARKUP, side.contains("<&"))


def address_characters(side: TextColumn) -> np.ndarray:
    """int64 [n]: characters of each row in URLs, web addresses without scheme, e-mail addresses."""
    web = pc.or_(
        pc.match_substring(side.texts, "://"),
        pc.match_substring(side.texts, "www.", ignore_case=True),
    )
    return _characters_in(side, WEB_ADDRESS, web.to_numpy(zero_copy_only=False)) + _characters_in(
        side, MAIL_ADDRESS, side.contains("@")
    )


def _characters_in(side: TextColumn, pattern: re.Pattern, candidates: np.ndarray) -> np.ndarray:
    found = np.zeros(len(side), np.int64)
    rows = np.flatnonzero(candidates)
    found[rows] = [
        sum(match.end() - match.start() for match in pattern.finditer(text))
        for text in side.rows(rows)
    ]
    return found


def repeats_more_than(side: TextColumn, times: int) -> np.ndarray:
    """bool [n]: whether a sequence of 1 to 32 characters, a letter among them, stands more often
    than `times` in a row.

    "no no no no" is "no " four times, "aaaaa" is "a" five times. Lines of dashes and rows of zeros
    are none, for they have no letter.
    """
    codes, row_of = _codes_with_marks(side)
    letters = np.concatenate([[0], np.cumsum(_letter_table()[np.minimum(codes, 0x10FFFF)])])
    rejected = np.zeros(len(side), bool)
    for period in range(1, LONGEST_PERIOD + 1):
        # As many characters after the first time are each the same as the one a period before.
        places = _places_in_runs(codes, period, times * period)
        # A run goes through the same characters from wherever one begins.
        places = places[letters[places + period] > letters[places]]
        places = places[~rejected[row_of[places]]]
        rejected[row_of[places[_confirm(codes, places, period, times * period)]]] = True
    return rejected


def _places_in_runs(codes: np.ndarray, period: int, shortest: int) -> np.ndarray:
    """Places that may be in a run of `shortest` places i with codes[i] == codes[i + period]: at
    least one of every run that there is, and not many others.
    """
    # Every run has a place whose number is a multiple of its length.
    places = np.arange(0, max(0, len(codes) - period), shortest)
    places = places[codes[places] == codes[places + period]]
    # And on one of its two sides there are half of the others.
    last = len(codes) - period - 1
    for step in range(1, min(4, (shortest - 1) // 2 + 1)):
        left, right = np.maximum(places - step, 0), np.minimum(places + step, last)
        both = (codes[left] == codes[left + period]) | (codes[right] == codes[right + period])
        places = places[both]
    return places


def _confirm(codes: np.ndarray, places: np.ndarray, period: int, shortest: int) -> np.ndarray:
    """bool [k]: whether each place is in such a run."""
    found = np.zeros(len(places), bool)
    around = np.arange(-shortest + 1, shortest)
    block = max(1, (1 << 20) // len(around))
    for start in range(0, len(places), block):
        some = places[start : start + block, None] + around
        inside = (some >= 0) & (some < len(codes) - period)
        some = np.clip(some, 0, len(codes) - period - 1)
        equal = inside & (codes[some] == codes[some + period])
        right = np.logical_and.accumulate(equal[:, shortest - 1 :], axis=1).sum(axis=1)
        left = np.logical_and.accumulate(equal[:, shortest - 1 :: -1], axis=1).sum(axis=1)
        found[start : start + block] = left + right - 1 >= shortest
    return found


def _codes_with_marks(side: TextColumn) -> tuple[np.ndarray, np.ndarray]:
    """The code points of the column, uint32 [m], and the row of each, int64 [m].

    Every row is followed by a space, which completes its last word, and a code of its own, across
    which no run of equal characters can go.
    """
    texts = side.texts.to_pylist()
    joined = " \n".join([*texts, ""])
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32).copy()
    lengths = np.fromiter((len(text) + 2 for text in texts), np.int64, len(texts))
    codes[np.cumsum(lengths) - 1] = 0x110000 + np.arange(len(texts), dtype=np.uint32)
    return codes, np.repeat(np.arange(len(texts)), lengths)


@functools.cache
def _letter_table() -> np.ndarray:
    return np.isin(class_table(), LETTERS)
