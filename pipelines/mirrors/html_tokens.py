"""HTML cut into tags, text and what is neither, so that every byte is in one token (HTML Standard,
13.2.5).

A scanner of our own because the parsers at hand build trees, or tell no places of attributes: here
the tokens joined are the page. It takes time that grows with the page alone.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterator
from typing import Literal

from .document_parts import Piece, plain

Kind = Literal["text", "start", "end", "other"]

# Elements whose content is no markup.
RAW_TEXT = frozenset("script style textarea title xmp iframe noembed noframes".split())
VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())

_MARKUP = re.compile(
    r"<(?:!--(?:>|->|.*?(?:--!?>))"
    r"|[!?][^>]*>"
    r"|/(?P<end>[A-Za-z][^\s/>]*)[^>]*>"
    r"|/[^A-Za-z>][^>]*>|/>"
    r"|(?P<start>[A-Za-z][^\s/>]*)(?:[^>\"'=]+|=\s*(?:\"[^\"]*\"|'[^']*')?|[\"'])*+>)",
    re.DOTALL,
)
_BEGINS = re.compile(r"<[A-Za-z!?/]")
_ATTRIBUTE = re.compile(
    r"(?P<name>[^\s\"'<>/=]+)(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'"
    r"|(?P<bare>[^\s\"'>]+)))?"
)
_ENTITY = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9A-Fa-f]+;?|[A-Za-z][A-Za-z0-9]*;?)")


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A piece of a page.

    Attributes:
      kind: "other" is a comment, a declaration, or the content of an element that holds no markup.
      raw: as it is stored. start: where in the page it begins. name: of a tag, in lower case.
    """

    kind: Kind
    raw: str
    start: int
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Attribute:
    """An attribute of a tag: its name in lower case, and its value as it is spelled, with where it
    begins in the tag and its quotation mark ("" for none)."""

    name: str
    value: str
    start: int
    quote: str


class CutOffError(Exception):
    """The page ends inside of a tag, a comment or an element that holds no markup; `start` is where
    that begins."""

    def __init__(self, start: int, what: str) -> None:
        super().__init__(what)
        self.start = start
        self.what = what


def tokens(page: str) -> Iterator[Token]:
    """The tokens of a page. Raises `CutOffError`."""
    position = 0
    while position < len(page):
        found = _BEGINS.search(page, position)
        if found is None:
            yield Token("text", page[position:], position)
            return
        begin = found.start()
        markup = _MARKUP.match(page, begin)
        if markup is None:
            what = "comment" if page.startswith("<!--", begin) else "tag"
            raise CutOffError(begin, what)
        if begin > position:
            yield Token("text", page[position:begin], position)
        position = markup.end()
        name = (markup["start"] or markup["end"] or "").lower()
        kind: Kind = "start" if markup["start"] else "end" if markup["end"] else "other"
        yield Token(kind, markup[0], begin, name)
        if kind == "start" and name == "plaintext":
            yield Token("other", page[position:], position)
            return
        if kind == "start" and name in RAW_TEXT:
            stop = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(page, position)
            if stop is None:
                raise CutOffError(begin, f"{name} element")
            if stop.start() > position:
                yield Token("other", page[position : stop.start()], position, name)
            position = stop.start()


def attributes(tag: str) -> Iterator[Attribute]:
    """The attributes of a start tag."""
    name = re.match(r"<[^\s/>]+", tag)
    for found in _ATTRIBUTE.finditer(tag, name.end() if name else 0):
        for kind, quote in (("double", '"'), ("single", "'"), ("bare", "")):
            if found[kind] is not None:
                yield Attribute(found["name"].lower(), found[kind], found.start(kind), quote)
                break
        else:
            yield Attribute(found["name"].lower(), "", found.end(), "")


def pieces(text: str, *, in_attribute: bool = False) -> Iterator[Piece]:
    """Text as pieces of a passage: its entities as their characters."""
    position = 0
    for found in _ENTITY.finditer(text):
        if in_attribute and not found[0].endswith(";"):
            continue  # as in addresses: ?a=1&copy=2
        shown = html.unescape(found[0])
        if shown == found[0] or not shown:
            continue
        yield from plain(text[position : found.start()])
        yield Piece("text", found[0], shown)
        position = found.end()
    yield from plain(text[position:])


def escaped(text: str, spelled: dict[str, str]) -> str:
    """Text as HTML; `spelled` are the characters that the page writes in its own way."""
    escapes = {"&": "&amp;", "<": "&lt;"} | spelled
    return "".join(escapes.get(character, character) for character in text)


def escaped_attribute(text: str, spelled: dict[str, str]) -> str:
    """As `escaped`, for between quotation marks of either kind."""
    return escaped(text, {'"': "&quot;", "'": "&#39;"} | spelled)
