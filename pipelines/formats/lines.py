"""Rows that are lines: cutting files into units at line ends, and reading a unit's lines.

A line ends with LF, or with CR LF; a CR by itself ends nothing. The last line need not end. Since
the byte LF never is part of another character in UTF-8, a cut is made at any byte: a line belongs
to the unit in which its first byte lies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from electra_model.errors import InputError

from .. import files, records
from ..units import Unit
from . import compression, members

BOM = b"\xef\xbb\xbf"
NOT_UTF8 = "not_utf8"

# About this much text is handed on at once.
BATCH_BYTES = 4 << 20
# And no more rows than these, for a row without text costs memory as well.
BATCH_ROWS = 100_000
# A line is in memory some five times while it is worked on.
LONGEST_LINE = 256 << 20


@dataclasses.dataclass(frozen=True)
class Lines:
    """Some lines that follow each other.

    Attributes:
      bodies: without LF; a CR before it is still there.
      ended: whether the last one had an LF (all others had).
    """

    bodies: list[bytes]
    ended: bool

    def raw(self) -> list[bytes]:
        """The lines byte for byte, their ends included."""
        raw = [body + b"\n" for body in self.bodies]
        if raw and not self.ended:
            raw[-1] = self.bodies[-1]
        return raw


def cut(path: str, unit_bytes: int) -> list[tuple[int, int]]:
    """Byte ranges of about equal size, none much larger than `unit_bytes`; at least one."""
    total = files.size(path)
    pieces = max(1, -(-total // max(1, unit_bytes)))
    bounds = [total * piece // pieces for piece in range(pieces + 1)]
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def read_lines(unit: Unit) -> Iterator[Lines]:
    """The lines whose first byte lies in the unit, in batches of about `BATCH_BYTES`.

    A byte order mark at the beginning of the file is left where it is. Raises `InputError` for
    damaged compression and for a line of more than 256 MiB.
    """
    if unit.compression is not None and unit.stop >= 0:
        blocks = members.read_whole_lines(unit.path, unit.compression, unit.start, unit.stop)
    elif unit.compression is not None:
        blocks = compression.read_packed(unit.path, unit.compression)
    else:
        start = line_start(unit.path, unit.start)
        # A unit in the midst of a long line has none of its own.
        stop = line_start(unit.path, unit.stop) if start < unit.stop else start
        blocks = compression.read_range(unit.path, start, stop)
    return split_lines(blocks, unit.path)


def split_lines(
    blocks: Iterator[bytes], path: str, batch_bytes: int = BATCH_BYTES
) -> Iterator[Lines]:
    """Blocks of bytes -> batches of whole lines."""
    waiting: list[bytes] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size >= batch_bytes and b"\n" in block:
            data = b"".join(waiting)
            end = data.rfind(b"\n") + 1
            yield from _lines(data[: end - 1], True)
            waiting, size = [data[end:]], len(data) - end
        elif size > LONGEST_LINE:
            raise _too_long(path)
    data = b"".join(waiting)
    if data:
        ended = data.endswith(b"\n")
        yield from _lines(data[:-1] if ended else data, ended)


def _lines(data: bytes, ended: bool) -> Iterator[Lines]:
    bodies = data.split(b"\n")
    for start in range(0, len(bodies), BATCH_ROWS):
        stop = start + BATCH_ROWS
        yield Lines(bodies[start:stop], ended or stop < len(bodies))


def _too_long(path: str) -> InputError:
    return InputError(
        f"{path}: a line is longer than {LONGEST_LINE >> 20} MiB, so this is hardly text; "
        "break it into lines or name the right file"
    )


def line_start(path: str, position: int) -> int:
    """Where the first line begins whose first byte is at `position` or later; the file's size if
    none does. Raises `InputError` where none does for too long.
    """
    if position == 0:
        return 0
    with files.open_read(path) as stream:
        stream.seek(position - 1)
        position -= 1
        furthest = position + LONGEST_LINE
        while block := stream.read(1 << 16):
            if position > furthest:
                raise _too_long(path)
            found = block.find(b"\n")
            if found >= 0:
                return position + found + 1
            position += len(block)
    return position


def decode(bodies: Sequence[bytes], first_of_file: bool) -> list[str | None]:
    """Lines as text: without line ends and byte order mark, None where they are not UTF-8."""
    if first_of_file and bodies and bodies[0].startswith(BOM):
        bodies = [bodies[0][len(BOM) :], *bodies[1:]]
    try:
        texts: list[str | None] = [*b"\n".join(bodies).decode().split("\n")] if bodies else []
    except UnicodeDecodeError:
        texts = [_decode_one(body) for body in bodies]
    return [text[:-1] if text and text[-1] == "\r" else text for text in texts]


def decode_column(bodies: Sequence[bytes], first_of_file: bool) -> pa.StringArray:
    """`decode` to an Arrow column, without an object for each line where all is as it should be."""
    joined = b"\n".join(bodies)
    if b"\r" in joined or joined.startswith(BOM):
        return pa.array(decode(bodies, first_of_file), pa.string())
    try:
        joined.decode()
    except UnicodeDecodeError:
        return pa.array(decode(bodies, first_of_file), pa.string())
    return pa.array(bodies, pa.binary()).view(pa.string())


def _decode_one(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def batch(
    first_row: int,
    errors: Sequence[str | None] | pa.StringArray,
    raw: list[bytes] | None,
    names: Sequence[str],
    columns: Sequence[Sequence[str | None] | pa.StringArray],
) -> pa.RecordBatch:
    """The batch that every reader gives: `row`, `error`, `raw` if it is wanted, and the fields."""
    rows = np.arange(first_row, first_row + len(errors), dtype=np.int64)
    arrays: list[pa.Array] = [pa.array(rows), _strings(errors)]
    schema = [records.ROW, records.ERROR]
    if raw is not None:
        arrays.append(pa.array(raw, pa.binary()))
        schema.append(records.RAW)
    for name, column in zip(names, columns, strict=True):
        arrays.append(_strings(column))
        schema.append(pa.field(name, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(schema))


def _strings(values: Sequence[str | None] | pa.StringArray) -> pa.StringArray:
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())
