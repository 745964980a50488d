"""Texts to pairs that teach a model to go on: a stretch of a text, and the stretch behind it.

A stretch is as many whole sentences as there is room for, so that cuts are where a reader would
pause. Every stretch but the first is a target, every one but the last a source: a text of n
stretches gives n - 1 pairs.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from .. import records
from ..deduplication import dedup
from ..texts import segmentation
from ..texts.normalize import normalize_column, reduce_sources
from . import document_rules

# The rule for a text that is all one stretch.
TOO_SHORT = "no_continuation"

# What the receipts of units call such rows, which are no lines of a file.
FORMAT = "stretches"

_NO_BOUNDS: dict[str, float] = {}
_COLUMNS = ("source", "target", *records.KEYS.names[1:])


def stretches(text: str, language: str, most: int) -> list[str]:
    """A text cut at the ends of sentences into stretches of at most `most` characters each; a
    sentence that is longer is a stretch of its own. What holds no letter before the first sentence
    or behind a stretch's last one is left out.

    >>> stretches("One two. Three.\\n\\nFour five six seven.", "en", 16)
    ['One two. Three.', 'Four five six seven.']
    """
    layout = segmentation.split_text(text, language)
    found: list[str] = []
    held = ""
    for gap, sentence in zip(layout.gaps, layout.segments, strict=False):
        longer = f"{held}{gap}{sentence}" if held else sentence
        if held and len(longer) > most:
            found.append(held)
            longer = sentence
        held = longer
    return [*found, held] if held else found


def pairs(
    batches: Iterator[pa.RecordBatch],
    language: str,
    most: int,
    bounds: dict[str, float] = _NO_BOUNDS,
) -> Iterator[pa.RecordBatch]:
    """Rows of texts -> rows of pairs.

    Args:
      batches: as a reader gives them (see `formats.registry`), with one field. most: characters of
        a stretch. bounds: of the rules of `clean.documents` that are on.

    Yields the same columns with two fields, source and target, for the one, and the hashes of
    `records.KEYS` behind them: of the whole text, and of a pair's place in it, so that pairs of a
    text are split off, or dropped as duplicates, together. `row` counts pairs; a text that gives
    none is one row with an error: its own where it could not be read, the rule of `bounds` that
    rejects it, or `TOO_SHORT`.
    """
    first_row = 0
    for batch in batches:
        made = _cut(batch, language, most, bounds, first_row)
        first_row += made.num_rows
        yield made


def _cut(
    batch: pa.RecordBatch, language: str, most: int, bounds: dict[str, float], first_row: int
) -> pa.RecordBatch:
    errors: list[str | None] = []
    sides: list[tuple[str | None, str | None]] = []
    row_of: list[int] = []
    place: list[int] = []
    given, texts = batch.columns[1].to_pylist(), batch.columns[-1].to_pylist()
    for row, (error, text) in enumerate(zip(given, texts, strict=True)):
        if text is not None and bounds and not error:
            error = document_rules.judge(text, language, bounds)
        cut = [] if text is None or error else stretches(text, language, most)
        made = list(itertools.pairwise(cut))
        errors += [None] * len(made) if made else [error or TOO_SHORT]
        sides += made or [(text, None)]
        row_of += [row] * max(1, len(made))
        place += range(max(1, len(made)))
    rows = np.arange(first_row, first_row + len(errors), dtype=np.int64)
    # Of the rows that could not be used alone: a text's bytes must not be there once for each pair.
    kept = pa.array([r if e else None for r, e in zip(row_of, errors, strict=True)], pa.int64())
    hashes = _hashes(batch.columns[-1], np.array(row_of, np.int64), np.array(place, np.uint64))
    return pa.RecordBatch.from_arrays(
        [
            pa.array(rows),
            pa.array(errors, pa.string()),
            *(column.take(kept) for column in batch.columns[2:-1]),
            pa.array([source for source, _ in sides], pa.string()),
            pa.array([target for _, target in sides], pa.string()),
            *map(pa.array, hashes.T),
        ],
        names=[*batch.schema.names[:-1], *_COLUMNS],
    )


def _hashes(texts: pa.StringArray, row_of: np.ndarray, place: np.ndarray) -> np.ndarray:
    """uint64 [n, 4], as of `clean.hash_records`, of n pairs.

    texts: of all rows. row_of, place: int64 [n] and uint64 [n], of each pair: its row, and where it
    stands among the pairs of its text.
    """
    known = normalize_column(pa.array([text or "" for text in texts.to_pylist()], pa.string()))
    groups = dedup.hash_texts("group", reduce_sources(known))[row_of]
    equal = dedup.hash_texts("text", known)[row_of]
    with np.errstate(over="ignore"):
        equal = equal + place[:, None] * np.uint64(0x9E3779B97F4A7C15)
    return np.concatenate([groups, equal], axis=1)
