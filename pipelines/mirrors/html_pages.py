"""HTML pages: tags, scripts, styles, comments and white space stay, text is translated.

A text is what stands in a block, its inline elements as numbered tags. Attributes that a reader
sees (`alt`, `title`, `placeholder`, and the content of a description) are texts of their own.
Code, preformatted text, and whatever says `translate="no"` stay. Entities are not expanded but for
HTML's own, which stand for characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from electra_model.errors import InputError

from ..formats import html as html_format
from . import html_tokens
from .document_parts import Part, Piece, Slot
from .html_tokens import Attribute, Token
from .skeleton import Builder, LineNumbers, TextsInPlace, decoded, without_mark

# Elements that stay as they are, and stand for a word of their sentence.
_WORDS = frozenset("code kbd samp var tt".split())
# Those that stay and stand for none. `title` is text of its own in a page's head.
_SILENT = frozenset(
    "script style textarea xmp iframe noembed noframes plaintext pre listing svg math object audio "
    "video canvas".split()
)
_BLOCKS = html_format.BLOCKS | frozenset(
    "td th col colgroup head title meta link base noscript template button select datalist output "
    "label option".split()
)
_SHOWN_ATTRIBUTES = frozenset(["alt", "title", "placeholder"])
_DESCRIPTIONS = frozenset(["description", "og:description", "twitter:description"])
# Elements without an end tag, which the start of another one ends (13.1.2.4).
_ENDED_BY = {
    "p": html_format.BLOCKS,
    "li": frozenset(["li"]),
    "dt": frozenset(["dt", "dd"]),
    "dd": frozenset(["dt", "dd"]),
    "option": frozenset(["option", "optgroup"]),
    "td": frozenset(["td", "th", "tr", "tbody", "tfoot"]),
    "th": frozenset(["td", "th", "tr", "tbody", "tfoot"]),
    "tr": frozenset(["tr", "tbody", "tfoot"]),
}
# Browsers stop at some 500 open elements.
_DEEPEST = 1000


def take_apart(data: bytes, path: str, source: str, target: str) -> TextsInPlace:
    """A page.

    Raises:
      InputError: it is not in UTF-8, or cut off inside of a tag.
    """
    del target
    label = html_format.declared_charset(data)
    text = decoded(data, path)
    if label is not None and label not in ("utf-8", "utf8", "unicode-1-1-utf-8"):
        raise InputError(
            f"{path}: says that it is in {label[:40]!r}; convert it, and what it says, to UTF-8"
        )
    mark, page = without_mark(text)
    return _Page(page, path, source, mark).take_apart()


class _Page:
    def __init__(self, page: str, path: str, language: str, mark: str) -> None:
        self._path = path
        self._lines = LineNumbers(page)
        self._builder = Builder(language)
        self._builder.keep(mark)
        try:
            self._tokens = list(html_tokens.tokens(page))
        except html_tokens.CutOffError as error:
            raise InputError(
                f"{path}: line {self._lines.of(error.start)}: a {error.what} begins here and does "
                "not end; the page is cut off or damaged, mend it"
            ) from None
        self._pieces: list[Piece] = []
        self._start: int | None = None

    def take_apart(self) -> TextsInPlace:
        place = 0
        while place < len(self._tokens):
            token = self._tokens[place]
            if token.kind == "start" and token.name not in html_tokens.VOID:
                says_no = _says_no(token)
                if says_no or token.name in _WORDS or token.name in _SILENT:
                    place = self._keep(place, says_no)
                    continue
            self._take(token)
            place += 1
        self._flush()
        return self._builder.finish()

    def _take(self, token: Token) -> None:
        if token.kind == "text":
            for piece in html_tokens.pieces(token.raw):
                self._add(piece, token)
        elif token.kind == "other":
            if token.name == "title":
                self._pieces += html_tokens.pieces(token.raw)
                self._start = token.start
                self._flush()
            else:
                self._add(Piece("mark", token.raw), token)
        elif token.name in _BLOCKS:
            self._flush()
            self._builder.keep(*self._tag(token))
        elif token.kind == "end":
            self._add(Piece("close", token.raw, name=token.name), token)
        else:
            raw = self._tag(token)
            if token.name == "br":
                self._add(Piece("break", raw), token)
            elif token.name in html_tokens.VOID or token.raw.endswith("/>"):
                self._add(Piece("mark", raw), token)
            else:
                self._add(Piece("open", raw, name=token.name), token)

    def _add(self, piece: Piece, token: Token) -> None:
        if self._start is None and piece.reads.strip():
            self._start = token.start + len(token.raw) - len(token.raw.lstrip())
        self._pieces.append(piece)

    def _flush(self) -> None:
        if self._pieces:
            line = self._lines.of(self._start or 0)
            self._builder.passage(self._pieces, line, html_tokens.escaped)
        self._pieces = []
        self._start = None

    def _keep(self, place: int, says_no: bool) -> int:
        """Keeps an element, but for the attributes of one that does not say so itself. Returns the
        place behind it."""
        token = self._tokens[place]
        stop = self._end_of(place)
        inner = "".join(one.raw for one in self._tokens[place + 1 : stop])
        inline = token.name not in _BLOCKS and token.name not in ("pre", "listing")
        if not inline:
            self._flush()
        raw = (*((token.raw,) if says_no else self._tag(token)), inner)
        if inline:
            word = token.name in _WORDS or token.name not in _SILENT
            self._add(Piece("object" if word else "mark", raw), token)
        else:
            self._builder.keep(*raw)
        return stop

    def _end_of(self, place: int) -> int:
        """The place behind an element, which is ended by its end tag, by another element's start,
        or by the end of one that it lies in."""
        token = self._tokens[place]
        open_ones = [token.name]
        if token.raw.endswith("/>") and token.name in ("svg", "math"):
            return place + 1
        for at in range(place + 1, len(self._tokens)):
            token = self._tokens[at]
            if token.kind == "start" and token.name not in html_tokens.VOID:
                if len(open_ones) == 1 and token.name in _ENDED_BY.get(open_ones[0], ()):
                    return at
                if token.raw.endswith("/>"):
                    continue
                open_ones.append(token.name)
                if len(open_ones) > _DEEPEST:
                    raise InputError(
                        f"{self._path}: line {self._lines.of(token.start)}: more than {_DEEPEST} "
                        "elements are open; the page is damaged, mend it"
                    )
            elif token.kind == "end":
                if token.name in open_ones:
                    while open_ones.pop() != token.name:
                        pass
                    if not open_ones:
                        return at + 1
                elif token.name in _BLOCKS:
                    return at
        return len(self._tokens)

    def _tag(self, token: Token) -> tuple[Part, ...]:
        """A tag, with the texts in its attributes."""
        if token.kind != "start" or "=" not in token.raw:
            return (token.raw,)
        found = list(html_tokens.attributes(token.raw))
        parts: list[Part] = []
        position = 0
        for attribute in found:
            if not attribute.value or not _is_shown(token.name, attribute, found):
                continue
            pieces = list(html_tokens.pieces(attribute.value, in_attribute=True))
            passage = self._builder.read(pieces, html_tokens.escaped_attribute)
            if passage is None:
                continue
            line = self._lines.of(token.start + attribute.start)
            number = self._builder.text(passage, line)
            parts.append(token.raw[position : attribute.start])
            position = attribute.start + len(attribute.value)
            if attribute.quote:
                parts.append(number)
            else:
                parts.append(Slot(number, '"', '"', attribute.value))
        return (*parts, token.raw[position:])


def _says_no(token: Token) -> bool:
    return "translate" in token.raw.lower() and any(
        attribute.name == "translate" and attribute.value.strip().lower() == "no"
        for attribute in html_tokens.attributes(token.raw)
    )


def _is_shown(tag: str, attribute: Attribute, others: Sequence[Attribute]) -> bool:
    if tag == "meta":
        return attribute.name == "content" and any(
            other.name in ("name", "property") and other.value.lower() in _DESCRIPTIONS
            for other in others
        )
    return attribute.name in _SHOWN_ATTRIBUTES
