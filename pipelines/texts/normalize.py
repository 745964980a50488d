"""Text to the one form that everything after works on: Unicode NFC, single spaces, no space at the
ends. Pure functions on columns.

>>> normalize_texts(["  Cafe\\u0301\\u00a0au  lait\\n"])
['Café au lait']
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import codecs
import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.word_columns import ASCII_SPACE, WIDE_SPACE, laid_out, row_sums, without

from .characters import code_points, in_ranges, ranges_of

# Characters that are NFC by themselves and beside any other: what is made of these alone need not
# be normalised. A test holds them against the Unicode database.
_PLAIN = (
    r"\x00-\x{2ff}\x{391}-\x{3a1}\x{3a3}-\x{3ce}\x{400}-\x{482}\x{5d0}-\x{5ea}\x{620}-\x{64a}"
    r"\x{2010}-\x{2027}\x{2030}-\x{205e}\x{20a0}-\x{20c0}\x{2190}-\x{22ff}\x{2500}-\x{26ff}"
    r"\x{3001}-\x{3029}\x{3041}-\x{3096}\x{30a1}-\x{30fa}\x{4e00}-\x{9fff}\x{ac00}-\x{d7a3}"
    r"\x{ff01}-\x{ffef}\x{1f300}-\x{1faff}"
)
# Rows that are left to `normalize_texts`: what may not be NFC, spaces of several bytes, and a space
# at the beginning.
_RARE = f"[^{_PLAIN}]|[{WIDE_SPACE}]|^[{ASCII_SPACE}]"
# Fewer characters beyond ASCII than one in so many bytes are few.
_FEW = 8
_SPACES = bytes(code for code in range(128) if re.match(f"[{ASCII_SPACE}]", chr(code)))
_WHICH_SPACE = np.array([code in _SPACES for code in range(256)])
_SPACE_RANGES = ranges_of(_WHICH_SPACE)
# Of the ASCII characters those that are numbers, punctuation or white space.
_WHICH_REDUCED = bytes(
    code < 128 and unicodedata.category(chr(code))[0] in "NP" or code in b"\t\n\f\r "
    for code in range(256)
)
# A longer text, in bytes, is normalised piece by piece: its words would take many times its size.
_LONG = 1 << 20
# Where a text can be cut before NFC: before such a character nothing is drawn to what comes before.
_FIRST_OF_PIECE = re.compile(
    "[" + re.sub(r"\\x\{(\w+)\}", lambda code: f"\\U{int(code[1], 16):08x}", _PLAIN) + "]"
)
# Characters at the end of a piece among which one is looked for.
_LOOKED_THROUGH = 1000
# Combining marks one after the other that are left to Python to sort.
_MOST_MARKS = 200
# The characters of class 0 that are two marks, which NFC takes apart for good.
_MARKS_IN_ONE = {"\u0f73": "\u0f71\u0f72", "\u0f75": "\u0f71\u0f74", "\u0f81": "\u0f71\u0f80"}


def normalize_column(texts: pa.StringArray) -> pa.StringArray:
    """`normalize_texts` of a column without nulls, on its bytes as far as that goes."""
    rare = _are_rare(texts)
    rows = np.flatnonzero(rare)
    if len(rows):
        mended = _normalize_rare(texts.take(pa.array(rows)))
        texts = pc.replace_with_mask(texts, pa.array(rare), mended)
    if _any_loose(texts):
        texts = _squeeze(texts)
    return texts


def _are_rare(texts: pa.StringArray) -> np.ndarray:
    """bool [n]: the rows of `_RARE`."""
    data, starts = laid_out(texts)
    leads = data >= 0xC0
    if np.count_nonzero(leads) * _FEW > len(data):
        return pc.match_substring_regex(texts, _RARE).to_numpy(zero_copy_only=False)
    # Where few characters are not ASCII, these are looked up instead of all being looked through.
    first = np.flatnonzero(leads)
    found = np.zeros(len(texts), bool)
    filled = np.flatnonzero(starts[1:] > starts[:-1])
    found[filled] = _WHICH_SPACE[data[starts[filled]]]
    rare = first[_rare_table()[code_points(data, first)]]
    found[np.searchsorted(starts, rare, side="right") - 1] = True
    return found


@functools.cache
def _rare_table() -> np.ndarray:
    """bool [0x110000]: the characters beyond ASCII that make a row one of `_RARE`."""
    table = np.ones(0x110000, bool)
    for first, last in re.findall(r"\\x(?:\{(\w+)\}|00)-\\x\{(\w+)\}", _PLAIN):
        table[int(first or "0", 16) : int(last, 16) + 1] = False
    for code in np.flatnonzero(~table).tolist():
        table[code] = chr(code).isspace()
    return table


def _any_loose(texts: pa.StringArray) -> bool:
    """Whether a row has ASCII white space other than single U+0020 between words."""
    data, starts = laid_out(texts)
    if data.min(initial=0xFF) < 0x20:
        return True
    space = data == 0x20
    stops = starts[1:][starts[1:] > starts[:-1]]
    return bool((space[1:] & space[:-1]).any() or space[stops - 1].any())


def _normalize_rare(texts: pa.StringArray) -> pa.StringArray:
    long = pc.binary_length(texts).to_numpy() > _LONG
    if not long.any():
        return pa.array(normalize_texts(texts.to_pylist()), pa.string())
    found = [
        _normalize_long(memoryview(text.as_buffer()))
        if is_long
        else normalize_texts([text.as_py()])[0].encode()
        for text, is_long in zip(texts, long.tolist(), strict=True)
    ]
    return pa.array(found, pa.binary()).view(pa.string())


def _normalize_long(data: memoryview) -> bytes:
    """`normalize_texts` of one text, as UTF-8, for nearly every text without all of it as a Python
    text."""
    found: list[bytes] = []
    space = False  # whether white space follows what is found
    for piece in _pieces(data):
        piece = _nfc(piece)
        if words := " ".join(piece.split()):
            if found and (space or piece[0].isspace()):
                found.append(b" ")
            found.append(words.encode())
        space = piece[-1].isspace()
    return b"".join(found)


def _pieces(data: memoryview) -> Iterator[str]:
    """A text, given as UTF-8, in pieces each of which NFC leaves to itself; none is empty."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    waiting = ""
    for start in range(0, len(data), _LONG):
        waiting += decoder.decode(data[start : start + _LONG])
        for place in range(len(waiting) - 1, max(0, len(waiting) - _LOOKED_THROUGH), -1):
            if _FIRST_OF_PIECE.match(waiting, place):
                yield waiting[:place]
                waiting = waiting[place:]
                break
    if waiting:
        yield waiting


