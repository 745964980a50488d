"""Markdown (CommonMark, with the tables and the strikethrough of GitHub): the text of headings,
paragraphs, items, quotes and cells is translated, everything else stays, byte for byte.

Blocks are found by the parser's lines, and inline elements by `markdown_spans`. Front matter, code,
blocks of HTML, targets and titles of links and their definitions stay. A translation is written and
read again by the parser: it is taken if it has the same elements around the same words; where its
own characters would be taken for Markdown they get a backslash.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from electra_model.errors import InputError

from ..formats.markdown import DEEPEST, FRONT_MATTER, LARGEST
from . import markdown_pieces, numbered_tags, passages
from .document_parts import Encode, Part, Piece, plain
from .passages import Passage
from .skeleton import Builder, TextsInPlace, decoded, without_mark

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_ACTIVE = frozenset("\\`*_[]<>#+-!|~&")
_BACKSLASH = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_BAR = re.compile(r"(?<!\\)(?:\\\\)*\|")


def take_apart(data: bytes, path: str, source: str, target: str) -> TextsInPlace:
    """A Markdown file.

    Raises:
      InputError: it is not in UTF-8, larger than the parser takes, or nested too deep.
    """
    del target
    if len(data) > LARGEST:
        raise InputError(
            f"{path}: has more than {LARGEST >> 20} MiB, which is the most for Markdown; split it"
        )
    mark, text = without_mark(decoded(data, path))
    return _Document(text, path, source, mark).take_apart()


@functools.cache
def _blocks() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    return parser.disable(["inline", "text_join"])


class _Document:
    def __init__(self, text: str, path: str, language: str, mark: str) -> None:
        self._text = text
        self._path = path
        self._language = language
        self._builder = Builder(language)
        self._builder.keep(mark)
        self._lines = _LINE.findall(text)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._references: dict[str, Any] = {}
        self._position = 0

    def take_apart(self) -> TextsInPlace:
        bodies = [line.rstrip("\r\n") for line in self._lines]
        joined = "\n".join(bodies)
        matter = FRONT_MATTER.match(joined)
        skipped = joined[: matter.end()].count("\n") if matter else 0
        try:
            tokens = _blocks().parse("\n".join(bodies[skipped:]), self._references)
            deep = any(token.nesting == 1 and token.level + 1 >= DEEPEST for token in tokens)
            if not deep:
                return self._filled(tokens, skipped)
        except RecursionError:
            pass
        raise InputError(
            f"{self._path}: quotes, lists or links are nested more than {DEEPEST} deep; flatten "
            "them"
        )

    def _filled(self, tokens: Sequence[Token], skipped: int) -> TextsInPlace:
        # To the parser, which knows no footnotes, one of a single word is the target of a link.
        targets = self._references.get("references", {})
        self._references = {
            "references": {name: to for name, to in targets.items() if name[0] != "^"}
        }
        cells: list[Token] | None = None
        before = ""
        for token in tokens:
            if token.type == "tr_open":
                cells = []
            elif token.type == "tr_close" and cells:
                self._row(cells, skipped)
                cells = None
            elif token.type == "inline" and token.content:
                if cells is not None:
                    cells.append(token)
                else:
                    self._block(token, skipped, before)
            before = token.type
        self._builder.keep(self._text[self._position :])
        return self._builder.finish()

    def _block(self, token: Token, skipped: int, before: str) -> None:
        """A paragraph or a heading."""
        assert token.map is not None
        first = token.map[0] + skipped
        starts = []
        for number, line in enumerate(token.content.split("\n")):
            core = line.strip(" \t")
            body = self._lines[first + number].rstrip("\r\n")
            stripped = body.rstrip(" \t")
            if stripped.endswith(core):
                at = len(stripped) - len(core)
            else:
                at = body.find(core)  # a heading with marks at its end
            if at < 0:
                self._refuse(first + number)
            lead = len(line) - len(line.lstrip(" \t"))
            starts.append(self._starts[first + number] + at - lead)
        content_starts = [0]
        for line in token.content.split("\n"):
            content_starts.append(content_starts[-1] + len(line) + 1)

        def place(position: int) -> int:
            number = min(bisect_right(content_starts, position), len(starts)) - 1
            return starts[number] + position - content_starts[number]

        heading = before == "heading_open" and len(starts) == 1
        check = _is_heading if heading else _is_paragraph
        self._add(token.content, place, first, check, in_table=False)

    def _row(self, cells: list[Token], skipped: int) -> None:
        """A row of a table."""
        assert cells[0].map is not None
        number = cells[0].map[0] + skipped
        line = self._lines[number].rstrip("\r\n")
        begin = self._starts[number]
        position = 0
        for cell in cells:
            stored = cell.content.replace("|", "\\|")
            at = _cell(line, stored, position)
            if at is None:
                if any(map(str.isalpha, cell.content)):
                    self._refuse(number)
                continue
            position = at + len(stored)

            def place(inner: int, start: int = begin + at, content: str = cell.content) -> int:
                return start + inner + content.count("|", 0, inner)

            self._add(cell.content, place, number, _is_anything, in_table=True)

    def _add(
        self,
        content: str,
        place: Callable[[int], int],
        line: int,
        check: Callable[[str], bool],
        in_table: bool,
    ) -> None:
        text = self._text

        def raw(start: int, stop: int) -> str:
            return text[place(start) : place(stop)]

        def image_text(label: str, at: int) -> Part:
            del at
            passage = passages.take_apart(list(plain(label)), self._language, _in_image)
            return label if passage is None else self._builder.text(passage, line + 1)

        start = place(0)
        self._builder.keep(text[self._position : start])
        self._position = place(len(content))
        found = markdown_pieces.pieces(content, self._references, raw, image_text)
        strict = passages.take_apart(found, self._language, _strict)
        if strict is None:
            self._builder.keep(*(part for piece in found for part in piece.parts))
            return
        loose = passages.take_apart(found, self._language, _loose(in_table))
        flat = [
            dataclasses.replace(piece, raw=" ") if _is_line_end(piece) else piece for piece in found
        ]
        alone = passages.take_apart(flat, self._language, _strict)
        assert loose is not None and alone is not None
        block = _Block(content, self._references, raw(0, len(content)), check, in_table)
        ends = {raw(*end.span()) for end in re.finditer(r"\n[ \t]*", content)}
        joints = sorted(ends, key=len, reverse=True)
        self._builder.keep(
            self._builder.text(_Checked((loose, strict, alone), block, tuple(joints)), line + 1)
        )

    def _refuse(self, number: int) -> None:
        raise InputError(
            f"{self._path}: line {number + 1}: its place in the text is not found; put spaces "
            "instead of tabs at its beginning"
        )


def _is_line_end(piece: Piece) -> bool:
    return piece.kind == "text" and piece.shown == " " and "\n" in _flat(piece.raw)


def _flat(raw: str | tuple[Part, ...]) -> str:
    return (raw if isinstance(raw, str) else "").replace("\r", "\n")


def _cell(line: str, stored: str, position: int) -> int | None:
    """Where the cell that begins behind `position` stands in the line of its row."""
    at = line.find(stored, position)
    while at >= 0:
        before = line[:at].rstrip(" \t")
        after = line[at + len(stored) :].lstrip(" \t")
        if (not after or after[0] == "|") and (
            not position or before.endswith("|") or before == line[:position].rstrip(" \t")
        ):
            return at
        at = line.find(stored, at + 1)
    return None


@dataclasses.dataclass(frozen=True)
class _Block:
    """The source of a text: its content for the parser, and how it is stored."""

    content: str
    references: dict[str, Any]
    stored: str
    check: Callable[[str], bool]
    in_table: bool


@dataclasses.dataclass(frozen=True)
class _Checked:
    """A text of Markdown, whose translation is read again before it is taken.

    Attributes:
      ways: of writing a translation, which are tried in this order. joints: what is stored at line
        ends inside of the text.
    """

    ways: tuple[Passage, ...]
    block: _Block
    joints: tuple[str, ...]

    @property
    def source(self) -> str:
        return self.ways[0].source

    @property
    def segments(self) -> tuple[str, ...]:
        return self.ways[0].segments

    def put_together(self, translations: Sequence[str]) -> list[Part] | None:
        if tuple(translations) == self.segments:
            return self.ways[0].put_together(translations)
        wanted = self._wanted(translations)
        for way in self.ways:
            parts = way.put_together(translations)
            if parts is None:
                return None
            if self._reads(parts) == wanted:
                return parts
        return None

    def _wanted(self, translations: Sequence[str]) -> tuple[list[str], str] | None:
        """The elements and the words that the translated text must have."""
        elements, words = _read(self.block.content, self.block.references)
        position = 0
        found = []
        for segment, translation in zip(self.segments, translations, strict=True):
            old, new = (_words(numbered_tags.TAG.sub("", text)) for text in (segment, translation))
            at = words.find(old, position)
            if at < 0:
                return None
            found += [words[position:at], new]
            position = at + len(old)
        return elements, "".join(found) + words[position:]

    def _reads(self, parts: Sequence[Part]) -> tuple[list[str], str] | None:
        """The elements and the words of what would be written; None if it is another block."""
        # An image's text is read as any other.
        content = "".join(part if isinstance(part, str) else "x" for part in parts)
        for joint in self.joints:
            content = content.replace(joint, "\n")
        if self.block.in_table:
            if _BAR.search(content):
                return None
            content = content.replace("\\|", "|")
        if not self.block.check(content):
            return None
        return _read(content, self.block.references)


def _read(content: str, references: dict[str, Any]) -> tuple[list[str], str]:
    found = markdown_pieces.pieces(
        content, references, lambda start, stop: content[start:stop], lambda label, at: "x"
    )
    elements = sorted(
        _spaceless("".join(map(str, piece.parts)))
        for piece in found
        if piece.kind not in ("text", "break")
    )
    return elements, _words("".join(piece.shown for piece in found if piece.kind == "text"))


def _words(text: str) -> str:
    """Letters and digits alone: the rest may stand in an element that is shown as a whole."""
    return "".join(filter(str.isalnum, text))


def _spaceless(text: str) -> str:
    return "".join(text.split())


def _is_paragraph(content: str) -> bool:
    tokens = _blocks().parse(content)
    return [token.type for token in tokens] == [
        "paragraph_open",
        "inline",
        "paragraph_close",
    ] and _spaceless(tokens[1].content) == _spaceless(content)


def _is_heading(content: str) -> bool:
    tokens = _blocks().parse(f"# {content}")
    return len(tokens) == 3 and _spaceless(tokens[1].content) == _spaceless(content)


def _is_anything(content: str) -> bool:
    return "\n" not in content


def _loose(in_table: bool) -> Encode:
    """Text as it is, but for characters that the source spells in another way."""

    def encode(text: str, spelled: dict[str, str]) -> str:
        escapes = ({"|": "\\|"} if in_table else {}) | spelled
        if "\\" not in escapes:
            text = _BACKSLASH.sub(r"\\\\", text)
        return "".join(escapes.get(character, character) for character in text)

    return encode


def _in_image(text: str, spelled: dict[str, str]) -> str:
    """The alternative text of an image, in which no element could begin."""
    del spelled
    return "".join(f"\\{one}" if one in "\\`*_[]<>&~|" else one for one in text)


def _strict(text: str, spelled: dict[str, str]) -> str:
    """Text with a backslash before all that Markdown could take for its own."""
    del spelled
    text = "".join(f"\\{one}" if one in _ACTIVE else one for one in text)
    return re.sub(r"(\d)([.)])(?=\s|$)", r"\1\\\2", text)
