"""WARC (ISO 28500), and WET, which is WARC with the text of pages: one row per record.

Pages (`response` records of HTML) count with their readable text, `conversion` records with the
text that they are; every other record is a row with the error "not_a_document". warcio parses the
records and the HTTP messages. An archive whose records are gzip members each, as most are, is cut
into units of whole members.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from warcio.bufferedreaders import ChunkedDataReader
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecordLoader
from warcio.statusandheaders import StatusAndHeadersParser

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import compression, documents, html, lines, members, rows

NOT_A_DOCUMENT = "not_a_document"
UNREADABLE_HTTP = "unreadable_http"

_MARK = b"WARC/"
_PAGES = ("text/html", "application/xhtml+xml")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';]+)", re.IGNORECASE)
_EMPTY_LINES = (b"\r\n", b"\n")
# Bytes of a header, of the record and of the HTTP message each; real ones have some hundreds.
_LONGEST_HEADER = 1 << 20
_BLOCK = 1 << 14


def cut(path: str, packed: str | None, unit_bytes: int) -> list[tuple[int, int]]:
    """Runs of whole gzip members that begin with a record; (0, -1), all, for any other file.

    Raises:
      InputError: the file is damaged, or no WARC file.
    """
    compression.check_compression(path, packed)
    if files.size(path):
        head = documents.join(_first(_blocks(path, packed, 0, -1), len(_MARK)), 1 << 62) or b""
        if head and not head.startswith(_MARK):
            raise InputError(f"{path}: its content is not WARC: it begins with {head[:20]!r}")
    if packed != "gzip":
        return [(0, -1)]
    return members.cut(path, packed, unit_bytes, mark=_MARK)


def _first(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Blocks until they are `count` bytes."""
    for block in blocks:
        yield block
        count -= len(block)
        if count <= 0:
            return


def _blocks(path: str, packed: str | None, start: int, stop: int) -> Iterator[bytes]:
    if packed is None:
        return compression.read_range(path, 0, files.size(path))
    return members.read_members(path, packed, start, files.size(path) if stop < 0 else stop)


def read(unit: Unit, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row per record. Errors: "not_a_document", "not_utf8", "malformed_html", "too_large", and
    "unreadable_http" (headers, or a compression of the content, that cannot be read).

    Raises:
      InputError: the file is cut off or damaged.
    """
    blocks = _blocks(unit.path, unit.compression, unit.start, unit.stop)
    stream = _BoundedHeaders(compression.stream_of(blocks))
    return rows.batches(_rows(stream, unit), fields)


class _BoundedHeaders:
    """A stream as warcio reads it, whose headers end: `readline` gives nothing beyond a bound.

    `header_ended` says whether the last line read was the empty one that ends a header.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.bound: int | None = None
        self.header_ended = False

    def read(self, length: int | None = None) -> bytes:
        return self._stream.read(length)

    def readline(self, length: int | None = None) -> bytes:
        limit = -1 if length is None else length
        if self.bound is not None:
            limit = self.bound if limit < 0 else min(limit, self.bound)
        line = self._stream.readline(limit)
        if self.bound is not None:
            self.bound -= len(line)
        self.header_ended = line in _EMPTY_LINES
        return line


def _rows(stream: _BoundedHeaders, unit: Unit) -> Iterator[rows.Row]:
    loader = ArcWarcRecordLoader()
    number = 0
    while True:
        number += 1
        place = f"{unit.path}: WARC record {number:,}"
        if unit.start:
            place += f" from byte {unit.start:,} on"
        stream.bound = _LONGEST_HEADER
        line = stream.readline()
        while line in _EMPTY_LINES:  # two of them end a record
            stream.bound = _LONGEST_HEADER
            line = stream.readline()
        if not line:
            return
        try:
            record = loader.parse_record_stream(stream, line, "warc", no_record_parse=True)
        except ArchiveLoadFailed:
            raise InputError(
                f"{place} begins with {line[:20]!r} and not with {_MARK.decode()}, so the file is "
                "damaged; copy it again"
            ) from None
        length = record.rec_headers.get_header("Content-Length") or ""
        if not (length.isascii() and length.isdigit() and stream.header_ended):
            raise InputError(
                f"{place}: its header is damaged or has no Content-Length; is the file complete?"
            )
        yield _row(record, stream)
        stream.bound = None
        while record.raw_stream.read(_BLOCK):
            pass
        if record.raw_stream.limit:
            raise InputError(
                f"{place} ends {record.raw_stream.limit:,} bytes too soon, so the file is cut off; "
                "copy it again"
            )


def _row(record: Any, stream: _BoundedHeaders) -> rows.Row:
    kind, content_type = record.rec_type, (record.content_type or "").strip().lower()
    is_text = kind == "conversion" and (content_type or "text/").startswith("text/")
    is_http = kind == "response" and content_type.startswith("application/http")
    if not is_text and not is_http:
        return NOT_A_DOCUMENT, [None]
    if record.length > documents.LARGEST:
        return documents.TOO_LARGE, [None]
    if is_text:
        text = documents.decode(record.raw_stream.read())
        return (lines.NOT_UTF8 if text is None else None), [text]
    error, text = _response(record, stream)
    return error, [text]


def _response(record: Any, stream: _BoundedHeaders) -> tuple[str | None, str | None]:
    stream.bound = _LONGEST_HEADER
    try:
        headers = StatusAndHeadersParser(["HTTP/"], verify=False).parse(record.raw_stream)
    except EOFError:
        return UNREADABLE_HTTP, None
    if not headers.protocol.upper().startswith("HTTP/") or not stream.header_ended:
        return UNREADABLE_HTTP, None
    stream.bound = None
    content_type = headers.get_header("Content-Type") or ""
    if content_type.partition(";")[0].strip().lower() not in _PAGES:
        return NOT_A_DOCUMENT, None
    content = record.raw_stream
    if "chunked" in (headers.get_header("Transfer-Encoding") or "").lower():
        content = ChunkedDataReader(content)
    try:
        blocks = _content(content, headers.get_header("Content-Encoding") or "")
        data = documents.join(blocks, html.LARGEST)
    except (zlib.error, LookupError):
        return UNREADABLE_HTTP, None
    if data is None:
        return documents.TOO_LARGE, None
    charset = _CHARSET.search(content_type)
    return html.read_page(data, charset[1] if charset else None)


def _content(stream: Any, encoding: str) -> Iterator[bytes]:
    """The content of an HTTP message without its compression (RFC 9110, section 8.4.1).

    Content that a crawler has decompressed already, or cut off, is given as it is. Raises
    `LookupError` for an encoding that we cannot read, `zlib.error` for damaged content.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise LookupError(encoding)
    block = stream.read(_BLOCK)
    window = _window_bits(encoding, block[:2])
    decoder = zlib.decompressobj(window) if window else None
    while block:
        yield decoder.decompress(block) if decoder else block
        if decoder and decoder.eof:
            block = decoder.unused_data
            decoder = zlib.decompressobj(window) if block.startswith(b"\x1f\x8b") else None
            block = block if decoder else b""
            continue
        block = stream.read(_BLOCK)
    if decoder and not decoder.eof:
        yield decoder.flush()


def _window_bits(encoding: str, head: bytes) -> int:
    """How zlib is to read content; 0 for content that is not compressed."""
    if encoding in ("gzip", "x-gzip"):
        return 31 if head == b"\x1f\x8b" else 0
    if encoding == "deflate":
        has_header = len(head) == 2 and head[0] & 15 == 8 and int.from_bytes(head, "big") % 31 == 0
        return 15 if has_header else -15
    return 0
