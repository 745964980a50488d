"""Text to the one form that everything after works on: Unicode NFC, single spaces, no space at the
ends. Pure functions on columns.

>>> normalize_texts(["  Cafe\\u0301\\u00a0au  lait\\n"])
['Café au lait']
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.word_columns import ASCII_SPACE, WIDE_SPACE, laid_out, row_sums, without

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
# Rows whose spaces are not yet single.
_LOOSE = f"[{ASCII_SPACE.replace(' ', '')}]|  | $"
_SPACES = bytes(code for code in range(128) if re.match(f"[{ASCII_SPACE}]", chr(code)))
_WHICH_SPACE = bytes(code in _SPACES for code in range(256))
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
_ONE_SPACE = bytes(32 if code in _SPACES else code for code in range(256))


def normalize_column(texts: pa.StringArray) -> pa.StringArray:
    """`normalize_texts` of a column without nulls, on its bytes as far as that goes."""
    rare = pc.match_substring_regex(texts, _RARE)
    rows = np.flatnonzero(rare.to_numpy(zero_copy_only=False))
    if len(rows):
        texts = pc.replace_with_mask(texts, rare, _normalize_rare(texts.take(pa.array(rows))))
    if pc.any(pc.match_substring_regex(texts, _LOOSE)).as_py():
        texts = _squeeze(texts)
    return texts


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
    """`normalize_texts` of one text, as UTF-8, without all of it as a Python text."""
    found: list[bytes] = []
    space = False  # whether white space follows what is found
    for piece in _pieces(data):
        piece = unicodedata.normalize("NFC", piece)
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
    codes, offsets = laid_out(texts)
    data = codes.tobytes()
    space = np.frombuffer(data.translate(_WHICH_SPACE), bool)
    # Of each run the last is kept, and the end of a row counts as a space that follows.
    dropped = space.copy()
    dropped[:-1] &= space[1:]
    stops = offsets[1:][np.diff(offsets) > 0]
    dropped[stops - 1] = space[stops - 1]
    return _without(data.translate(_ONE_SPACE), offsets, dropped)


def _without(data: bytes, offsets: np.ndarray, dropped: np.ndarray) -> pa.StringArray:
    """Rows without some of their bytes; dropped bool [m]."""
    kept = np.frombuffer(data, np.uint8)
    if dropped.any():
        kept = without(kept, dropped)
        offsets = offsets.copy()
        offsets[1:] -= np.cumsum(row_sums(dropped.view(np.uint8), offsets), dtype=np.int32)
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(kept))


def normalize_texts(texts: Sequence[str]) -> list[str]:
    """NFC, every run of white space (no-break and line ends too) as one space, none at the ends."""
    return [
        " ".join(text.split() if text.isascii() else unicodedata.normalize("NFC", text).split())
        for text in texts
    ]


def reduce_sources(sources: pa.StringArray) -> pa.StringArray:
    """What two sources have in common that differ only in case, digits, punctuation and spaces.

    Texts of nothing else stay as they are. Used to keep training sources out of the test data: with
    software's texts, "Page 3 of 7" in training gives "Page 4 of 9" in the test away.
    """
    codes, offsets = laid_out(sources)
    data = codes.tobytes()
    dropped = np.frombuffer(data.translate(_WHICH_REDUCED), bool)
    reduced = _without(data.lower(), offsets, dropped)
    other = pc.invert(pc.string_is_ascii(sources))
    if pc.any(other).as_py():
        texts = pc.utf8_lower(sources.filter(other))
        texts = pc.replace_substring_regex(texts, r"[\p{N}\p{P}\s]+", "")
        reduced = pc.replace_with_mask(reduced, other, texts)
    return pc.if_else(pc.equal(reduced, ""), sources, reduced)
