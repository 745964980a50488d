"""Text to the one form that everything after works on: Unicode NFC, single spaces, no space at the
ends. Pure functions on columns.

>>> normalize_texts(["  Cafe\\u0301\\u00a0au  lait\\n"])
['Café au lait']
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.word_columns import ASCII_SPACE, WIDE_SPACE, laid_out

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
_ONE_SPACE = bytes(32 if code in _SPACES else code for code in range(256))


def normalize_column(texts: pa.StringArray) -> pa.StringArray:
    """`normalize_texts` of a column without nulls, on its bytes as far as that goes."""
    rare = pc.match_substring_regex(texts, _RARE)
    rows = np.flatnonzero(rare.to_numpy(zero_copy_only=False))
    if len(rows):
        mended = normalize_texts(texts.take(pa.array(rows)).to_pylist())
        texts = pc.replace_with_mask(texts, rare, pa.array(mended, pa.string()))
    if pc.any(pc.match_substring_regex(texts, _LOOSE)).as_py():
        texts = _squeeze(texts)
    return texts


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
    places = np.flatnonzero(dropped)
    if len(places):
        kept = np.compress(~dropped, kept)
        offsets = offsets - np.searchsorted(places, offsets).astype(np.int32)
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
