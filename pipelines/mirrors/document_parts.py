"""What a document is cut into: parts that stay, places of texts, and pieces of a passage."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Literal

Kind = Literal["text", "object", "mark", "open", "close", "break"]

_SPACE = re.compile(r"[ \t\n\r\f]+")
_SHOWN = {"object": "\ufffc", "break": "\n"}


@dataclasses.dataclass(frozen=True)
class Slot:
    """Where a text's translation goes when that is not its own place, or not alone.

    Attributes:
      text: the number of the text. before, after: what is written around the translation.
      otherwise: what stands there without a translation.
      shows: whether the translation itself is written.
    """

    text: int
    before: str
    after: str
    otherwise: str
    shows: bool = True


# A part of a document: what stands there, or the number of a text whose translation does.
Part = str | int | Slot


@dataclasses.dataclass(frozen=True)
class Piece:
    """A piece of a passage.

    Attributes:
      kind: "text"; "object", which stands for a word (inline code); "mark", which stands for
        nothing (a comment, an image); "open" and "close" of a pair; "break", which ends a sentence.
      raw: how it is stored; the numbers of other texts may stand in it.
      shown: of text, what it reads. name: of a pair.
    """

    kind: Kind
    raw: str | tuple[Part, ...]
    shown: str = ""
    name: str = ""

    @property
    def reads(self) -> str:
        """What the passage reads at this place."""
        return _SHOWN.get(self.kind, self.shown)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that it is stored as."""
        return (self.raw,) if isinstance(self.raw, str) else self.raw


Encode = Callable[[str, dict[str, str]], str]


def as_it_is(text: str, spelled: dict[str, str]) -> str:
    """Text that needs no escapes."""
    del spelled
    return text


def xml_escaped(text: str, spelled: dict[str, str]) -> str:
    """Text of XML and WebVTT; `>` is escaped too, for `]]>` and `-->` mean something."""
    escapes = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | spelled
    return "".join(escapes.get(character, character) for character in text)


def plain(text: str) -> Iterator[Piece]:
    """Text without escapes as pieces: white space that is not one space by itself."""
    position = 0
    for space in _SPACE.finditer(text):
        if space[0] != " ":
            if space.start() > position:
                yield text_piece(text[position : space.start()])
            yield Piece("text", space[0], " ")
            position = space.end()
    if position < len(text):
        yield text_piece(text[position:])


def text_piece(text: str) -> Piece:
    """Text that is stored as it reads."""
    return Piece("text", text, text)
