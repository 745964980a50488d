"""Whole files, and whole parts of files, as one row each: reading them, no larger than a bound, and
telling their text from their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import compression, lines, rows

# Bytes of the largest document that is read at all.
LARGEST = lines.LONGEST_LINE

TOO_LARGE = lines.TOO_LARGE


def read_bytes(path: str, packed: str | None, most: int) -> bytes | None:
    """A whole file, decompressed; None where that is more than `most` bytes."""
    if packed is not None:
        return join(compression.decompress(path, packed), most)
    if files.size(path) > most:
        return None
    return join(compression.read_range(path, 0, files.size(path)), most)


def join(blocks: Iterable[bytes], most: int) -> bytes | None:
    """All blocks as one; None, and no more is read, as soon as they are more than `most` bytes."""
    found: list[bytes] = []
    size = 0
    for block in blocks:
        found.append(block)
        size += len(block)
        if size > most:
            return None
    return b"".join(found)


def decode(data: bytes) -> str | None:
    """UTF-8, or UTF-16 with its mark, as text without the mark; None for anything else.

    Zero bytes stand for no character of a text: they are a sign of another encoding, or of none.
    """
    codec = compression.utf16_of(data[:4])
    try:
        if codec is not None:
            text = data[2:].decode(codec)
        else:
            text = data.removeprefix(lines.BOM).decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def read_text(unit: Unit, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A text file as one row, its line ends as they are. Errors: "not_utf8" and "too_large".

    Raises:
      InputError: it has more than 256 MiB, or is no text at all.
    """
    found: list[bytes] = []
    size = 0
    for block in compression.read_packed(unit.path, unit.compression):
        size += len(block)
        if size > lines.NO_TEXT:
            raise InputError(
                f"{unit.path}: is larger than {lines.NO_TEXT >> 20} MiB, which is no document; "
                "set data.text_rows to line or paragraph"
            )
        found = [*found, block] if size <= LARGEST else []
    if size > LARGEST:
        return rows.batches([(TOO_LARGE, [None])], fields)
    text = decode(b"".join(found))
    return rows.batches([(lines.NOT_UTF8 if text is None else None, [text])], fields)
