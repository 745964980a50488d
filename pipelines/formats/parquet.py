"""Parquet: units are runs of row groups; dots in a field's name reach into nested columns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from electra_model.errors import InputError

from .. import files, records
from ..units import Unit
from . import lines

_BATCH_ROWS = 20_000


@contextlib.contextmanager
def _opened(path: str, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """dictionaries: columns of text that are given as such, where they are stored as such."""
    try:
        with (
            files.open_read(path) as stream,
            pq.ParquetFile(stream, read_dictionary=list(dictionaries)) as table,
        ):
            yield table
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _damaged(path, reason) from None


def _damaged(path: str, reason: str) -> InputError:
    return InputError(
        f"{path}: cannot be read as Parquet ({reason}); is it complete? Copy or write it again"
    )


def cut(path: str, unit_bytes: int) -> list[tuple[int, int, int]]:
    """(first row group, row group after the last, stored bytes) of each unit; at least one."""
    with _opened(path) as table:
        # Of a group only its own numbers: with damaged statistics, to look at its columns ends the
        # process (pyarrow 25).
        groups = [table.metadata.row_group(group) for group in range(table.metadata.num_row_groups)]
        sizes = [group.total_byte_size for group in groups]
        rows = sum(group.num_rows for group in groups)
        if rows != table.metadata.num_rows:
            raise _damaged(
                path, f"{table.metadata.num_rows:,} rows in all, {rows:,} in its row groups"
            )
    pieces: list[tuple[int, int, int]] = []
    start = size = 0
    for group, group_size in enumerate(sizes):
        size += group_size
        if size >= unit_bytes or group == len(sizes) - 1:
            pieces.append((start, group + 1, size))
            start, size = group + 1, 0
    return pieces or [(0, 0, 0)]


def check(path: str, fields: Sequence[str]) -> None:
    """Raises `InputError` when a field is no column, or no column of text."""
    with _opened(path) as table:
        for field in fields:
            _column_of(table.schema_arrow, field, path)


def read(unit: Unit, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row per row. Errors: "missing_field" (null) and "not_utf8"."""
    row = 0
    with _opened(unit.path) as table:
        paths = [_column_of(table.schema_arrow, field, unit.path) for field in fields]
        wanted = list(dict.fromkeys(".".join(path) for path in paths))
    groups = list(range(unit.start, unit.stop))
    if not groups:
        return
    with _opened(unit.path, wanted) as table:
        stored = [table.metadata.row_group(group) for group in groups]
        row_bytes = sum(group.total_byte_size for group in stored) / max(
            1, sum(group.num_rows for group in stored)
        )
        rows = max(1, min(_BATCH_ROWS, int(lines.BATCH_BYTES / max(1.0, row_bytes))))
        for batch in table.iter_batches(rows, row_groups=groups, columns=wanted):
            for some in _bounded(batch, paths):
                columns = [_texts(some, path) for path in paths]
                yield _checked(row, some.num_rows, fields, columns)
                row += some.num_rows
        if row != sum(group.num_rows for group in stored):
            raise _damaged(unit.path, f"rows are missing after row {row:,} of a part of it")


def _bounded(batch: pa.RecordBatch, paths: list[list[str]]) -> Iterator[pa.RecordBatch]:
    """A batch in pieces whose text is bounded: in a dictionary, a long one counts only once."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for path in paths:
        column = _leaf(batch, path)
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)  # pyright: ignore
        elif pa.types.is_null(column.type):
            continue
        else:
            lengths = pc.binary_length(column.cast(pa.large_binary()))  # pyright: ignore
        sizes += pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    number = np.cumsum(sizes) // lines.BATCH_BYTES
    starts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), batch.num_rows]
    for start, stop in zip(starts[:-1], starts[1:], strict=True):
        yield batch.slice(start, stop - start)


def _column_of(schema: pa.Schema, field: str, path: str) -> list[str]:
    """The names that lead to a field. A column that is spelled with its dots wins over a nested
    one.
    """
    names = [field] if field in schema.names else field.split(".")
    kind: pa.DataType = pa.struct(list(schema))
    for name in names:
        if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            raise InputError(
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


def _leaf(some: pa.RecordBatch, path: list[str]) -> pa.Array:
    """The column; null where it, or an object around it, is null."""
    column = some.column(path[0])
    for name in path[1:]:
        column = pc.struct_field(column, name)  # pyright: ignore[reportAttributeAccessIssue]
    return column


def _texts(some: pa.RecordBatch, path: list[str]) -> pa.Array:
    """The column as bytes."""
    column = _leaf(some, path)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.binary())


def _checked(
    first_row: int, count: int, fields: Sequence[str], columns: list[pa.Array]
) -> pa.RecordBatch:
    missing = np.zeros(count, bool)
    for column in columns:
        missing |= column.is_null().to_numpy(zero_copy_only=False)
    errors: list[str | None] = ["missing_field" if null else None for null in missing]
    try:
        texts = [column.cast(pa.string()).to_pylist() for column in columns]
    except pa.ArrowInvalid:  # some cell is not UTF-8
        texts = [[_decode(cell) for cell in column.to_pylist()] for column in columns]
        for row in range(count):
            if not missing[row] and any(cells[row] is None for cells in texts):
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
