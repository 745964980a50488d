"""gettext's PO files: empty translations are filled, everything else stays, byte for byte.

* An entry with a translation stays, also one that is marked `fuzzy`: its translation is somebody's
  guess, which that person is to look at. Entries out of use, and the header, stay too.
* What is filled gets no mark, for `msgfmt` leaves marked entries out; an empty entry that is marked
  keeps its mark.
* Of a plural, the form that the catalogue's own rule has for 1 is made from `msgid`, the others
  from `msgid_plural`, as many as its header says. A language with one form gets `msgid_plural`.
* New lines are wrapped as gettext's tools wrap them.
"""

from __future__ import annotations

import dataclasses
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence

from electra_model.errors import InputError

from ..formats import gettext_catalogue, gettext_po, variants
from . import passages
from .document_parts import Part, Piece
from .passages import Passage
from .skeleton import Copied, Text, decoded

# Columns of a line, with its quotation marks.
WIDTH = 79
# Of plural forms; no language has more than six.
_MOST_FORMS = 20

_ESCAPES = {
    "\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b",
    "\f": "\\f", "\v": "\\v",
}  # fmt: skip
_NPLURALS = re.compile(r"nplurals\s*=\s*([0-9]{1,3})")
_HEAD = 1 << 16
_PARAGRAPH = re.compile(r"[^\n]*\n|[^\n]+")
# What a line is never cut within; ideographs and the like may be cut between.
_ATOM = re.compile(r"[^\s\u1100-\U0010ffff]+\s*|[\u1100-\U0010ffff]\s*|\s+")


