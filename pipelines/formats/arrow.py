"""Arrow IPC, which Feather (version 2) is as well: files, whose units are runs of record batches,
and streams, which are one unit. Fields are found as `columns` says.

Which of the two it is shows in the first bytes (Arrow columnar format, "IPC File Format").
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import columns, lines

_FILE = b"ARROW1"
_FEATHER_1 = b"FEA1"
_BATCH_ROWS = 20_000


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """What Arrow says of a damaged file, as an `InputError`."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as Arrow ({reason}); is it complete?") from None


@contextlib.contextmanager
def _opened(path: str) -> Iterator[pa.NativeFile]:
    with _named(path):
        if files.is_remote(path):
            with files.open_read(path) as stream, pa.PythonFile(stream, "r") as source:
                yield source
        else:
            # Of a mapped file only the columns that are wanted are ever read.
            with pa.memory_map(path) as source:
                yield source


def _is_file(source: pa.NativeFile, path: str) -> bool:
    head = source.read(len(_FILE))
    source.seek(0)
    if head.startswith(_FEATHER_1):
        raise InputError(f"{path}: is Feather of version 1; write it again as version 2")
    return head == _FILE


def cut(path: str, unit_bytes: int) -> list[tuple[int, int, int]]:
    """(first record batch, batch after the last, stored bytes) of each unit; at least one.

    The batches of a file count as equally large. A stream is one unit, (0, -1).
    """
    with _opened(path) as source:
        total = source.size()
        if not _is_file(source, path):
            pa.ipc.open_stream(source)
            return [(0, -1, total)]
        batches = pa.ipc.open_file(source).num_record_batches
    pieces = max(1, min(batches, -(-total // max(1, unit_bytes))))
    bounds = [batches * piece // pieces for piece in range(pieces + 1)]
    sizes = [total * piece // pieces for piece in range(pieces + 1)]
    return [(bounds[n], bounds[n + 1], sizes[n + 1] - sizes[n]) for n in range(pieces)]


def check(path: str, fields: Sequence[str]) -> None:
    """Raises `InputError` when a field is no column, or no column of text."""
    with _opened(path) as source:
        opener = pa.ipc.open_file if _is_file(source, path) else pa.ipc.open_stream
        schema = opener(source).schema
    for field in fields:
        columns.find(schema, field, path)


def read(unit: Unit, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row per row. Errors: "missing_field" (null) and "not_utf8"."""
    row = 0
    with _opened(unit.path) as source:
        for batch in _batches(source, unit, fields):
            paths = [columns.find(batch.schema, field, unit.path) for field in fields]
            # An offset that points out of the buffer must not be followed.
            batch.validate(full=True)
            row_bytes = batch.nbytes / max(1, batch.num_rows)
            rows = max(1, min(_BATCH_ROWS, int(lines.BATCH_BYTES / max(1.0, row_bytes))))
            for start in range(0, batch.num_rows, rows):
                for some in columns.read(row, batch.slice(start, rows), fields, paths):
                    yield some
                    row += some.num_rows


def _batches(source: pa.NativeFile, unit: Unit, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The record batches of a unit, with the columns that the fields need."""
    opener = pa.ipc.open_file if _is_file(source, unit.path) else pa.ipc.open_stream
    schema = opener(source).schema
    source.seek(0)
    tops = {columns.find(schema, field, unit.path)[0] for field in fields}
    wanted = [place for place, name in enumerate(schema.names) if name in tops]
    reader = opener(source, options=pa.ipc.IpcReadOptions(included_fields=wanted))
    if unit.stop < 0:
        yield from reader
        return
    for number in range(unit.start, unit.stop):
        yield reader.get_batch(number)
