"""Stored bytes to the text that they stand for, block by block, and what gives a file's true kind
away.

A compressed stream that ends early, or is followed by something else, is an error and never the end
of the data. Text is UTF-8, or UTF-16 where the mark at its beginning says so: then it is handed on
as UTF-8.
"""

from __future__ import annotations

import bz2
import codecs
import io
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

# Text in UTF-16 counts as packed: it cannot be cut at any byte, and a reader unpacks it to UTF-8.
UTF16 = "utf-16"
_UTF16_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_UTF32_MARKS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")

_STORED_BLOCK = 1 << 14
_PLAIN_BLOCK = 1 << 20
# A few bytes may stand for gigabytes, so that what one step gives is bounded. The library of zstd
# takes no bound; there, a block of 128 KiB is written in 4 bytes at least, so the input is bounded.
_MOST_AT_ONCE = 1 << 20
_ZSTD_INPUT = 1 << 10
# The bytes at the beginning that tell what a file is.
_HEAD = 4096


def compression_of_bytes(head: bytes) -> str | None:
    """The compression that the first bytes of a file give away, or None."""
    for name, marks in _MAGIC.items():
        if head.startswith(marks):
            return name
    return None


def packed_as(path: str, compression: str | None) -> str | None:
    """How the text of a file is packed: the compression that its name says, `UTF16`, or None.

    Raises:
      InputError: the beginning of the file is not what its name says: a compressed file without the
        ending of its compression, the ending without the compression, or another binary format.
    """
    head = _read_head(path)
    if compression is None and utf16_of(head):
        return UTF16
    check_head(path, compression, head)
    return compression


def is_empty(path: str) -> bool:
    """Whether a file has no byte, or a byte order mark alone."""
    return files.size(path) <= 3 and _read_head(path) in (b"", codecs.BOM_UTF8, *_UTF16_MARKS)


def _read_head(path: str) -> bytes:
    with files.open_read(path) as stream:
        return stream.read(_HEAD)


def beginning(blocks: Iterator[bytes]) -> bytes:
    """At least the first 4,096 bytes, whatever the sizes of the blocks; less if there are less."""
    head = b""
    while len(head) < _HEAD and (more := next(blocks, None)) is not None:
        head += more
    return head


def utf16_of(head: bytes) -> str | None:
    """The codec of text that begins with UTF-16's mark, or None."""
    return None if head.startswith(_UTF32_MARKS) else _UTF16_MARKS.get(head[:2])


def check_head(path: str, compression: str | None, head: bytes | None = None) -> None:
    """Raises `InputError` when the beginning of a file is not what its name says.

    As `packed_as`, but text in UTF-16 is an error as well. head: the first bytes, where the caller
    has read them.
    """
    if head is None:
        head = _read_head(path)
    check_compression(path, compression, head)
    if compression is None:
        check_text(path, head)


def check_compression(path: str, compression: str | None, head: bytes | None = None) -> None:
    """Raises `InputError` when a file is not compressed as its name says; what it holds may be
    anything. head: as in `check_head`.
    """
    if head is None:
        head = _read_head(path)
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


def check_text(path: str, head: bytes) -> None:
    """Raises `InputError` when the first bytes of text (once decompressed) are no UTF-8 text at
    all.
    """
    for mark, what in _ARCHIVES.items():
        if head.startswith(mark) and b"\x00" in head:
            raise InputError(f"{path}: its content is {what}, not text; name the right file")
    for marks, name in ((_UTF32_MARKS, "UTF-32"), (tuple(_UTF16_MARKS), "UTF-16")):
        if head.startswith(marks):
            raise InputError(f"{path}: its text is in {name}; convert it to UTF-8")
    zeros = head.count(b"\x00")
    if 0 < zeros <= len(head) // 100:
        line = head[: head.index(b"\x00")].count(b"\n") + 1
        raise InputError(f"{path}: line {line}: holds a zero byte; remove it")
    if zeros:
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


def read_packed(path: str, packed: str | None) -> Iterator[bytes]:
    """The text of a whole file as UTF-8, in blocks; `packed` as from `packed_as`.

    What is no UTF-16 although the mark says so becomes bytes that are no UTF-8 either, so that it
    is rejected row by row.

    Raises:
      InputError: as `decompress`, and for text that is no UTF-8 at all.
    """
    if packed in (None, UTF16):
        blocks = read_range(path, 0, files.size(path))
    else:
        blocks = decompress(path, packed)
    first = beginning(blocks)
    codec = utf16_of(first)
    if codec is None:
        check_text(path, first[:_HEAD])
        if first:
            yield first
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(codec)(errors="surrogatepass")
    yield decoder.decode(first[2:]).encode("utf-8", "surrogatepass")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"  # half a character at the end: a byte, or one of two surrogates