@dataclasses.dataclass(frozen=True)
class _Form:
    """The place of one translation.

    Attributes:
      keyword: with its index. text: whose translation goes there. otherwise: the lines that are
        there now.
    """

    keyword: str
    text: int
    otherwise: str
    line_end: str


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The skeleton of a PO file."""

    parts: tuple[str | _Form, ...]
    texts: tuple[Text, ...]

    def put_together(self, answers: Sequence[Sequence[Part] | None]) -> bytes:
        """See `skeleton.Skeleton`."""
        return "".join(self._strings(answers)).encode()

    def _strings(self, answers: Sequence[Sequence[Part] | None]) -> Iterator[str]:
        last = "\n"
        for part in self.parts:
            if isinstance(part, _Form):
                answer = answers[part.text]
                if answer is None:
                    part = part.otherwise
                else:
                    lines = written(part.keyword, "".join(map(str, answer)))
                    # What follows the last line of a file without a line end.
                    begin = "" if last.endswith("\n") else part.line_end
                    part = begin + "".join(line + part.line_end for line in lines)
            if part:
                last = part
                yield part


@dataclasses.dataclass
class _Entry:
    """An entry while it is read: its texts, and the lines [start, stop) of each of its forms."""

    line: int
    texts: dict[str, str] = dataclasses.field(default_factory=dict)
    forms: dict[int, tuple[int, int]] = dataclasses.field(default_factory=dict)
    translations: dict[int, str] = dataclasses.field(default_factory=dict)
    indexed: bool = False


def take_apart(data: bytes, path: str, source: str, target: str) -> Catalogue:
    """A PO file.

    Raises:
      InputError: it is damaged, not in UTF-8, or of another language than `target`.
    """
    if not data:
        return Catalogue((), ())
    charset = gettext_po.charset_of(data[:_HEAD].replace(rb"\n", b"\n"), path)
    if charset.lower() not in ("utf-8", "utf8"):
        raise InputError(
            f"{path}: its header names the charset {charset}, in which not every translation can "
            f"be written; convert it: msgconv --to-code=UTF-8 {path}"
        )
    text = decoded(data, path)
    for _ in gettext_po.read_po(io.BufferedReader(io.BytesIO(data)), path):  # type: ignore[arg-type]
        pass
    lines = text.split("\n")
    stored = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    entries = list(_entries(stored))
    header = next((entry.translations.get(0, "") for entry in entries if _is_header(entry)), "")
    fields = gettext_catalogue.header_fields(header)
    tag = fields.get("language", "")
    if target and gettext_catalogue.TAG.fullmatch(tag):
        if not variants.same_language(target, tag):
            raise InputError(
                f"{path}: its header says Language: {tag}, and the model translates to {target}; "
                "name catalogues of that language, or mend the header"
            )
    return _Filling(stored, source, fields.get("plural-forms", "")).filled(entries)


def _is_header(entry: _Entry) -> bool:
    return not entry.texts.get("msgid") and not {"msgctxt", "msgid_plural"} & entry.texts.keys()


def _entries(lines: Sequence[str]) -> Iterator[_Entry]:
    """The entries of a file that `gettext_po.read_po` has read."""
    entry = _Entry(1)
    keyword, index = "", 0
    for number, line in enumerate(lines):
        match = gettext_po.LINE.fullmatch(line.strip("\ufeff \t\r\n"))
        if match is None:
            continue  # blank, or a comment
        if match[1] in ("msgctxt", "msgid") and entry.forms:
            yield entry
            entry = _Entry(1)
        if match[1]:
            keyword, index = match[1], int(match[2] or 0)
        text = gettext_po.unescaped(match[3])
        if keyword == "msgstr":
            start = entry.forms.get(index, (number, 0))[0]
            entry.forms[index] = start, number + 1
            entry.translations[index] = entry.translations.get(index, "") + text
            entry.indexed |= match[2] is not None
        else:
            if match[1] == "msgid":
                entry.line = number + 1
            entry.texts[keyword] = entry.texts.get(keyword, "") + text
    if entry.forms:
        yield entry


class _Filling:
    """Finds the texts of entries, and the places of their translations."""

    def __init__(self, lines: list[str], language: str, plural_forms: str) -> None:
        self._lines = lines
        self._language = language
        self._texts: list[Text] = []
        found = _NPLURALS.search(plural_forms)
        self._count = min(int(found[1]), _MOST_FORMS) if found else 0
        rule = gettext_catalogue.plural_rule(plural_forms)
        one = rule(1) if rule else 0
        self._one = one if self._count != 1 else None

    def filled(self, entries: Sequence[_Entry]) -> Catalogue:
        parts: list[str | _Form] = []
        position = 0
        for entry in entries:
            if _is_header(entry) or all(entry.translations.values()):
                continue
            sources: dict[str, int] = {}
            for index, (start, stop) in sorted(entry.forms.items(), key=lambda form: form[1]):
                if entry.translations[index]:
                    continue
                parts += self._lines[position:start]
                parts.append(self._form(entry, index, "".join(self._lines[start:stop]), sources))
                position = stop
            if "msgid_plural" in entry.texts and not any(entry.translations.values()):
                last = max(stop for _, stop in entry.forms.values())
                parts += self._lines[position:last]
                position = last
                missing = [index for index in range(self._count) if index not in entry.forms]
                parts += [self._form(entry, index, "", sources) for index in missing]
        parts += self._lines[position:]
        return Catalogue(tuple(parts), tuple(self._texts))

    def _form(self, entry: _Entry, index: int, otherwise: str, sources: dict[str, int]) -> _Form:
        plural = "msgid_plural" in entry.texts
        which = "msgid_plural" if plural and index != self._one else "msgid"
        if which not in sources:
            sources[which] = self._text(entry.texts[which], entry.line)
        line_end = "\r\n" if self._lines[entry.line - 1].endswith("\r\n") else "\n"
        keyword = f"msgstr[{index}]" if entry.indexed or plural else "msgstr"
        return _Form(keyword, sources[which], otherwise, line_end)

    def _text(self, source: str, line: int) -> int:
        passage: Passage | Copied | None = passages.take_apart(
            [Piece("text", source, source)], self._language
        )
        self._texts.append(Text(line, passage or Copied(source)))
        return len(self._texts) - 1


def written(keyword: str, text: str) -> list[str]:
    r"""The lines of a keyword with its text, without line ends.

    >>> written("msgstr", 'one\ntwo "three"')
    ['msgstr ""', '"one\\n"', '"two \\"three\\""']
    """
    lines = [line for part in _PARAGRAPH.findall(text) for line in _wrapped(part)]
    if len(lines) <= 1:
        line = f'{keyword} "{_escaped(text)}"'
        if _columns(line) <= WIDTH:
            return [line]
    return [f'{keyword} ""', *(f'"{_escaped(line)}"' for line in lines)]


def _wrapped(paragraph: str) -> list[str]:
    """Pieces of a text, one a line: cut after spaces, and beside wide characters."""
    lines: list[str] = []
    held, width = "", 2
    for atom in _ATOM.findall(paragraph):
        columns = _columns(_escaped(atom))
        shown = _columns(_escaped(atom.rstrip(" ")))
        if held and width + shown > WIDTH:
            lines.append(held)
            held, width = "", 2
        held += atom
        width += columns
    return [*lines, held] if held else lines


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )
