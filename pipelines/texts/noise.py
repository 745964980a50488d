"""How much of a text is no prose: markup, addresses, and the same thing over and over.

Pure functions on columns; the first two look only at rows that have a character they begin with.
Their time is in proportion to the text's length, whatever it is made of.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow.compute as pc

from electra_model.word_columns import laid_out, row_blocks

from .characters import LETTERS, TextColumn, class_table

# Bounded, so that no text makes the search slow. Neither has a `<` but for its first character.
_TAG_OR_ENTITY = re.compile(
    r"</?[A-Za-z][A-Za-z0-9:_.-]{0,40}(?:\s[^<>]{0,1000})?/?>"
    r"|&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});"
)
WEB_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z][A-Za-z0-9+.-]{0,20}://|www\.)[^\s<>\"]{1,2000}", re.IGNORECASE
)
MAIL_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)

# A comment is looked for by its two ends: it may be as long as this between them.
_LONGEST_COMMENT = 2000

# Bytes, or characters, that are looked through at once for what is repeated: it takes some 40 bytes
# for each.
_BLOCK = 1 << 20

# Of the sequences of characters that `repeats_more_than` looks for.
LONGEST_PERIOD = 32


def markup_characters(side: TextColumn) -> np.ndarray:
    """int64 [n]: characters of each row in tags, comments and entities of HTML and XML."""
    return _counted(side, _markup_in, side.contains("<&"))


def address_characters(side: TextColumn) -> np.ndarray:
    """int64 [n]: characters of each row in URLs, web addresses without scheme, e-mail addresses."""
    web = pc.or_(
        pc.match_substring(side.texts, "://"),
        pc.match_substring(side.texts, "www.", ignore_case=True),
    )
    in_web = functools.partial(_characters_in, WEB_ADDRESS)
    in_mail = functools.partial(_characters_in, MAIL_ADDRESS)
    return _counted(side, in_web, web.to_numpy(zero_copy_only=False)) + _counted(
        side, in_mail, side.contains("@")
    )


def _counted(side: TextColumn, count: Callable[[str], int], candidates: np.ndarray) -> np.ndarray:
    found = np.zeros(len(side), np.int64)
    rows = np.flatnonzero(candidates)
    found[rows] = [count(text) for text in side.rows(rows)]
    return found


def _characters_in(pattern: re.Pattern, text: str, start: int = 0, stop: int = sys.maxsize) -> int:
    return sum(match.end() - match.start() for match in pattern.finditer(text, start, stop))


def _markup_in(text: str) -> int:
    """As many characters as tags, entities and closed comments have, what is within a comment as
    part of it. Each end of a comment is looked for once."""
    total = start = look = 0
    close = -1
    while (opening := text.find("<!--", look)) >= 0:
        look = opening + 4
        if close < look and (close := text.find("-->", look)) < 0:
            break
        if close - look <= _LONGEST_COMMENT:
            total += _characters_in(_TAG_OR_ENTITY, text, start, opening) + close + 3 - opening
            start = look = close + 3
    return total + _characters_in(_TAG_OR_ENTITY, text, start)


def repeats_more_than(side: TextColumn, times: int) -> np.ndarray:
    """bool [n]: whether a sequence of 1 to 32 characters, a letter among them, stands more often
    than `times` in a row.

    "no no no no" is "no " four times, "aaaaa" is "a" five times. Lines of dashes and rows of zeros
    are none, for they have no letter.
    """
    rejected = np.zeros(len(side), bool)
    for first, last in row_blocks(laid_out(side.texts)[1], _BLOCK):
        texts = side.texts[first:last].to_pylist()
        if len(texts) == 1:
            windows = _windows(texts[0], LONGEST_PERIOD * (times + 1))
            rejected[first] = any(_repeats_in([window], times)[0] for window in windows)
        else:
            # A space completes the last word.
            rejected[first:last] = _repeats_in([text + " " for text in texts], times)
    return rejected


def _windows(text: str, overlap: int) -> Iterator[str]:
    """A text with a space behind it, in pieces of which each begins with the last `overlap`
    characters of the one before: what is no longer than that is in one of them."""
    size = max(_BLOCK, 2 * overlap)
    start = 0
    while start + size <= len(text):
        yield text[start : start + size]
        start += size - overlap
    yield text[start:] + " "


def _repeats_in(texts: list[str], times: int) -> np.ndarray:
    """bool [n]: `repeats_more_than`, of texts as they are."""
    codes, row_of = _codes_with_marks(texts)
    letters = np.zeros(len(codes) + 1, np.int32)
    is_letter = _letter_table()[np.minimum(codes, 0x10FFFF)]
    np.cumsum(is_letter, dtype=np.int32, out=letters[1:])
    rejected = np.zeros(len(texts), bool)
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


def _codes_with_marks(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The code points of the texts, uint32 [m], and which text each is of, int32 [m].

    Every text is followed by a code of its own, across which no run of equal characters can go.
    """
    joined = "\n".join([*texts, ""])
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32).copy()
    lengths = np.fromiter((len(text) + 1 for text in texts), np.int64, len(texts))
    codes[np.cumsum(lengths) - 1] = 0x110000 + np.arange(len(texts), dtype=np.uint32)
    return codes, np.repeat(np.arange(len(texts), dtype=np.int32), lengths)


@functools.cache
def _letter_table() -> np.ndarray:
    return np.isin(class_table(), LETTERS)
