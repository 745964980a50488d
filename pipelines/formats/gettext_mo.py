"""GNU gettext's MO files, in either byte order (GNU gettext manual, "The Format of GNU MO Files").

Two tables of (length, offset) point to the strings, so the file is held in memory; what the tables
say is checked against its size before a byte is copied.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from electra_model.errors import InputError

from .gettext_po import Message, charset_of, decode

MAGIC = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
# More than ten times the largest catalogue that we know of.
MAX_BYTES = 256 << 20
_CONTEXT = b"\x04"


def read_mo(stream: io.BufferedReader[Any], path: str) -> Iterator[Message]:
    """The messages of an MO file in their order, its header among them.

    Raises:
      InputError: naming the file: not MO, cut off, not in its charset, too large, or with strings
        that depend on the system it is used on.
    """
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes; split it")
    order = MAGIC.get(data[:4])
    if order is None or len(data) < 28:
        _refuse(path, "it has no header of MO files")
    revision, count, sources_at, targets_at = struct.unpack_from(f"{order}4I", data, 4)
    if revision >> 16 > 1:
        _refuse(path, f"its revision is {revision >> 16}, known are 0 and 1")
    if revision & 0xFFFF and len(data) >= 40 and struct.unpack_from(f"{order}I", data, 36)[0]:
        raise InputError(
            f"{path}: holds strings that depend on the system; use the .po file it was made from"
        )
    sources = _table(data, order, count, sources_at, path)
    targets = _table(data, order, count, targets_at, path)
    charset = "UTF-8"
    if len(headers := np.flatnonzero(sources[:, 0] == 0)):
        charset = charset_of(_cut(data, targets[headers[0]]), path)
    for source_row, target_row in zip(sources, targets, strict=True):
        context, mark, source = _cut(data, source_row).rpartition(_CONTEXT)
        singular, zero, plural = decode(source, charset, path).partition("\0")
        target = decode(_cut(data, target_row), charset, path)
        yield Message(
            decode(context, charset, path) if mark else None,
            singular,
            plural if zero else None,
            dict(enumerate(target.split("\0") if zero else [target])),
        )


def _cut(data: bytes, row: np.ndarray) -> bytes:
    length, offset = row.tolist()
    return data[offset : offset + length]


def _table(data: bytes, order: str, count: int, start: int, path: str) -> np.ndarray:
    """(length, offset) of each string, uint32 [count, 2], in place. Raises `InputError` for a table
    that cannot be true.
    """
    if start + 8 * count > len(data):
        _refuse(path, f"it says that it has {count:,} messages, more than it has room for")
    rows = np.frombuffer(data, f"{order}u4", 2 * count, start).reshape(count, 2)
    if np.any(rows.sum(axis=1, dtype=np.uint64) > len(data)):
        _refuse(path, "a string reaches beyond its end")
    # Overlapping strings could make far more text than the file has bytes.
    if rows[:, 0].sum(dtype=np.uint64) > 2 * len(data):
        _refuse(path, "its strings overlap")
    return rows


def _refuse(path: str, what: str) -> NoReturn:
    raise InputError(f"{path}: not a gettext catalogue: {what}; copy or compile it again")
