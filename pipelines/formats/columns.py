"""Columns of Arrow tables as text, for Parquet and Arrow files; dots in a field's name reach into
nested columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.errors import InputError, MissingColumnError

from .. import records
from . import lines

MISSING_FIELD = "missing_field"


def find(schema: pa.Schema, field: str, path: str) -> list[str]:
    """The names that lead to a field. A column that is spelled with its dots wins over a nested
    one.

    Raises:
      InputError: the file `path` has no such column, or it is no column of text.
    """
    names = [field] if field in schema.names else field.split(".")
    kind: pa.DataType = pa.struct(list(schema))
    for name in names:
        if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            raise MissingColumnError(
                f"{path}: has no column {field!r}; it has {', '.join(_leaves(schema)) or 'none'}"
            )
        kind = kind.field(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type  # pyright: ignore
    # A column of nothing but nulls may have no type.
    textual = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_null,
    )
    binary = (pa.types.is_binary, pa.types.is_large_binary)
    if not any(is_kind(kind) for is_kind in (*textual, *binary)):
        raise InputError(
            f"{path}: the column {field!r} holds {kind}, not text; name a column of text"
        )
    return names


def _leaves(schema: pa.Schema) -> list[str]:
    found: list[str] = []

    def walk(prefix: str, fields: Sequence[pa.Field]) -> None:
        for field in fields:
            if pa.types.is_struct(field.type):
                walk(f"{prefix}{field.name}.", [*field.type])
            else:
                found.append(prefix + field.name)

    walk("", list(schema))
    return found


def read(
    first_row: int, batch: pa.RecordBatch, fields: Sequence[str], paths: Sequence[Sequence[str]]
) -> Iterator[pa.RecordBatch]:
    """The batches that every reader gives, of some rows of a table.

    Args:
      first_row: number of the first of them. paths: what `find` gave for each field.
    """
    for some in _bounded(batch, paths):
        columns = [_texts(some, path) for path in paths]
        yield _checked(first_row, some.num_rows, fields, columns)
        first_row += some.num_rows


def _bounded(batch: pa.RecordBatch, paths: Sequence[Sequence[str]]) -> Iterator[pa.RecordBatch]:
    """A batch in pieces whose text is bounded: in a dictionary, a long one counts only once."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for path in paths:
        column = _leaf(batch, path)
        if pa.types.is_dictionary(column.type):
            values = column.dictionary.cast(pa.large_binary())
            lengths = pc.binary_length(values).take(column.indices)  # pyright: ignore
        elif pa.types.is_null(column.type):
            continue
        else:
            lengths = pc.binary_length(column.cast(pa.large_binary()))  # pyright: ignore
        sizes += pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    number = np.cumsum(sizes) // lines.BATCH_BYTES
    starts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), batch.num_rows]
    for start, stop in zip(starts[:-1], starts[1:], strict=True):
        yield batch.slice(start, stop - start)


def _leaf(some: pa.RecordBatch, path: Sequence[str]) -> pa.Array:
    """The column; null where it, or an object around it, is null."""
    column = some.column(path[0])
    for name in path[1:]:
        column = pc.struct_field(column, name)  # pyright: ignore[reportAttributeAccessIssue]
    return column


def _texts(some: pa.RecordBatch, path: Sequence[str]) -> pa.Array:
    """The column as bytes."""
    column = _leaf(some, path)
    if pa.types.is_dictionary(column.type):
        if pa.types.is_string_view(column.type.value_type):  # which cannot be decoded
            values = column.dictionary.cast(pa.large_binary())
            column = values.take(column.indices)  # pyright: ignore
        else:
            column = column.dictionary_decode()
    return column.cast(pa.binary())


def _checked(
    first_row: int, count: int, fields: Sequence[str], columns: list[pa.Array]
) -> pa.RecordBatch:
    missing = np.zeros(count, bool)
    for column in columns:
        missing |= column.is_null().to_numpy(zero_copy_only=False)
    errors: list[str | None] = [MISSING_FIELD if null else None for null in missing]
    large = np.zeros(count, bool)
    for column in columns:
        sizes = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)  # pyright: ignore
        large |= sizes > lines.LONGEST_LINE
    if large.any():
        errors = [
            lines.TOO_LARGE if is_large and error is None else error
            for is_large, error in zip(large, errors, strict=True)
        ]
        columns = [
            pc.if_else(pa.array(large), pa.scalar(None, pa.binary()), column)  # pyright: ignore
            for column in columns
        ]
    try:
        texts = [column.cast(pa.string()).to_pylist() for column in columns]
    except pa.ArrowInvalid:  # some cell is not UTF-8
        texts = [[_decode(cell) for cell in column.to_pylist()] for column in columns]
        for row in range(count):
            if errors[row] is None and any(cells[row] is None for cells in texts):
                errors[row] = lines.NOT_UTF8
    for cells in texts:
        for row in range(count):
            if errors[row] is not None:
                cells[row] = None
    rows = np.arange(first_row, first_row + count, dtype=np.int64)
    return pa.RecordBatch.from_arrays(
        [pa.array(rows), pa.array(errors, pa.string())]
        + [pa.array(cells, pa.string()) for cells in texts],
        schema=pa.schema(
            [records.ROW, records.ERROR, *(pa.field(field, pa.string()) for field in fields)]
        ),
    )


def _decode(cell: bytes | None) -> str | None:
    try:
        return None if cell is None else cell.decode()
    except UnicodeDecodeError:
        return None
