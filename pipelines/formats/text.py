"""Plain text: every line is a row, whatever the one field is called."""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from electra_model.errors import InputError

from ..units import Unit
from . import lines

# How a message names a file of a format.
_KINDS = {"html": "an HTML page", "markdown": "a Markdown file", "warc": "a WARC file"}


def check(unit: Unit, fields: Sequence[str]) -> None:
    """Raises `InputError` where more than the one column is wanted that text without fields has."""
    if len(fields) != 1:
        kind = _KINDS.get(unit.format, "a text file")
        raise InputError(
            f"{unit.path}: {kind} has one column, {' and '.join(fields)} are {len(fields)}; "
            "use .tsv, .csv, .jsonl, .parquet or a pair of files for pairs"
        )


def read(unit: Unit, fields: Sequence[str], raw: bool) -> Iterator[pa.RecordBatch]:
    """One row per line; a blank line is a row with an empty text. Errors: "not_utf8" and
    "too_large"."""
    row = 0
    for some in lines.read_lines(unit):
        if some.too_large:
            yield lines.too_large(row, some, raw, fields)
            row += 1
            continue
        texts = lines.decode_column(some.bodies, first_of_file=row == 0 and unit.start == 0)
        errors = pc.if_else(texts.is_null(), lines.NOT_UTF8, pa.scalar(None, pa.string()))
        yield lines.batch(row, errors, some.raw_column() if raw else None, fields, [texts])
        row += len(texts)
