"""The text of a Markdown block as pieces of a passage: what is shown to a model, and what stays.

Inline code, addresses in angle brackets, footnote marks and tags of HTML stay; links and emphasis
are pairs around their words; the alternative text of an image is a text of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import html_tokens, markdown_spans
from .document_parts import Part, Piece, plain
from .markdown_spans import Span

# Marks of footnotes, at the beginning boxes of tasks and names of alerts.
_STAYS = re.compile(r"\[\^[^\]\s]+\]:?")
_BEGINS = re.compile(
    r"\[(?:[ xX]\]\s+|\^[^\]\s]+\]:\s*|!(?:NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*)"
)
_PLAIN_LABEL = re.compile(r"[^\[\]\\`*_<>&!~\n]*[^\W\d_][^\[\]\\`*_<>&!~\n]*")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")
_CODE = frozenset("code kbd samp var tt".split())
_NO = re.compile(r"\stranslate\s*=\s*[\"']?no\b", re.IGNORECASE)

# What every piece is stored as: positions in the block's text -> the document's.
Raw = Callable[[int, int], str]


def pieces(
    content: str,
    references: dict[str, Any],
    raw: Raw,
    image_text: Callable[[str, int], Part],
) -> list[Piece]:
    """The pieces of a block's text.

    Args:
      references: see `markdown_spans.spans`. raw: start, stop -> how that is stored.
      image_text: alternative text, its position -> the part that goes in its place.
    """
    found: list[Piece] = []
    begins = _BEGINS.match(content)
    for span in markdown_spans.spans(content, references):
        start = span.start
        if begins and start < begins.end():
            if span.stop <= begins.end() and span.kind == "text":
                found.append(Piece("mark", raw(start, span.stop)))
                continue
            if span.kind == "text":
                found.append(Piece("mark", raw(start, begins.end())))
                start = begins.end()
        if span.kind == "text":
            found += _text(content, start, span.stop, raw)
        else:
            found.append(_piece(content, span, raw, image_text))
    return _with_code(found)


def _text(content: str, start: int, stop: int, raw: Raw) -> Iterator[Piece]:
    position = start
    for mark in _STAYS.finditer(content, start, stop):
        yield from _words(content, position, mark.start(), raw)
        yield Piece("mark", raw(mark.start(), mark.end()))
        position = mark.end()
    yield from _words(content, position, stop, raw)


def _words(content: str, start: int, stop: int, raw: Raw) -> Iterator[Piece]:
    # Of tables a bar is stored with a backslash.
    for part in re.finditer(r"\||[^|]+", content[start:stop]):
        stored = raw(start + part.start(), start + part.end())
        if part[0] == "|" != stored:
            yield Piece("text", stored, "|")
        else:
            yield from plain(part[0])


def _piece(content: str, span: Span, raw: Raw, image_text: Callable[[str, int], Part]) -> Piece:
    stored = raw(span.start, span.stop)
    if span.kind in ("open", "close"):
        return Piece(span.kind, stored, name=span.name)
    if span.kind == "special":
        return Piece("text", stored, span.shown)
    if span.kind == "soft":
        return Piece("text", stored, " ")
    if span.kind == "hard":
        return Piece("break", stored)
    if span.kind == "code":
        return Piece("object", stored)
    if span.kind == "image":
        label = content[span.start + 2 : span.label]
        if not _PLAIN_LABEL.fullmatch(label):
            return Piece("mark", stored)
        text = image_text(label, span.start + 2)
        return Piece("mark", (raw(span.start, span.start + 2), text, raw(span.label, span.stop)))
    tag = _TAG.match(stored)
    if tag is None:
        return Piece("mark", stored)
    name = tag[2].lower()
    if name == "br":
        return Piece("break", stored)
    if tag[1]:
        return Piece("close", stored, name=f"<{name}")
    if name in html_tokens.VOID or stored.endswith("/>"):
        return Piece("mark", stored)
    return Piece("open", stored, name=f"<{name}")


def _with_code(found: Sequence[Piece]) -> list[Piece]:
    """The pieces, where elements of HTML that hold code are one object."""
    result: list[Piece] = []
    place = 0
    last = {piece.name: at for at, piece in enumerate(found) if piece.kind == "close"}
    while place < len(found):
        piece = found[place]
        if piece.kind == "open" and isinstance(piece.raw, str) and piece.name[0] == "<":
            keeps = piece.name[1:] in _CODE or _NO.search(piece.raw)
            if keeps and last.get(piece.name, -1) > place:
                stop = place + 1
                while found[stop].kind != "close" or found[stop].name != piece.name:
                    stop += 1
                parts = tuple(part for one in found[place : stop + 1] for part in one.parts)
                result.append(Piece("object", parts))
                place = stop + 1
                continue
        result.append(piece)
        place += 1
    return result
