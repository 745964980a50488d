"""A document without its words: what stays, the places of its texts, and the document with others.

>>> from pipelines.mirrors.document_parts import plain
>>> builder = Builder("en")
>>> builder.keep("<p>")
>>> builder.passage(plain("Hello."), line=1)
>>> builder.keep("</p>")
>>> skeleton = builder.finish()
>>> skeleton.texts[0].segments
('Hello.',)
>>> skeleton.put_together([["Hallo."]])
b'<p>Hallo.</p>'
>>> skeleton.put_together([None])
b'<p>Hello.</p>'
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from electra_model.errors import InputError

from . import passages
from .document_parts import Encode, Part, Piece, as_it_is
from .passages import Passage

_BOM = "\ufeff"


class Translatable(Protocol):
    """What `Passage` has; formats with rules of their own have other classes."""

    @property
    def source(self) -> str:
        """What it reads."""
        ...

    @property
    def segments(self) -> tuple[str, ...]:
        """What a model is asked."""
        ...

    def put_together(self, translations: Sequence[str]) -> list[Part] | None:
        """What is stored in its place; None where the translations do not fit."""
        ...


@dataclasses.dataclass(frozen=True)
class Text:
    """One text of a document: a row of the ledger. `line` is where it begins, counted from 1."""

    line: int
    passage: Translatable

    @property
    def source(self) -> str:
        """What it reads."""
        return self.passage.source

    @property
    def segments(self) -> tuple[str, ...]:
        """What a model is asked."""
        return self.passage.segments

    def answer(self, translations: Sequence[str]) -> list[Part] | None:
        """What is stored in its place; None where the translations do not fit."""
        return self.passage.put_together(translations)


@dataclasses.dataclass(frozen=True)
class Copied:
    """A text without anything to translate: its translation is the text itself."""

    source: str
    segments: tuple[str, ...] = ()

    def put_together(self, translations: Sequence[str]) -> list[Part] | None:
        """The text."""
        del translations
        return [self.source]


class Skeleton(Protocol):
    """A document taken apart."""

    @property
    def texts(self) -> Sequence[Text]:
        """What is to be translated, in order."""
        ...

    def put_together(self, answers: Sequence[Sequence[Part] | None]) -> bytes:
        """The document with `Text.answer` of each text, or None where it stays as it is."""
        ...


@dataclasses.dataclass(frozen=True)
class TextsInPlace:
    """A skeleton of parts that stay, numbers of texts, and slots."""

    parts: tuple[Part, ...]
    texts: tuple[Text, ...]

    def put_together(self, answers: Sequence[Sequence[Part] | None]) -> bytes:
        """See `Skeleton`."""
        filled = [
            text.answer(text.segments) if answer is None else answer
            for text, answer in zip(self.texts, answers, strict=True)
        ]
        return "".join(_strings(self.parts, filled, answers)).encode()


def _strings(
    parts: Iterable[Part],
    filled: Sequence[Sequence[Part] | None],
    answers: Sequence[Sequence[Part] | None],
) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, int):
            yield from _strings(filled[part] or (), filled, answers)
        elif answers[part.text] is None:
            yield part.otherwise
        elif not part.shows:
            yield part.before
        else:
            written = "".join(_strings(filled[part.text] or (), filled, answers))
            same = written == part.otherwise
            yield written if same else f"{part.before}{written}{part.after}"


class Builder:
    """Collects the parts of a document in order."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._parts: list[Part] = []
        self._texts: list[Text] = []

    def keep(self, *parts: Part) -> None:
        """Adds what stays."""
        self._parts += parts

    def passage(self, pieces: Iterable[Piece], line: int, encode: Encode = as_it_is) -> None:
        """Adds a passage in its own place; where nothing in it can be translated, it stays."""
        pieces = list(pieces)
        passage = passages.take_apart(pieces, self._language, encode)
        if passage is None:
            self.keep(*(part for piece in pieces for part in piece.parts))
        else:
            self.keep(self.text(passage, line))

    def read(self, pieces: Iterable[Piece], encode: Encode) -> Passage | None:
        """A passage in the document's language that is not added."""
        return passages.take_apart(list(pieces), self._language, encode)

    def text(self, passage: Translatable, line: int) -> int:
        """Adds a text without a place. Returns its number."""
        self._texts.append(Text(line, passage))
        return len(self._texts) - 1

    def finish(self) -> TextsInPlace:
        """The skeleton."""
        return TextsInPlace(tuple(self._parts), tuple(self._texts))


class LineNumbers:
    """Positions in a text -> lines, counted from 1."""

    def __init__(self, text: str) -> None:
        self._ends = [at for at, character in enumerate(text) if character == "\n"]

    def of(self, position: int) -> int:
        """The line that a position is on."""
        return bisect_right(self._ends, position - 1) + 1


def decoded(data: bytes, path: str) -> str:
    """The text of a file in UTF-8, its byte order mark included.

    Raises:
      InputError: other bytes, or a zero byte, with their line.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line}: holds bytes that are not UTF-8; convert the file to UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{path}: line {line}: holds a zero byte; remove it")
    return text


def without_mark(text: str) -> tuple[str, str]:
    """A text's byte order mark, or nothing, and the rest."""
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