def _squeeze(texts: pa.StringArray) -> pa.StringArray:
    """Every run of white space as one space, none at the end; no row begins with one."""
    data, offsets = laid_out(texts)
    space = in_ranges(data, _SPACE_RANGES)
    # Of each run the last is kept, and the end of a row counts as a space that follows.
    dropped = space.copy()
    dropped[:-1] &= space[1:]
    stops = offsets[1:][np.diff(offsets) > 0]
    dropped[stops - 1] = space[stops - 1]
    return _without(np.where(space, np.uint8(0x20), data), offsets, dropped)


def _without(kept: np.ndarray, offsets: np.ndarray, dropped: np.ndarray) -> pa.StringArray:
    """Rows without some of their bytes, uint8 [m]; dropped bool [m]."""
    if dropped.any():
        kept = without(kept, dropped)
        offsets = offsets.copy()
        offsets[1:] -= np.cumsum(row_sums(dropped, offsets), dtype=np.int32)
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(kept))


def normalize_texts(texts: Sequence[str]) -> list[str]:
    """NFC, every run of white space (no-break and line ends too) as one space, none at the ends."""
    return [" ".join(text.split() if text.isascii() else _nfc(text).split()) for text in texts]


def _nfc(text: str) -> str:
    if len(text) > _MOST_MARKS:
        for letter, marks in _MARKS_IN_ONE.items():
            text = text.replace(letter, marks)
        text = _many_marks().sub(_in_order, text)
    return unicodedata.normalize("NFC", text)


def _in_order(marks: re.Match[str]) -> str:
    """A run of combining marks in canonical order, which NFC leaves as it is.

    The order is that of UAX 15, section 1.3. Python's own sort (3.11) takes the square of the run's
    length: minutes for a megabyte.
    """
    codes = np.frombuffer(marks[0].encode("utf-32-le"), np.uint32)
    order = np.argsort(_combining_classes()[codes], kind="stable")
    return codes[order].tobytes().decode("utf-32-le")


@functools.cache
def _combining_classes() -> np.ndarray:
    """uint8 [n]: the canonical combining class of each code point; there are none beyond n."""
    classes = bytes(map(unicodedata.combining, map(chr, range(0x1F000))))
    return np.frombuffer(classes, np.uint8)


@functools.cache
def _many_marks() -> re.Pattern[str]:
    marks = "".join(map(chr, np.flatnonzero(_combining_classes()).tolist()))
    return re.compile(f"[{marks}]{{{_MOST_MARKS},}}")


def reduce_sources(sources: pa.StringArray) -> pa.StringArray:
    """What two sources have in common that differ only in case, digits, punctuation and spaces.

    Texts of nothing else stay as they are. Used to keep training sources out of the test data: with
    software's texts, "Page 3 of 7" in training gives "Page 4 of 9" in the test away.
    """
    codes, offsets = laid_out(sources)
    data = codes.tobytes()
    dropped = np.frombuffer(data.translate(_WHICH_REDUCED), bool)
    reduced = _without(np.frombuffer(data.lower(), np.uint8), offsets, dropped)
    other = pc.invert(pc.string_is_ascii(sources))
    if pc.any(other).as_py():
        texts = pc.utf8_lower(sources.filter(other))
        texts = pc.replace_substring_regex(texts, r"[\p{N}\p{P}\s]+", "")
        reduced = pc.replace_with_mask(reduced, other, texts)
    return pc.if_else(pc.equal(reduced, ""), sources, reduced)
