"""Text to the one form that everything after works on: Unicode NFC, single spaces, no space at the
ends. Pure functions on columns.

>>> normalize_texts(["  Cafe\\u0301\\u00a0au  lait\\n"])
['Café au lait']
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


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
    reduced = pc.replace_substring_regex(pc.utf8_lower(sources), r"[\p{N}\p{P}\s]+", "")
    return pc.if_else(pc.equal(reduced, ""), sources, reduced)
