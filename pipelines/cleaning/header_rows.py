"""Whether the names of columns were read as a pair: TSV files are taken for ones without a header
unless `data.tsv_header` says otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..config import PrepareConfig
from . import clean

# What the columns of parallel text are called, lower-cased; the job's own names come to it.
_NAMES = {"source", "target", "src", "tgt", "trg", "text", "translation", "original", "reference"}
_TSV = re.compile(r"\.tsv(\.\w+)?$", re.IGNORECASE)


def has_none(config: PrepareConfig, path: str) -> bool:
    """Whether a file of pairs is TSV that is read by the order of its columns."""
    return bool(_TSV.search(path)) and not config.data.tsv_header


def find(config: PrepareConfig, chunks: Sequence[clean.Chunk]) -> list[str]:
    """A warning for the TSV files of pairs whose first row, as read, is two names of columns."""
    if config.data.tsv_header:
        return []
    data = config.data
    own = (data.source_field, data.target_field, config.source_lang, config.target_lang)
    names = _NAMES | {name.casefold() for name in own}
    found: dict[str, tuple[str, str]] = {}
    for path, first in _first_chunks(chunks).items():
        kept = clean.read_kept(config, first).slice(0, 1).to_pylist()
        if kept and kept[0]["row"] == 0:
            pair = kept[0]["source"], kept[0]["target"]
            if all(side.casefold() in names for side in pair):
                found[path] = pair
    if not found:
        return []
    path, (source, target) = next(iter(found.items()))
    others = f" (one of {len(found)} such files)" if len(found) > 1 else ""
    return [
        f"the first row of {path}{others}, {source!r} and {target!r}, looks like names of columns "
        "and was read as a pair; set data.tsv_header: true if it is a header"
    ]


def _first_chunks(chunks: Sequence[clean.Chunk]) -> dict[str, clean.Chunk]:
    """Path -> the first chunk of records, of TSV files of pairs."""
    found: dict[str, clean.Chunk] = {}
    for chunk in chunks:
        if _TSV.search(chunk.path) and not chunk.role.startswith(clean.MONOLINGUAL):
            found.setdefault(chunk.path, chunk)
    return found
