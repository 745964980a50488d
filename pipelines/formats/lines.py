"""Rows that are lines: cutting files into units at line ends, and reading a unit's lines.

A line ends with LF, or with CR LF; a CR by itself ends nothing. The last line need not end. Since
the byte LF never is part of another character in UTF-8, a cut is made at any byte: a line belongs
to the unit in which its first byte lies.

No more of a line than `LONGEST_LINE` is ever in memory. Of a longer one readers make a row with the
error "too_large" and, where raw bytes are asked for, its beginning.
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
TOO_LARGE = "too_large"

# What is to be said of a text whose lines end with CR alone.
ONLY_CR = (
    "lines end with CR alone, as on old Macs, which is no line end here; convert them: "
    "tr '\\r' '\\n' < old > new"
)

# About this much text is handed on at once.
BATCH_BYTES = 4 << 20
# And no more rows than these, for a row without text costs memory as well.
BATCH_ROWS = 100_000
# Bytes of the longest line that is read, without its end; and of the longest text of any record. It
# is in memory some ten times while it is worked on.
LONGEST_LINE = 32 << 20
# A file in which no line ends for so long is no text. To say so is better than to reject it.
NO_TEXT = 256 << 20
# Bytes that are looked at where the beginning of a text is to tell what it is; more where no line
# has ended by then, but no more than these.
HEAD = 1 << 16
_LONGEST_HEAD = 4 << 20
# Bytes that are kept of a line that is too large.
BEGINNING = 200


@dataclasses.dataclass(frozen=True)
class Lines:
    """Some lines that follow each other.

    Attributes:
      bodies: without LF; a CR before it is still there.
      ended: whether the last one had an LF (all others had).
      too_large: bytes of the one line that this is, its end included, where they are too many; then
        its body is the beginning alone. 0 for lines that are whole.
    """

    bodies: list[bytes]
    ended: bool
    too_large: int = 0

    def raw(self) -> list[bytes]:
        """The lines byte for byte, their ends included; of one that is too large its beginning."""
        if self.too_large:
            return [*self.bodies]
        raw = [body + b"\n" for body in self.bodies]
        if raw and not self.ended:
            raw[-1] = self.bodies[-1]
        return raw

    def raw_column(self) -> pa.BinaryArray:
        """`raw` as a column, without an object for each line."""
        if self.too_large or not self.bodies:
            return pa.array(self.raw(), pa.binary())
        data = b"\n".join([*self.bodies, b""] if self.ended else self.bodies)
        offsets = np.zeros(len(self.bodies) + 1, np.int32)
        np.cumsum([len(body) + 1 for body in self.bodies], out=offsets[1:])
        offsets[-1] = len(data)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.BinaryArray.from_buffers(pa.binary(), len(self.bodies), buffers)


def cut(path: str, unit_bytes: int) -> list[tuple[int, int]]:
    """Byte ranges of about equal size, none much larger than `unit_bytes`; at least one."""
    total = files.size(path)
    pieces = max(1, -(-total // max(1, unit_bytes)))
    bounds = [total * piece // pieces for piece in range(pieces + 1)]
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def read_lines(unit: Unit) -> Iterator[Lines]:
    """The lines whose first byte lies in the unit, in batches of about `BATCH_BYTES`.

    A byte order mark at the beginning of the file is left where it is. Raises `InputError` for
    damaged compression and where no line ends for 256 MiB.
    """
    if unit.compression is not None and unit.stop >= 0:
        blocks = members.read_whole_lines(unit.path, unit.compression, unit.start, unit.stop)
    elif unit.compression is not None:
        blocks = compression.read_packed(unit.path, unit.compression)
    else:
        start = line_start(unit.path, unit.start, unit.stop)
        # A unit in the midst of a long line has none of its own.
        stop = line_start(unit.path, unit.stop) if start < unit.stop else start
        blocks = compression.read_range(unit.path, start, stop)
    return split_lines(blocks, unit.path)


def split_lines(
    blocks: Iterator[bytes], path: str, batch_bytes: int = BATCH_BYTES
) -> Iterator[Lines]:
    """Blocks of bytes -> batches of whole lines; each line that is too large by itself.

    Which lines are too large does not hang on where the blocks end.
    """
    waiting: list[bytes] = []
    # Bytes that wait, and those of them that belong to a line which has not ended.
    size = open_bytes = 0
    opening, passed = None, 0  # of a line that is too large
    for block in _pieces(blocks):
        end = block.find(b"\n")
        head = len(block) if end < 0 else end
        if opening is None and open_bytes + head > LONGEST_LINE:
            whole, rest = _divided(waiting, open_bytes)
            if size > open_bytes:
                yield from _lines(whole, True)
            opening, passed = beginning(rest + block[: min(head, BEGINNING + 1)]), open_bytes
            waiting, size, open_bytes = [], 0, 0
            del whole, rest
        if opening is not None:
            passed += head + (end >= 0)
            if passed > NO_TEXT:
                raise _no_text(path)
            if end < 0:
                continue
            yield Lines([opening], True, passed)
            opening, block = None, block[end + 1 :]
        waiting.append(block)
        size += len(block)
        end = block.rfind(b"\n")
        open_bytes = len(block) - end - 1 if end >= 0 else open_bytes + len(block)
        if size >= batch_bytes and end >= 0:
            whole, rest = _divided(waiting, open_bytes)
            waiting, size = [rest], open_bytes
            yield from _lines(whole, True)
            del whole, rest
    if opening is not None:
        yield Lines([opening], False, passed)
    data = b"".join(waiting)
    if data:
        ended = data.endswith(b"\n")
        yield from _lines(data[:-1] if ended else data, ended)


def _pieces(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks, none larger than a line may be: so no line that is too large is within one."""
    for block in blocks:
        for start in range(0, len(block), LONGEST_LINE):
            yield block[start : start + LONGEST_LINE]


