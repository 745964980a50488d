"""GNU gettext's MO files, in either byte order (GNU gettext manual, "The Format of GNU MO Files").

Tables of (length, offset) point to the strings, so the file is held in memory; what the tables say
is checked against its size before a byte is copied. Strings that depend on the system (revision
0.1: format strings with `<PRIuMAX>` and the like) are put together as a PO file spells them.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from electra_model.errors import InputError

from .gettext_po import Message, charset_of, decode

MAGIC = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
# More than ten times the largest catalogue that we know of.
MAX_BYTES = 256 << 20
_CONTEXT = b"\x04"
# Ends the pieces of a string that depends on the system.
_LAST_PIECE = 0xFFFFFFFF


def read_mo(stream: io.BufferedReader[Any], path: str) -> Iterator[Message]:
    """The messages of an MO file in their order, its header among them.

    Raises:
      InputError: naming the file: not MO, cut off, too large, or not in its charset.
    """
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes; split it")
    try:
        pairs = _MoFile(data).strings()
        charset = "UTF-8"
        for number, (source, target) in enumerate(pairs):
            # Strings are sorted, so the header, whose source is empty, is the first one.
            if number == 0 and not source:
                charset = charset_of(target, path)
            yield _message(source, target, charset, path)
    except _Damage as damage:
        raise InputError(
            f"{path}: not a gettext catalogue: {damage}; copy or compile it again"
        ) from None


def _message(source: bytes, target: bytes, charset: str, path: str) -> Message:
    context, mark, text = source.rpartition(_CONTEXT)
    singular, zero, plural = decode(text, charset, path).partition("\0")
    translation = decode(target, charset, path)
    return Message(
        decode(context, charset, path) if mark else None,
        singular,
        plural if zero else None,
        dict(enumerate(translation.split("\0") if zero else [translation])),
    )


class _Damage(Exception):
    """What is wrong with a file."""


class _MoFile:
    """The strings of a file's bytes. All numbers in it are uint32 in its byte order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = MAGIC.get(data[:4], "")
        if not self._order:
            raise _Damage("it does not begin as MO files do")
        revision = self._number(4)
        if revision >> 16 > 1:
            raise _Damage(f"its revision is {revision >> 16}, known are 0 and 1")
        self._has_system_strings = revision & 0xFFFF > 0
        # Strings that overlap could make far more text than the file has bytes.
        self._budget = 4 * len(data)

    def strings(self) -> Iterator[tuple[bytes, bytes]]:
        """(source, target) of every message."""
        count = self._number(8)
        tables = [self._table(self._number(place), count) for place in (12, 16)]
        for source, target in zip(*tables, strict=True):
            yield self._string(*source.tolist()), self._string(*target.tolist())
        if not self._has_system_strings:
            return
        names = [
            b"<" + self._string(length, offset).rstrip(b"\0") + b">"
            for length, offset in self._table(self._number(32), self._number(28)).tolist()
        ]
        sources, targets = self._number(40), self._number(44)
        for number in range(self._number(36)):
            yield (
                self._system_string(self._number(sources + 4 * number), names),
                self._system_string(self._number(targets + 4 * number), names),
            )

    def _number(self, place: int) -> int:
        try:
            return struct.unpack_from(f"{self._order}I", self._data, place)[0]
        except struct.error:
            raise _Damage("it ends too soon") from None

    def _table(self, start: int, count: int) -> np.ndarray:
        """(length, offset) of each string, uint32 [count, 2], in place."""
        if start + 8 * count > len(self._data):
            raise _Damage(f"it says that it has {count:,} strings, more than it has room for")
        return np.frombuffer(self._data, f"{self._order}u4", 2 * count, start).reshape(count, 2)

    def _string(self, length: int, offset: int) -> bytes:
        if offset + length > len(self._data):
            raise _Damage("a string reaches beyond its end")
        self._spend(length)
        return self._data[offset : offset + length]

    def _system_string(self, place: int, names: list[bytes]) -> bytes:
        """Pieces of text with names between them; the last piece ends in a zero byte."""
        parts: list[bytes] = []
        offset = self._number(place)
        while True:
            length, name = self._number(place + 4), self._number(place + 8)
            place += 8
            parts.append(self._string(length, offset))
            offset += length
            if name == _LAST_PIECE:
                return b"".join(parts).removesuffix(b"\0")
            if name >= len(names):
                raise _Damage("a string has a part that is not there")
            self._spend(8 + len(names[name]))
            parts.append(names[name])

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise _Damage("its strings overlap")
