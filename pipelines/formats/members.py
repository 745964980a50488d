"""Compressed files of several streams, as units: the members of a gzip file, the frames of a zstd
file.

Such files come of laying compressed files end to end, and of tools that write them so that they can
be read in pieces. A unit is a run of whole streams, `[start, stop)` in bytes of the stored file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from electra_model.errors import InputError

from .. import files
from . import compression

# What text shrinks to, about; units are measured by the text in them.
_SHRINKS = 4
# A gzip file says nowhere how long its members are: one that has not ended by here is left whole.
_LONGEST_FIRST_MEMBER = 64 << 20

_FRAME = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"


def cut(
    path: str, packed: str, unit_bytes: int, mark: bytes | None = None
) -> list[tuple[int, int]]:
    """Runs of whole streams as [start, stop) in stored bytes; (0, -1), all, where there is but one.

    Args:
      mark: of gzip members only: a run begins with one whose content begins so. Without a mark the
        content must be text.

    Raises:
      InputError: the file is damaged.
    """
    total = files.size(path)
    stored = max(1, unit_bytes // _SHRINKS)
    if total <= stored or packed not in ("gzip", "zstd"):
        return [(0, -1)]
    if mark is None:
        head = compression.beginning(compression.decompress(path, packed))
        if compression.utf16_of(head):
            return [(0, -1)]  # a line end is not to be found byte by byte
        compression.check_text(path, head[:4096])
    starts = _frames(path) if packed == "zstd" else _gzip_members(path, mark or b"")
    bounds = [0]
    for start in starts:
        if start - bounds[-1] >= stored:
            bounds.append(start)
    if len(bounds) == 1:
        return [(0, -1)]
    return list(zip(bounds, [*bounds[1:], total], strict=True))


def read_whole_lines(path: str, packed: str, start: int, stop: int) -> Iterator[bytes]:
    """The text of the lines that begin in a run of streams, in blocks.

    A line may go on into the next stream. The line that begins with the very first byte of a run
    counts as begun in the run before, which cannot know whether its own last byte ends a line.
    """
    skipping = start > 0
    for member, content in compression.decompress_members(path, packed, start):
        if skipping:
            found = content.find(b"\n")
            if found < 0 and member < stop:
                continue
            if found < 0 or member >= stop:
                return  # one line fills the whole run: it began before
            content = content[found + 1 :]
            skipping = False
        if member < stop:
            if content:
                yield content
            continue
        found = content.find(b"\n")
        if found >= 0:
            yield content[: found + 1]
            return
        yield content


def read_members(path: str, packed: str, start: int, stop: int) -> Iterator[bytes]:
    """The content of the streams that begin in [start, stop), in blocks."""
    for member, content in compression.decompress_members(path, packed, start):
        if member >= stop:
            return
        yield content


def _gzip_members(path: str, mark: bytes) -> Iterator[int]:
    """Where each member begins whose content begins with `mark`, found by decompressing: nothing
    else tells surely.
    """
    last, end = -1, _LONGEST_FIRST_MEMBER * 8
    size = 0
    head: bytes | None = None
    for member, content in compression.decompress_members(path, "gzip"):
        if member != last:
            last, head = member, b""
        if head is not None:
            head += content[: len(mark)]
            if len(head) >= len(mark):
                if head.startswith(mark):
                    yield member
                head = None
        size += len(content)
        if member == 0 and size > end:
            return


def _frames(path: str) -> Iterator[int]:
    """Where each zstd frame begins, read off the headers of its blocks (RFC 8878, section 3.1)."""
    total = files.size(path)
    with files.open_read(path) as stream:
        position = 0
        while (position := _after_zeros(stream, position)) < total:
            yield position
            position = _frame_end(path, stream, position)


def _after_zeros(stream: BinaryIO, position: int) -> int:
    """Where the first byte stands, at `position` or later, that is not zero: zeros may pad."""
    stream.seek(position)
    while block := stream.read(1 << 10):
        if rest := block.lstrip(b"\x00"):
            return position + len(block) - len(rest)
        position += len(block)
    return position


def _frame_end(path: str, stream: BinaryIO, start: int) -> int:
    stream.seek(start)
    head = stream.read(18)
    if head[1:4] == _SKIPPABLE and 0x50 <= head[0] < 0x60 and len(head) >= 8:
        return start + 8 + struct.unpack("<I", head[4:8])[0]
    if not head.startswith(_FRAME) or len(head) < 6:
        raise InputError(
            f"{path}: something that is not zstd follows the compressed data at byte {start:,}; "
            "compress it again"
        )
    descriptor = head[4]
    single = descriptor >> 5 & 1
    size_field = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    dictionary = (0, 1, 2, 4)[descriptor & 3]
    position = start + 5 + (1 - single) + dictionary + size_field
    last = False
    while not last:
        stream.seek(position)
        raw = stream.read(3)
        if len(raw) < 3:
            raise InputError(
                f"{path}: the zstd data ends in the middle, so the file is cut off; copy it again"
            )
        header = int.from_bytes(raw, "little")
        last = bool(header & 1)
        kind, size = header >> 1 & 3, header >> 3
        position += 3 + (1 if kind == 1 else size)
    return position + (4 if descriptor >> 2 & 1 else 0)