def _divided(waiting: list[bytes], open_bytes: int) -> tuple[bytes, bytes]:
    """Whole lines without the last one's end, and the bytes of the line that has not ended."""
    data = b"".join(waiting)
    stop = len(data) - open_bytes
    return data[: max(0, stop - 1)], data[stop:]


def head(blocks: Iterator[bytes]) -> tuple[bytes, bool]:
    """The beginning of a text, and whether that is all of it: 64 KiB, or more until a line that is
    not blank has ended, and 4 MiB at most.
    """
    data = bytearray()
    for block in blocks:
        data += block
        end = data.find(b"\n", len(data) - len(data.lstrip()))
        stop = max(HEAD, end + 1) if end >= 0 else _LONGEST_HEAD
        if len(data) > stop:
            return bytes(data[:stop]), False
    return bytes(data), True


def beginning(data: bytes | bytearray) -> bytes:
    """At most `BEGINNING` bytes, which do not end within a character of UTF-8."""
    stop = min(BEGINNING, len(data))
    while max(0, BEGINNING - 4) < stop < len(data) and data[stop] & 0xC0 == 0x80:
        stop -= 1
    return bytes(data[:stop])


def _lines(data: bytes, ended: bool) -> Iterator[Lines]:
    bodies = data.split(b"\n")
    for start in range(0, len(bodies), BATCH_ROWS):
        stop = start + BATCH_ROWS
        yield Lines(bodies[start:stop], ended or stop < len(bodies))


def _no_text(path: str) -> InputError:
    return InputError(
        f"{path}: a line is longer than {NO_TEXT >> 20} MiB, so this is hardly text; "
        "break it into lines or name the right file"
    )


def line_start(path: str, position: int, furthest: int | None = None) -> int:
    """Where the first line begins whose first byte is at `position` or later; the file's size if
    none does. Not looked for beyond `furthest`, which is given where none begins before it; without
    it, raises `InputError` where none does for too long.
    """
    if position == 0:
        return 0
    with files.open_read(path) as stream:
        stream.seek(position - 1)
        position -= 1
        last = position + NO_TEXT
        while block := stream.read(1 << 16):
            if furthest is not None and position >= furthest:
                return furthest
            if position > last:
                raise _no_text(path)
            found = block.find(b"\n")
            if found >= 0:
                return position + found + 1
            position += len(block)
    return position


def decode(bodies: Sequence[bytes], first_of_file: bool) -> list[str | None]:
    """Lines as text: without line ends and byte order mark, None where they are not UTF-8."""
    bodies = without_mark(bodies, first_of_file)
    try:
        texts: list[str | None] = [*b"\n".join(bodies).decode().split("\n")] if bodies else []
    except UnicodeDecodeError:
        texts = [_decode_one(body) for body in bodies]
    return [text[:-1] if text and text[-1] == "\r" else text for text in texts]


def decode_column(bodies: Sequence[bytes], first_of_file: bool) -> pa.StringArray:
    """`decode` to an Arrow column, without a Python text of any line."""
    bodies = without_mark(bodies, first_of_file)
    if b"\r" in b"\n".join(bodies):
        bodies = [body[:-1] if body.endswith(b"\r") else body for body in bodies]
    try:
        return pa.array(bodies, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:  # some line is not UTF-8
        found = [None if _decode_one(body) is None else body for body in bodies]
        return pa.array(found, pa.binary()).cast(pa.string())


def without_mark(bodies: Sequence[bytes], first_of_file: bool) -> Sequence[bytes]:
    """Lines without the byte order mark that a file may begin with."""
    if first_of_file and bodies and bodies[0].startswith(BOM):
        return [bodies[0][len(BOM) :], *bodies[1:]]
    return bodies


def _decode_one(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def batch(
    first_row: int,
    errors: Sequence[str | None] | pa.StringArray,
    raw: list[bytes] | pa.BinaryArray | None,
    names: Sequence[str],
    columns: Sequence[Sequence[str | None] | pa.StringArray],
) -> pa.RecordBatch:
    """The batch that every reader gives: `row`, `error`, `raw` if it is wanted, and the fields."""
    rows = np.arange(first_row, first_row + len(errors), dtype=np.int64)
    arrays: list[pa.Array] = [pa.array(rows), _strings(errors)]
    schema = [records.ROW, records.ERROR]
    if raw is not None:
        arrays.append(raw if isinstance(raw, pa.Array) else pa.array(raw, pa.binary()))
        schema.append(records.RAW)
    for name, column in zip(names, columns, strict=True):
        arrays.append(_strings(column))
        schema.append(pa.field(name, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(schema))


def too_large(row: int, some: Lines, raw: bool, fields: Sequence[str]) -> pa.RecordBatch:
    """The batch of a line that is too large; its row has no text."""
    nothing: list[list[str | None]] = [[None]] * len(fields)
    return batch(row, [TOO_LARGE], some.raw_column() if raw else None, fields, nothing)


def _strings(values: Sequence[str | None] | pa.StringArray) -> pa.StringArray:
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())
