"""JSON Lines: one object per line; dots in a field's name reach into nested objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ..units import Unit
from . import lines, rows

_MISSING = object()


def read(unit: Unit, fields: Sequence[str], raw: bool) -> Iterator[pa.RecordBatch]:
    """One row per line.

    Errors: "not_utf8", "empty_line", "malformed_json", "not_an_object", "missing_field" (absent or
    null) and "not_text" (a number, a list ...).
    """
    row = 0
    paths = [(field, field.split(".")) for field in fields]
    for some in lines.read_lines(unit):
        texts = lines.decode(some.bodies, first_of_file=row == 0 and unit.start == 0)
        errors: list[str | None] = []
        columns: list[list[str | None]] = [[] for _ in fields]
        for text in texts:
            error, values = _parse(text, paths)
            errors.append(error)
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        yield lines.batch(row, errors, some.raw() if raw else None, fields, columns)
        row += len(texts)


def _parse(
    text: str | None, paths: list[tuple[str, list[str]]]
) -> tuple[str | None, list[str | None]]:
    nothing: list[str | None] = [None] * len(paths)
    if text is None:
        return lines.NOT_UTF8, nothing
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return ("malformed_json" if text.strip() else "empty_line"), nothing
    if not isinstance(record, dict):
        return "not_an_object", nothing
    values: list[str | None] = []
    for field, path in paths:
        value = _find(record, field, path)
        if value is _MISSING or value is None:
            return "missing_field", nothing
        if not isinstance(value, str):
            return "not_text", nothing
        if not rows.has_utf8(value):
            return lines.NOT_UTF8, nothing
        values.append(value)
    return None, values


def _find(record: dict[str, Any], field: str, path: list[str]) -> Any:
    """A key that is spelled with its dots wins over a nested one."""
    if field in record:
        return record[field]
    value: Any = record
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = value[name]
    return value