def open_packed(path: str, packed: str | None) -> io.BufferedReader:
    """`read_packed` as a stream, for parsers that read from one. Binary content is let through."""
    if packed in (None, UTF16):
        blocks = read_range(path, 0, files.size(path))
    else:
        blocks = decompress(path, packed)
    return stream_of(blocks)


def stream_of(blocks: Iterator[bytes]) -> io.BufferedReader:
    """Blocks of bytes as a stream."""
    return io.BufferedReader(_BlockStream(blocks), 1 << 16)


class _BlockStream(io.RawIOBase):
    """Blocks of bytes as a raw stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def read_compressed(path: str, compression: str) -> Iterator[bytes]:
    """The decompressed bytes of a whole file of UTF-8 text, in blocks.

    Raises:
      InputError: as `decompress`, and for text that is no UTF-8 at all.
    """
    blocks = decompress(path, compression)
    head = beginning(blocks)
    check_text(path, head[:_HEAD])
    if head:
        yield head
    yield from blocks


def decompress(path: str, compression: str) -> Iterator[bytes]:
    """The decompressed bytes of a whole file, in blocks; several streams laid end to end are one.

    Raises:
      InputError: a stream is damaged, ends early, or something else follows it.
    """
    return (content for _, content in decompress_members(path, compression))


def decompress_members(path: str, compression: str, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """(where the stream begins in the file, some decompressed bytes of it), from the stream that
    begins at byte `start` on. Raises as `decompress` does.
    """
    with files.open_read(path) as stream:
        stream.seek(start)
        block = stream.read(_STORED_BLOCK)
        member = start
        while block:
            decoder = _Decoder(compression)
            while not decoder.eof:
                if not block:
                    raise InputError(
                        f"{path}: the {compression} data ends in the middle, so the file is cut "
                        "off; copy it again"
                    )
                try:
                    for content in decoder.contents(block):
                        yield member, content
                except Exception as error:  # every library has its own
                    raise InputError(
                        f"{path}: the {compression} data is damaged ({error}); copy it again"
                    ) from None
                block = b"" if decoder.eof else stream.read(_STORED_BLOCK)
            # Zero bytes may pad the end of a stream; another stream may follow.
            block = decoder.unused.lstrip(b"\x00")
            while not block and (more := stream.read(_STORED_BLOCK)):
                block = more.lstrip(b"\x00")
            if block and len(block) < 16:
                block += stream.read(_STORED_BLOCK)
            member = stream.tell() - len(block)
            if block and compression_of_bytes(block) != compression:
                raise InputError(
                    f"{path}: something that is not {compression} follows the compressed data; "
                    "compress it again"
                )


class _Decoder:
    """A decompressor of one stream that gives its content in bounded pieces.

    Attributes:
      eof: whether the stream has ended. unused: then, what was given to it beyond its end.
    """

    def __init__(self, compression: str) -> None:
        self.eof = False
        self.unused = b""
        if compression == "gzip":
            self._contents, self._decoder = self._of_zlib, zlib.decompressobj(wbits=31)
        elif compression == "zstd":
            import zstandard

            # The default bound on the window, 8 MiB, is less than `zstd --long` writes.
            library = zstandard.ZstdDecompressor(max_window_size=1 << 31)
            self._contents, self._decoder = self._of_zstd, library.decompressobj()
        else:
            self._contents = self._of_python
            self._decoder: Any = (
                bz2.BZ2Decompressor()
                if compression == "bzip2"
                else lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
            )

    def contents(self, block: bytes) -> Iterator[bytes]:
        """What the next stored bytes stand for; nothing of it is empty.

        Raises:
          Exception: the data is damaged; every library has its own.
        """
        yield from filter(None, self._contents(block))
        self.eof = self._decoder.eof
        self.unused = self.unused or self._decoder.unused_data

    def _of_zlib(self, block: bytes) -> Iterator[bytes]:
        content = self._decoder.decompress(block, _MOST_AT_ONCE)
        yield content
        # A full piece may have more behind it, even when all input is taken.
        while len(content) == _MOST_AT_ONCE and not self._decoder.eof:
            content = self._decoder.decompress(self._decoder.unconsumed_tail, _MOST_AT_ONCE)
            yield content

    def _of_python(self, block: bytes) -> Iterator[bytes]:
        yield self._decoder.decompress(block, _MOST_AT_ONCE)
        while not self._decoder.eof and not self._decoder.needs_input:
            yield self._decoder.decompress(b"", _MOST_AT_ONCE)

    def _of_zstd(self, block: bytes) -> Iterator[bytes]:
        for start in range(0, len(block), _ZSTD_INPUT):
            stop = start + _ZSTD_INPUT
            yield self._decoder.decompress(block[start:stop])
            if self._decoder.eof:
                self.unused = self._decoder.unused_data + block[stop:]
                return
