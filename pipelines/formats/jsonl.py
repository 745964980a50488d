"""JSON Lines: one object per line; dots in a field's name reach into nested objects."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa

from ..units import Unit
from . import lines, rows

_MISSING = object()
# Nested objects whose fields a message names.
_DEEPEST = 8


def read(unit: Unit, fields: Sequence[str], raw: bool) -> Iterator[pa.RecordBatch]:
    """One row per line.

    Errors: "not_utf8", "empty_line", "malformed_json", "not_an_object", "missing_field" (absent or
    null), "not_text" (a number, a list ...) and "too_large".
    """
    row = 0
    for some in lines.read_lines(unit):
        if some.too_large:
            yield lines.too_large(row, some, raw, fields)
        else:
            yield _batch(row, some, row == 0 and unit.start == 0, fields, raw)
        row += len(some.bodies)


def _batch(
    row: int, some: lines.Lines, first_of_file: bool, fields: Sequence[str], raw: bool
) -> pa.RecordBatch:
    bodies = lines.without_mark(some.bodies, first_of_file)
    paths = [(field, field.split(".")) for field in fields]
    errors: list[str | None] = []
    columns: list[list[str | None]] = [[] for _ in fields]
    for body in bodies:
        error, values = _parse(body, paths)
        errors.append(error)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return lines.batch(row, errors, some.raw_column() if raw else None, fields, columns)


def _parse(
    body: bytes, paths: list[tuple[str, list[str]]]
) -> tuple[str | None, Sequence[str | None]]:
    try:
        record, strict = _loads(body)
    except UnicodeDecodeError:
        return lines.NOT_UTF8, [None] * len(paths)
    except (ValueError, RecursionError):
        error = "malformed_json" if body.decode().strip() else "empty_line"
        return error, [None] * len(paths)
    if not isinstance(record, dict):
        return "not_an_object", [None] * len(paths)
    values: list[str | None] = []
    for field, path in paths:
        value = record.get(field)
        if value is None:
            value = _find(record, field, path)
        if value is _MISSING or value is None:
            return "missing_field", [None] * len(paths)
        if not isinstance(value, str):
            return "not_text", [None] * len(paths)
        if not strict and not rows.has_utf8(value):
            return lines.NOT_UTF8, [None] * len(paths)
        values.append(value)
    return None, values


def _loads(body: bytes) -> tuple[Any, bool]:
    """The value, and whether its texts are sure to be UTF-8. Raises ValueError, RecursionError."""
    try:
        return orjson.loads(body), True
    except orjson.JSONDecodeError:
        # Python's own parser takes more: NaN and lone surrogates.
        return json.loads(body.decode()), False


def are_without_text(bodies: Sequence[bytes], field: str) -> bool:
    """Whether there are objects among these lines and no one has text in the field."""
    records = _objects(bodies)
    path = field.split(".")
    return bool(records) and not any(isinstance(_find(r, field, path), str) for r in records)


def fields_with_text(bodies: Sequence[bytes]) -> list[str]:
    """The fields in which any of these lines has text, in their order; with dots where they are in
    nested objects."""
    found: dict[str, None] = {}
    waiting = [("", record, 0) for record in reversed(_objects(bodies))]
    while waiting:
        prefix, value, depth = waiting.pop()
        if isinstance(value, str):
            found[prefix] = None
        elif isinstance(value, dict) and depth <= _DEEPEST:
            before = f"{prefix}." if depth else ""
            nested = [
                (f"{before}{name}", part, depth + 1)
                for name, part in value.items()
                if rows.has_utf8(name)
            ]
            waiting += reversed(nested)
    return [*found]


def _objects(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """Those of the lines that are JSON objects."""
    found = []
    for body in bodies:
        with contextlib.suppress(ValueError, RecursionError):
            record, _ = _loads(body)
            if isinstance(record, dict):
                found.append(record)
    return found


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
