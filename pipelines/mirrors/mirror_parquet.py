"""Parquet output in the form of Parquet input: the same schema, row groups and codecs, and three
more columns.

The parts of units are Arrow streams; nothing but the row group at hand is ever in memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .. import files
from ..units import Unit
from . import mirror
from .mirror import Answer


def columns(path: str) -> list[str]:
    """The names of the columns at the top level."""
    with files.open_read(path) as stream, pq.ParquetFile(stream) as table:
        return list(table.schema_arrow.names)


def rows(path: str) -> int:
    """How many rows the file has."""
    with files.open_read(path) as stream, pq.ParquetFile(stream) as table:
        return table.metadata.num_rows


def regroup(path: str, target: str, unit_bytes: int) -> str:
    """Copies a file whose row groups are larger than units to one with smaller ones.

    Units of Parquet are row groups; one of a million rows would be lost as a whole by a kill.
    Returns the name of the copy, which begins with `target` and tells how it was cut; `path` itself
    when its row groups are small enough.
    """
    with files.open_read(path) as stream, pq.ParquetFile(stream) as table:
        sizes = [
            table.metadata.row_group(group).total_byte_size
            for group in range(table.metadata.num_row_groups)
        ]
        if max(sizes, default=0) <= 2 * unit_bytes:
            return path
        batch_rows = max(1, table.metadata.num_rows * unit_bytes // sum(sizes))
        copy = f"{target}-{batch_rows}.parquet"
        if not files.exists(copy):
            batches = (pa.Table.from_batches([some]) for some in table.iter_batches(batch_rows))
            files.write_atomic(copy, _written(table.schema_arrow, batches, {}))
        return copy


def part(unit: Unit, answers: Sequence[Answer], output_field: str) -> bytes:
    """The rows of a unit with their answers, as an Arrow stream."""
    with files.open_read(unit.path) as stream, pq.ParquetFile(stream) as file:
        table = file.read_row_groups(range(unit.start, unit.stop))
    table = extend_table(table, answers, output_field)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def extend_table(table: pa.Table, answers: Sequence[Answer], output_field: str) -> pa.Table:
    """A table with three more columns: string, float64 and string, all nullable."""
    translation, score, error = mirror.field_names(output_field)
    for name, kind, values in (
        (translation, pa.string(), [answer.translation for answer in answers]),
        (score, pa.float64(), [answer.score for answer in answers]),
        (error, pa.string(), [answer.error for answer in answers]),
    ):
        table = table.append_column(pa.field(name, kind), pa.array(values, kind))
    return table


def joined(path: str, parts: Iterable[bytes], output_field: str) -> Iterator[bytes]:
    """The parts of all units of a file, in order, as the bytes of one Parquet file."""
    with files.open_read(path) as stream, pq.ParquetFile(stream) as table:
        metadata = table.metadata
        schema = extend_table(table.schema_arrow.empty_table(), [], output_field).schema
    groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    codecs = {}
    if groups:
        group = metadata.row_group(0)
        for number in range(group.num_columns):
            column = group.column(number)
            codecs[column.path_in_schema] = _codec(column.compression)
    yield from _written(schema, _regrouped(parts, groups), codecs)


def _codec(name: str) -> str:
    return "none" if name == "UNCOMPRESSED" else name.lower()


def _regrouped(parts: Iterable[bytes], groups: Sequence[int]) -> Iterator[pa.Table]:
    """The rows of the parts in tables of as many rows as `groups` says."""
    held: list[pa.Table] = []
    count = 0
    wanted = iter(groups)
    size = next(wanted, 0)
    for data in parts:
        table = pa.ipc.open_stream(data).read_all()
        held.append(table)
        count += table.num_rows
        while size and count >= size:
            together = pa.concat_tables(held)
            yield together.slice(0, size)
            held = [together.slice(size)]
            count -= size
            size = next(wanted, 0)


def _written(
    schema: pa.Schema, tables: Iterable[pa.Table], codecs: dict[str, str]
) -> Iterator[bytes]:
    """Tables -> the bytes of a Parquet file, one row group for each, handed on as they come."""
    sink = _Sink()
    compression: Any = codecs or "snappy"  # for each column, or for all
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression=compression) as writer:
        for table in tables:
            writer.write_table(table.cast(schema), row_group_size=max(1, table.num_rows))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file for writing whose content is taken away piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        piece = bytes(data)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
