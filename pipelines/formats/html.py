"""HTML pages: the text that a reader sees, a page as one row.

Lines end where a browser would end them: at block elements and at `<br>`, not at inline elements.
White space is collapsed as CSS does (CSS Text 3, section 4.1) except in `pre` and its like, and the
cells of a table's row are set apart by tabs, as `innerText` has them (HTML Standard, 3.2.7). What
stands in `head` is left out, the title too: it is not on the page, and repeats the heading.

Pages are parsed as a stream of events by lxml, without a tree, without network, and without
entities but HTML's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from ..units import Unit
from . import compression, documents, lines, rows

MALFORMED_HTML = "malformed_html"

# Bytes of the largest page that is parsed.
LARGEST = documents.LARGEST
# Browsers stop at some 500 open elements. The parser goes through all of them at each end tag that
# fits none, so without a bound a page could keep it busy for days.
_DEEPEST = 1000
_BLOCK = 1 << 16

# Elements whose content is no text of the page, or raw markup for browsers that lack something.
_LEFT_OUT = frozenset("head iframe noembed noframes noscript script style template".split())
BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li "
    "listing main menu nav ol optgroup option p plaintext pre search section summary table tbody "
    "tfoot thead tr ul xmp".split()
)
_CELLS = frozenset(["td", "th"])
_PREFORMATTED = frozenset("listing plaintext pre textarea xmp".split())

_SPACES = re.compile(r"[ \t\n\f\r]+")

# Labels of the Encoding Standard, section 4.2, that we read, and some whose encodings agree with
# UTF-8 as long as a page is in ASCII.
_UTF8 = frozenset(["utf-8", "utf8", "unicode-1-1-utf-8"])
_UTF16 = {"utf-16": "utf-16-le", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}
_OVER_ASCII = ("ascii", "us-ascii", "cp125", "iso-8859-", "iso8859-", "latin", "windows-125")

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META = re.compile(rb"<meta\b[^>]*", re.IGNORECASE)
_IS_CONTENT_TYPE = re.compile(rb"http-equiv\s*=\s*[\"']?\s*content-type", re.IGNORECASE)
_CONTENT = re.compile(rb"content\s*=\s*(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_CHARSET = re.compile(rb"\bcharset\s*=\s*[\"']?\s*([^\s\"'/;]+)", re.IGNORECASE)


def read(unit: Unit, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row per file. Errors: "not_utf8", "malformed_html" and "too_large"."""
    data = documents.read_bytes(unit.path, unit.compression, LARGEST)
    error, text = (documents.TOO_LARGE, None) if data is None else read_page(data)
    return rows.batches([(error, [text])], fields)


def read_page(data: bytes, charset: str | None = None) -> tuple[str | None, str | None]:
    """The text of a page, or the slug of what makes it unreadable: (None, text) or (slug, None).

    Args:
      data: the page as it is stored. charset: what the protocol said of its encoding; a byte order
        mark comes before it, and a `<meta>` element after it.
    """
    page = _decode(data, charset)
    if page is None:
        return lines.NOT_UTF8, None
    if not page.strip():
        return None, ""
    target = _ReadableText()
    parser = etree.HTMLParser(target=target, encoding="utf-8", no_network=True)
    stored = page.encode("utf-8", "surrogatepass")
    try:
        for start in range(0, len(stored), _BLOCK):
            parser.feed(stored[start : start + _BLOCK])
        return None, parser.close()
    except (etree.LxmlError, _TooDeepError):
        return MALFORMED_HTML, None


def _decode(data: bytes, charset: str | None) -> str | None:
    if data.startswith(lines.BOM) or compression.utf16_of(data[:4]):
        return documents.decode(data)
    label = charset.strip().lower() if charset else None
    if label in _UTF16:
        try:
            return data.decode(_UTF16[label])
        except UnicodeDecodeError:
            return None
    if label is None:
        label = declared_charset(data)
        # Whoever could read the declaration byte by byte did not read UTF-16.
        label = "utf-8" if label is None or label in _UTF16 else label
    if label in _UTF8 or (label.startswith(_OVER_ASCII) and data.isascii()):
        return documents.decode(data)
    return None


def declared_charset(data: bytes) -> str | None:
    """The encoding that a `<meta>` element names, in lower case (HTML Standard, 13.2.3.2)."""
    for tag in _META.findall(_COMMENT.sub(b"", data[:1024])):
        found = _CHARSET.search(tag if _IS_CONTENT_TYPE.search(tag) else _CONTENT.sub(b"", tag))
        if found:
            return found[1].decode("latin-1").lower()
    return None


class _TooDeepError(Exception):
    """More elements are open than any page has."""


class _ReadableText:
    """Takes the parser's events, gives the text."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._depth = 0
        self._left_out_at: int | None = None
        self._preformatted = 0
        self._pre_begins = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _TooDeepError
        if self._left_out_at is not None:
            return
        if tag in _LEFT_OUT:
            self._left_out_at = self._depth
        elif tag == "br":
            self._end_line(even_if_empty=True)
        elif tag in _CELLS and self._line:
            self._line.append("\t")
        elif tag in BLOCKS:
            self._end_line()
        if tag in _PREFORMATTED:
            self._preformatted += 1
            self._pre_begins = True

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._left_out_at is not None:
            if self._depth < self._left_out_at:
                self._left_out_at = None
            return
        if tag in BLOCKS:
            self._end_line()
        if tag in _PREFORMATTED:
            self._preformatted -= 1

    def data(self, text: str) -> None:
        if self._left_out_at is not None:
            return
        if self._preformatted:
            self._add_preformatted(text)
            return
        text = _SPACES.sub(" ", text)
        if text[0] == " " and (not self._line or self._line[-1][-1] in " \t"):
            text = text[1:]
        if text:
            self._line.append(text)

    def close(self) -> str:
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def _add_preformatted(self, text: str) -> None:
        if self._pre_begins:
            text = text.removeprefix("\n")  # a line end right behind the tag is not shown
            self._pre_begins = False
        first, *more = text.split("\n")
        if first:
            self._line.append(first)
        for part in more:
            self._end_line(even_if_empty=True)
            if part:
                self._line.append(part)

    def _end_line(self, even_if_empty: bool = False) -> None:
        line = "".join(self._line)
        self._line.clear()
        line = line.rstrip() if self._preformatted else line.strip(" \t")
        if line or even_if_empty:
            self._lines.append(line)
