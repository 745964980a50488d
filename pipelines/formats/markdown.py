"""Markdown (CommonMark, with the tables and the strikethrough of GitHub): the text that a reader
sees, a file as one row.

Headings, paragraphs, items, quotes and the rows of tables are lines; the cells of a row are set
apart by tabs. Links count with their text, images with their alternative text, inline code as it
is. Blocks of code, blocks and tags of HTML, and front matter are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ..units import Unit
from . import documents, lines, rows

MALFORMED_MARKDOWN = "malformed_markdown"

# Bytes of the largest file that is parsed: the parser needs some 150 times as much memory.
LARGEST = 2 << 20
# Of quotes and lists in each other. The parser drops what is deeper, so the row is an error.
DEEPEST = 100

# Front matter has keys: between two lines of dashes there may be prose as well.
FRONT_MATTER = re.compile(
    r"---[ \t]*\n(?:[ \t]*(?:#.*)?\n)*[\w.\"'-]+[ \t]*:(?:[ \t].*)?\n(?:.*\n)*?"
    r"(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
    r"|\+\+\+[ \t]*\n(?:.*\n)*?\+\+\+[ \t]*(?:\n|\Z)"
)


def read(unit: Unit, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row per file. Errors: "not_utf8", "malformed_markdown" and "too_large"."""
    data = documents.read_bytes(unit.path, unit.compression, LARGEST)
    error, text = (documents.TOO_LARGE, None) if data is None else _read_bytes(data)
    return rows.batches([(error, [text])], fields)


def _read_bytes(data: bytes) -> tuple[str | None, str | None]:
    text = documents.decode(data)
    if text is None:
        return lines.NOT_UTF8, None
    text = readable_text(text)
    return (MALFORMED_MARKDOWN if text is None else None), text


def readable_text(source: str) -> str | None:
    """The text of a Markdown document; None where it is nested too deep to be read."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if matter := FRONT_MATTER.match(source):
        source = source[matter.end() :]
    parser = MarkdownIt("commonmark", {"maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    try:
        tokens = parser.parse(source)
    except RecursionError:
        return None
    if any(token.nesting == 1 and token.level + 1 >= DEEPEST for token in tokens):
        return None
    return _text_of(tokens)


def _text_of(tokens: Sequence[Token]) -> str:
    found: list[str] = []
    cells: list[str] | None = None
    for token in tokens:
        if token.type == "tr_open":
            cells = []
        elif token.type == "tr_close" and cells is not None:
            found.append("\t".join(cells))
            cells = None
        elif token.type == "inline":
            (found if cells is None else cells).append(_inline_text(token.children or []).strip())
    return "\n".join(line for line in found if line)


def _inline_text(tokens: Sequence[Token]) -> str:
    found: list[str] = []
    for token in tokens:
        if token.type == "image":
            found.append(_inline_text(token.children or []))
        elif token.type == "softbreak":
            found.append(" ")
        elif token.type == "hardbreak":
            found.append("\n")
        elif token.type != "html_inline":
            found.append(token.content)
    return "".join(found)
