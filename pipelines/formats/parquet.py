"""Parquet: units are runs of row groups; fields are found as `columns` says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import columns, lines

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
            columns.find(table.schema_arrow, field, path)


def read(unit: Unit, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row per row. Errors: "missing_field" (null), "not_utf8" and "too_large"."""
    row = 0
    with _opened(unit.path) as table:
        paths = [columns.find(table.schema_arrow, field, unit.path) for field in fields]
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
            for some in columns.read(row, batch, fields, paths):
                yield some
                row += some.num_rows
        if row != sum(group.num_rows for group in stored):
            raise _damaged(unit.path, f"rows are missing after row {row:,} of a part of it")
