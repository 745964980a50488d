"""Stored bytes to the bytes that they stand for, block by block, and what gives a file's true kind
away.

A compressed stream that ends early, or is followed by something else, is an error and never the end
of the data.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Any

from electra_model.errors import InputError

from .. import files

# File name ending -> compression.
ENDINGS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}

# How streams begin. The zstd entry with the low nibble free is a skippable frame, which some tools
# put first.
_MAGIC = {
    "gzip": (b"\x1f\x8b",),
    "zstd": (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))),
    "bzip2": tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))
    + tuple(b"BZh%d\x17rE8P\x90" % level for level in range(1, 10)),
    "xz": (b"\xfd7zXZ\x00",),
}
_ARCHIVES = {b"PK\x03\x04": "a ZIP archive", b"PAR1": "Parquet", b"\x7fELF": "a program"}

# Small blocks of compressed input bound what one step can expand to.
_STORED_BLOCK = 1 << 14
_PLAIN_BLOCK = 1 << 20


def compression_of_bytes(head: bytes) -> str | None:
    """The compression that the first bytes of a file give away, or None."""
    for name, marks in _MAGIC.items():
        if head.startswith(marks):
            return name
    return None


def check_head(path: str, compression: str | None) -> None:
    """Raises `InputError` when the beginning of a file is not what its name says.

    Covers a compressed file without the ending of its compression, the ending without the
    compression, other binary formats, and text in UTF-16.
    """
    with files.open_read(path) as stream:
        head = stream.read(4096)
    found = compression_of_bytes(head)
    if compression is not None:
        if found != compression:
            what = found or ("empty" if not head else "something else")
            raise InputError(
                f"{path}: its name says {compression}, its content is {what}; give it the right "
                "ending or compress it again"
            )
        return
    if found is not None:
        ending = next(ending for ending, name in ENDINGS.items() if name == found)
        raise InputError(f"{path}: its content is {found}; give its name the ending {ending}")
    check_text(path, head)


def check_text(path: str, head: bytes) -> None:
    """Raises `InputError` when the first bytes of text (once decompressed) are no UTF-8 text at
    all.
    """
    for mark, what in _ARCHIVES.items():
        if head.startswith(mark) and b"\x00" in head:
            raise InputError(f"{path}: its content is {what}, not text; name the right file")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: its text is in UTF-16; convert it to UTF-8")
    if b"\x00" in head:
        raise InputError(
            f"{path}: holds zero bytes, so it is not UTF-8 text (UTF-16, or a binary file?); "
            "convert it to UTF-8"
        )


def read_range(path: str, start: int, stop: int) -> Iterator[bytes]:
    """Bytes [start, stop) of an uncompressed file, in blocks."""
    with files.open_read(path) as stream:
        stream.seek(start)
        while start < stop:
            block = stream.read(min(_PLAIN_BLOCK, stop - start))
            if not block:
                raise InputError(
                    f"{path}: ends at byte {start:,}, {stop - start:,} bytes sooner than when the "
                    "work began; do not change inputs while they are read"
                )
            start += len(block)
            yield block


def read_compressed(path: str, compression: str) -> Iterator[bytes]:
    """The decompressed bytes of a whole file, in blocks; several streams laid end to end are one.

    Raises:
      InputError: the stream is damaged, ends early, or something else follows it.
    """
    first = True
    with files.open_read(path) as stream:
        block = stream.read(_STORED_BLOCK)
        while block:
            decoder = _decoder(compression)
            while not decoder.eof:
                if not block:
                    raise InputError(
                        f"{path}: the {compression} data ends in the middle, so the file is cut "
                        "off; copy it again"
                    )
                try:
                    content = decoder.decompress(block)
                except Exception as error:  # every library has its own
                    raise InputError(
                        f"{path}: the {compression} data is damaged ({error}); copy it again"
                    ) from None
                if content:
                    if first:
                        check_text(path, content[:4096])
                        first = False
                    yield content
                block = b"" if decoder.eof else stream.read(_STORED_BLOCK)
            # Zero bytes may pad the end of a stream; another stream may follow.
            block = decoder.unused_data.lstrip(b"\x00")
            while not block and (more := stream.read(_STORED_BLOCK)):
                block = more.lstrip(b"\x00")
            if block and len(block) < 16:
                block += stream.read(_STORED_BLOCK)
            if block and compression_of_bytes(block) != compression:
                raise InputError(
                    f"{path}: something that is not {compression} follows the compressed data; "
                    "compress it again"
                )


def _decoder(compression: str) -> Any:
    """A decompressor of one stream, with `decompress`, `eof` and `unused_data`."""
    if compression == "gzip":
        return zlib.decompressobj(wbits=31)
    if compression == "bzip2":
        return bz2.BZ2Decompressor()
    if compression == "xz":
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
    import zstandard

    # The default bound on the window, 8 MiB, is less than `zstd --long` writes.
    return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
