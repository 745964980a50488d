"""What a translation carries over to the letter: addresses, code, placeholders, tags.

A *protected span* is a web or e-mail address, code between backticks, a placeholder (`{name}`,
`{0}`, `%s`, `%(name)s`, `%1$s`, `%1`, `${x}`, `{{x}}`; see `placeholders`, which compares them more
loosely) or a tag (`<b>`, `</b>`, `<br/>`, `<1>`, `</1>`, `<1/>`). Spans never overlap: of two that
would, the one that begins first stands, and what lies within it is part of it.

>>> texts_of("See <a href='{url}'>{name}</a>, or `ls -l` at https://a.org/x.")
["<a href='{url}'>", '{name}', '</a>', '`ls -l`', 'https://a.org/x']
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator

from .noise import MAIL_ADDRESS, WEB_ADDRESS
from .placeholders import has_plural_forms, places_of

# As Markdown has it: as many backticks after as before. White space within them, or a letter after
# them, is rather the quotation mark of GNU's older messages, `this'.
_CODE = re.compile(r"(?<![`\w])(`{1,3})(?![`\s])[^\n]{0,400}?(?<![`\s])\1(?![`\w])")
# Of Python's, glibc's and Qt's formats, beside those that `placeholders` knows.
_MORE_PERCENT = re.compile(r"(?<![0-9%])%(?:[ram](?![A-Za-z])|[1-9][0-9]?(?![0-9$%]))")
_NUMBERED_TAG = re.compile(r"</?[0-9]{1,4}\s?/?>")
# Of ICU's messages: {when, date, short}.
_FORMATTED = re.compile(r"\{\s*\w{1,80}\s*,\s*(?:number|date|time|ordinal|spellout)\b[^{}]{0,80}\}")

# Where an address ends though no space follows: quotation marks, and what no address is written
# with.
_END_OF_ADDRESS = re.compile(r"[`|\\^“”„‘’«»‹›\u3000-\u303f\uff00-\uffef]")
_AFTER_ADDRESS = ".,;:!?'*_~…"
_BRACKETS = {")": "(", "]": "[", "}": "{"}


def places(text: str) -> list[tuple[int, int]]:
    """The protected spans of a text, [start, stop) each, in order and without overlaps."""
    found: list[tuple[int, int]] = []
    if "{" in text or "%" in text or "<" in text:
        # Of a message with plural forms the branches are text, not names.
        icu = has_plural_forms(text)
        found += [place for place in places_of(text) if not icu or text[place[0]] not in "{$"]
        found += [match.span() for match in _NUMBERED_TAG.finditer(text)]
        found += [match.span() for match in _MORE_PERCENT.finditer(text)]
        if not icu:
            found += [match.span() for match in _FORMATTED.finditer(text)]
    if "`" in text:
        found += [match.span() for match in _CODE.finditer(text)]
    if "://" in text or "www." in text.lower():
        found += [(m.start(), _end_of_address(m)) for m in WEB_ADDRESS.finditer(text)]
    if "@" in text:
        found += [match.span() for match in MAIL_ADDRESS.finditer(text)]
    return list(_apart(found))


def texts_of(text: str) -> list[str]:
    """The protected spans of a text, in order."""
    return [text[start:stop] for start, stop in places(text)]


def lost(source: str, output: str) -> Counter[str]:
    """The spans of the source that the output does not have, with how many of each are missing."""
    return Counter(texts_of(source)) - Counter(texts_of(output))


def same(source: str, output: str) -> bool:
    """Whether both have the same spans, equally often, in any order."""
    return Counter(texts_of(source)) == Counter(texts_of(output))


def cut(text: str) -> tuple[list[str], list[str]]:
    """The pieces around the spans, one more than spans, and the spans.

    >>> cut("%s of <b>x</b>")
    (['', ' of ', 'x', ''], ['%s', '<b>', '</b>'])
    """
    pieces, spans, start = [], [], 0
    for first, last in places(text):
        pieces.append(text[start:first])
        spans.append(text[first:last])
        start = last
    return [*pieces, text[start:]], spans


def around(text: str) -> str:
    """The text without its spans; a space stands for each."""
    pieces, spans = cut(text)
    return " ".join(pieces) if spans else text


@dataclasses.dataclass(frozen=True)
class Masked:
    """A text with placeholders `{0}`, `{1}` ... in its spans' place.

    Attributes:
      text: what a model is given. spans: placeholder -> the span.
    """

    text: str
    spans: dict[str, str]

    def unmask(self, output: str) -> str:
        """An output with the spans in the place of all placeholders that it has."""
        if not self.spans:
            return output
        pattern = re.compile("|".join(map(re.escape, self.spans)))
        return pattern.sub(lambda match: self.spans[match[0]], output)


_OWN_NUMBER = re.compile(r"\{(0|[1-9]\d{0,8})\}", re.ASCII)


def mask(text: str) -> Masked:
    """Each span as a placeholder of the one kind that is frequent in software's texts.

    Raises nothing; numbers that the text itself has in braces, outside of spans, are left out.

    >>> mask("%(user)s wrote to <b>a@b.org</b>").text
    '{0} wrote to {1}{2}{3}'
    """
    pieces, spans = cut(text)
    masked, by_name, number = [pieces[0]], {}, 0
    own = {int(digits) for piece in pieces for digits in _OWN_NUMBER.findall(piece)}
    for span, piece in zip(spans, pieces[1:], strict=True):
        while number in own:
            number += 1
        by_name[f"{{{number}}}"] = span
        masked += (f"{{{number}}}", piece)
        number += 1
    return Masked("".join(masked), by_name)


def _end_of_address(match: re.Match[str]) -> int:
    """Where an address ends, without the punctuation of the sentence that it stands in."""
    address = match[0]
    if end := _END_OF_ADDRESS.search(address):
        address = address[: end.start()]
    while address:
        last = address[-1]
        opening = _BRACKETS.get(last)
        if last not in _AFTER_ADDRESS and (
            opening is None or address.count(opening) >= address.count(last)
        ):
            break
        address = address[:-1]
    return match.start() + len(address)


def _apart(found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    stop = 0
    for place in sorted(found, key=lambda place: (place[0], -place[1])):
        if stop <= place[0] < place[1]:
            stop = place[1]
            yield place
