"""XLIFF 1.x and 2.x: empty or missing targets are filled from sources, everything else stays, byte
for byte.

* A target with anything in it stays, and so does a unit that says `translate="no"`, itself or by an
  element around it. Where there is a `seg-source`, the target is made from it.
* A filled target gets the state `needs-review-translation` and, in 1.2, the qualifier
  `leveraged-mt`; in 2.x its segment gets the state `translated`. A file of 2.x that names no target
  language gets that of the model.
* Inline codes are numbered tags; those that stand for something (`x`, `ph`, `cp`, protected `mrk`)
  for a word of their sentence.
"""

from __future__ import annotations

import dataclasses
import html
import io
import re
from collections.abc import Iterator
from typing import Literal

from electra_model.errors import InputError

from ..formats import variants, xliff, xml_stream
from .document_parts import Part, Piece, Slot, xml_escaped
from .skeleton import Builder, Copied, LineNumbers, TextsInPlace, decoded

_ENCODING = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\b[^>]*?\bencoding\s*=\s*[\"']([^\"']+)")
# Of XML that a parser has found to be well formed.
_MARKUP = re.compile(
    r"<!--.*?-->|<!\[CDATA\[(?P<cdata>.*?)\]\]>|<\?.*?\?>"
    r"|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>"
    r"|</(?P<end>[^\s>]+)\s*>"
    r"|<(?P<start>[^\s/>!?]+)(?:[^\"'>]+|\"[^\"]*\"|'[^']*')*+>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"\s(?P<name>[^\s=\"'<>/]+)\s*=\s*(?P<value>\"[^\"]*\"|'[^']*')")
_REFERENCE = re.compile(r"&[^;]+;")
# Characters that XML 1.0 cannot hold.
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_WORDS = frozenset(["x", "ph", "cp"])
_MARKS = frozenset(["bx", "ex", "bpt", "ept", "it", "sc", "ec", "sm", "em"])

Kind = Literal["text", "start", "end", "empty", "cdata", "other"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Token:
    """A piece of XML: its place, and of a tag its name without the root's prefix."""

    kind: Kind
    start: int
    stop: int
    name: str = ""


@dataclasses.dataclass(frozen=True)
class _Element:
    """An element by its first and its last token."""

    name: str
    first: int
    last: int


def take_apart(data: bytes, path: str, source: str, target: str) -> TextsInPlace:
    """An XLIFF file.

    Raises:
      InputError: it is no XLIFF, damaged, declares entities or another encoding than UTF-8, or is
        of other languages than `source` and `target`.
    """
    if not data:
        return TextsInPlace((), ())
    encoding = _ENCODING.match(data)
    if encoding and encoding[1].lower() not in (b"utf-8", b"utf8"):
        raise InputError(
            f"{path}: line 1: says that it is in {encoding[1].decode('latin-1')[:40]!r}; convert "
            "it, and what it says, to UTF-8"
        )
    text = decoded(data, path)
    version = ""
    for element in xml_stream.elements(io.BytesIO(data), path, xliff.VOCABULARY):
        if not version:
            version = str(xliff.version(path, element))
            if element.get("version") == "1.2" or element.tag.endswith(":1.2}xliff"):
                version = "1.2"
            _check_languages(
                path, (element.get("srcLang"), source), (element.get("trgLang"), target)
            )
        elif element.tag == "file":
            tags = element.get("source-language"), element.get("target-language")
            _check_languages(path, (tags[0], source), (tags[1], target))
    return _File(text, version, source, target).take_apart()


def _check_languages(path: str, *sides: tuple[str | None, str]) -> None:
    for tag, wanted in sides:
        if tag and wanted and not variants.same_language(wanted, tag):
            found, model = (side[0] or "no language" for side in sides), (one for _, one in sides)
            raise InputError(
                f"{path}: is from {' to '.join(found)}, and the model from {' to '.join(model)}; "
                "name files of the model's languages, or mend what they say"
            )


class _File:
    def __init__(self, text: str, version: str, source: str, target: str) -> None:
        self._text = text
        self._version = version
        self._target = target
        self._lines = LineNumbers(text)
        self._builder = Builder(source)
        self._tokens = list(_tokens(text))
        self._edits: list[tuple[int, int, Part]] = []

    def take_apart(self) -> TextsInPlace:
        root = next(token for token in self._tokens if token.kind in ("start", "empty"))
        wanted = "segment" if self._version == "2" else "trans-unit"
        translated = [True]
        place = 0
        while place < len(self._tokens):
            token = self._tokens[place]
            if token.kind == "start":
                says = _attributes(self._raw(token)).get("translate")
                translated.append(translated[-1] if says is None else says != "no")
                if token.name == wanted:
                    last = self._last(place)
                    if translated.pop():
                        self._unit(_Element(wanted, place, last))
                    place = last
                elif token.name in ("alt-trans", "bin-unit", "ignorable", "matches"):
                    translated.pop()
                    place = self._last(place)
            elif token.kind == "end":
                translated.pop()
            place += 1
        tag = self._raw(root)
        if self._version == "2" and self._edits and self._target:
            if "trgLang" not in _attributes(tag):
                edited = _with_attribute(tag, "trgLang", self._target)
                self._edits.insert(0, (root.start, root.stop, edited))
        position = 0
        for start, stop, part in self._edits:
            self._builder.keep(self._text[position:start], part)
            position = stop
        self._builder.keep(self._text[position:])
        return self._builder.finish()

    def _unit(self, unit: _Element) -> None:
        children = {child.name: child for child in self._children(unit)}
        source = children.get("seg-source") or children.get("source")
        target = children.get("target")
        if source is None or source.first == source.last:
            return
        if target is not None and self._holds_anything(target):
            return
        inner = self._text[self._tokens[source.first].stop : self._tokens[source.last].start]
        if not inner:
            return
        pieces = list(self._pieces(source.first + 1, source.last))
        passage = self._builder.read(pieces, _escaped)
        line = self._lines.of(self._tokens[source.first].start)
        number = self._builder.text(passage or Copied(inner), line)
        if self._version == "2":
            tag = self._raw(self._tokens[unit.first])
            begun = _with_attribute(tag, "state", "translated")
            start = self._tokens[unit.first].start
            self._edits.append((start, start + len(tag), Slot(number, begun, "", tag, shows=False)))
        if target is not None:
            start, stop = self._tokens[target.first].start, self._tokens[target.last].stop
            tag = self._raw(self._tokens[target.first])
            tag = tag[:-2].rstrip() + ">" if tag.endswith("/>") else tag
            slot = self._slot(number, "", tag, self._text[start:stop])
            self._edits.append((start, stop, slot))
            return
        stop = self._tokens[source.last].stop
        first = children["source"].first if "source" in children else source.first
        name = re.match(r"<([^\s/>]*:)?", self._raw(self._tokens[first]))
        before = self._raw(self._tokens[first - 1]) if first - 1 > unit.first else ""
        indent = before[len(before.rstrip()) :]
        tag = f"<{(name and name[1]) or ''}target>"
        self._edits.append((stop, stop, self._slot(number, indent, tag, "")))

    def _slot(self, number: int, indent: str, tag: str, otherwise: str) -> Slot:
        name = re.match(r"<([^\s/>]+)", tag)
        if self._version != "2":
            tag = _with_attribute(tag, "state", "needs-review-translation")
        if self._version == "1.2":
            tag = _with_attribute(tag, "state-qualifier", "leveraged-mt")
        return Slot(number, indent + tag, f"</{name[1] if name else 'target'}>", otherwise)

    def _pieces(self, place: int, stop: int) -> Iterator[Piece]:
        while place < stop:
            token = self._tokens[place]
            raw = self._raw(token)
            if token.kind == "text":
                yield from _text_pieces(raw)
            elif token.kind == "cdata":
                yield from _text_pieces(html.escape(raw[9:-3], quote=False))
            elif token.kind == "other":
                yield Piece("mark", raw)
            elif token.kind == "end":
                yield Piece("close", raw, name=token.name)
            elif token.name in _WORDS or token.name in _MARKS or self._is_protected(token, raw):
                last = self._last(place)
                raw = self._text[token.start : self._tokens[last].stop]
                yield Piece("mark" if token.name in _MARKS else "object", raw)
                place = last
            elif token.kind == "empty":
                yield Piece("mark", raw)
            else:
                yield Piece("open", raw, name=token.name)
            place += 1

    def _is_protected(self, token: _Token, raw: str) -> bool:
        if token.name != "mrk":
            return False
        found = _attributes(raw)
        return found.get("mtype") == "protected" or found.get("translate") == "no"

    def _children(self, element: _Element) -> Iterator[_Element]:
        place = element.first + 1
        while place < element.last:
            token = self._tokens[place]
            if token.kind in ("start", "empty"):
                last = self._last(place)
                yield _Element(token.name, place, last)
                place = last
            place += 1

    def _holds_anything(self, element: _Element) -> bool:
        return any(
            token.kind in ("start", "empty", "cdata")
            or (token.kind == "text" and self._raw(token).strip())
            for token in self._tokens[element.first + 1 : element.last]
        )

    def _last(self, place: int) -> int:
        """The last token of the element that begins at one."""
        depth = 0
        while True:
            kind = self._tokens[place].kind
            depth += (kind == "start") - (kind == "end")
            if not depth:
                return place
            place += 1

    def _raw(self, token: _Token) -> str:
        return self._text[token.start : token.stop]


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    prefix = None
    for found in _MARKUP.finditer(text):
        if found.start() > position:
            yield _Token("text", position, found.start())
        position = found.end()
        name = found["start"] or found["end"]
        kind: Kind = "other"
        if name is None:
            kind = "cdata" if found["cdata"] is not None else "other"
        else:
            if prefix is None:
                prefix = name[: name.rfind(":") + 1]
            own = name.startswith(prefix) and ":" not in name[len(prefix) :]
            name = name[len(prefix) :] if own else f"{{other}}{name}"
            kind = "end" if found["end"] else "empty" if found[0].endswith("/>") else "start"
        yield _Token(kind, found.start(), found.end(), name or "")
    if position < len(text):
        yield _Token("text", position, len(text))


def _attributes(tag: str) -> dict[str, str]:
    return {found["name"]: found["value"][1:-1] for found in _ATTRIBUTE.finditer(tag)}


def _with_attribute(tag: str, name: str, value: str) -> str:
    """A start tag whose attribute has another value, or is new."""
    for found in _ATTRIBUTE.finditer(tag):
        if found["name"] == name:
            return f'{tag[: found.start("value")]}"{value}"{tag[found.end("value") :]}'
    end = "/>" if tag.endswith("/>") else ">"
    return f'{tag.removesuffix(end).rstrip()} {name}="{value}"{end}'


def _text_pieces(raw: str) -> Iterator[Piece]:
    """Text as it is: white space in it may count."""
    position = 0
    for found in _REFERENCE.finditer(raw):
        if found.start() > position:
            yield Piece("text", raw[position : found.start()], raw[position : found.start()])
        yield Piece("text", found[0], html.unescape(found[0]))
        position = found.end()
    if position < len(raw):
        yield Piece("text", raw[position:], raw[position:])


def _escaped(text: str, spelled: dict[str, str]) -> str:
    return xml_escaped(_NO_CHARACTER.sub("", text), spelled)
