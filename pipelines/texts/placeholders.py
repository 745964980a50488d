"""What a translation must carry over as it is: placeholders, tags, numbers.

Compared as multisets, for the order changes from language to language. Recognised are

* braces: `{name}`, `{0}`, `{}`, `{user.name!r:>10}` (Python's format, Java's MessageFormat, ICU)
  and `{{ name }}` (Mustache, Jinja) and `${name}`;
* percent: `%s`, `%5.2f`, `%(name)s`, `%1$s`, `%@` (printf as in POSIX, Python, gettext, Cocoa). A
  translation may number what the source leaves in order, so `%2$s` is the same as `%s`, and `%i`
  and `%u` are the same as `%d`;
* tags of HTML and XML, by name, without their attributes, which are translated in part. A word in
  angle brackets such as `<file>` is a tag only if it is an element that formats text, or is closed.

Left alone are sides with an ICU message of plural or select forms, whose branches differ from
language to language.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from .characters import CharacterClass, TextColumn

# Each pattern begins with its one character, for which Python's `re` searches fast; its groups are
# what is compared, and `findall` gives them as tuples.
_BRACES = re.compile(
    r"\{(?:(?<=\$\{)([^{}\s]{1,80})\}"
    r"|\{\s*([\w.$-]{1,80})\s*\}\}"
    r"|([\w.\[\]-]{0,80})(?:![rsa])?(?::[^{}\s]{0,40})?(\}))"
)
# A name or a number makes sure that it is a placeholder, whatever comes before and after. A bare
# one may be glued to a word ("%sGiB", "%ss") if it is %s or %d, but not to a digit ("100%sure").
_LENGTH = "(?:hh|h|ll|l|z|j|t|L|q)?"
_WIDTH = r"[-+#0']{0,5}(?:[0-9]{1,4}|\*)?(?:\.(?:[0-9]{1,4}|\*))?" + _LENGTH
_PERCENT = re.compile(
    rf"%(?:%|(?:(\(\w{{1,80}}\))|[0-9]{{1,2}}\$){_WIDTH}([sdiufFeEgGxXoc@])"
    rf"|(?<![0-9]%){_WIDTH}(?:([sd])|([iufFeEgGxXoc@])(?![A-Za-z])))"
)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:_.-]{0,40})(?:\s(?=[^<>]*=)[^<>]{0,1000}?)?\s?(/?)>")
_MATCHES = (("{", _BRACES.findall), ("%", _PERCENT.findall), ("<", _TAG.findall))
_ICU = re.compile(r"\{\s*\w{1,80}\s*,\s*(?:plural|select|selectordinal)\s*,")

# Elements of HTML that format text; what else stands in angle brackets may be meant for people.
_FORMATTING = frozenset(
    "a abbr b big blockquote br center em font h1 h2 h3 h4 h5 h6 hr i img li ol p pre small span "
    "strike strong sub sup table tbody td th thead tr tt u ul".split()
)
_SAME_CONVERSION = {"i": "d", "u": "d"}

# Digits with the signs that group them or set off their fraction; spaces only before three digits.
_NUMBER = re.compile(r"\d+(?:[.,:'\u2019\u066b\u066c]\d+| \d{3}(?!\d))*")
_SEPARATORS = re.compile(r"\D")


def placeholders_of(text: str) -> list[str]:
    """The placeholders and tags of a text, each in the one form that is compared.

    >>> placeholders_of("<b class='x'>%1$s</b> of {count:d}")
    ['{count}', '%s', '<b>', '</b>']
    """
    found = []
    if "{" in text:
        for dollar, double, single, is_single in _BRACES.findall(text):
            if is_single:
                found.append(f"{{{single}}}")
            else:
                found.append(f"${{{dollar}}}" if dollar else f"{{{{{double}}}}}")
    if "%" in text:
        for name, numbered, bare, rare in _PERCENT.findall(text):
            if kind := numbered or bare or rare:
                found.append(f"%{name}{_SAME_CONVERSION.get(kind, kind)}")
    if "<" in text:
        tags = [(close, name.lower(), empty) for close, name, empty in _TAG.findall(text)]
        closed = {name for close, name, _ in tags if close}
        for close, name, empty in tags:
            if close or empty or name in _FORMATTING or name in closed:
                # `<br>` and `<br/>` are the same.
                found.append(f"<{close}{name}>")
    return found


def places_of(text: str) -> list[tuple[int, int]]:
    """Where the placeholders and tags of a text stand, [start, stop) each, kind after kind; those
    of one kind may lie within those of another.

    >>> places_of("%s of <b>${n}</b>")
    [(9, 13), (0, 2), (6, 9), (13, 17)]
    """
    found = [(match.start() - bool(match[1]), match.end()) for match in _BRACES.finditer(text)]
    found += [match.span() for match in _PERCENT.finditer(text) if any(match.groups())]
    tags = list(_TAG.finditer(text))
    closed = {tag[2].lower() for tag in tags if tag[1]}
    found += [
        tag.span()
        for tag in tags
        if tag[1] or tag[3] or tag[2].lower() in _FORMATTING or tag[2].lower() in closed
    ]
    return found


def has_plural_forms(text: str) -> bool:
    """Whether a text is an ICU message, whose braces hold text."""
    return _ICU.search(text) is not None


def placeholders_differ(source: TextColumn, target: TextColumn) -> np.ndarray:
    """bool [n]: where the two sides' placeholders and tags are not the same."""
    marked = source.contains("{%<") | target.contains("{%<")
    rows = np.flatnonzero(marked)
    found = np.zeros(len(source), bool)
    found[rows] = [
        _placeholders_differ(*pair)
        for pair in zip(source.rows(rows), target.rows(rows), strict=True)
    ]
    return found


def _placeholders_differ(source: str, target: str) -> bool:
    # Nearly always the two sides read the same to the letter, and that is told faster.
    if all(
        (mark not in source and mark not in target) or matches(source) == matches(target)
        for mark, matches in _MATCHES
    ):
        return False
    if sorted(placeholders_of(source)) == sorted(placeholders_of(target)):
        return False
    return not (has_plural_forms(source) or has_plural_forms(target))


def numbers_of(text: str) -> Counter[str]:
    """The numbers of a text as ASCII digits, without separators and zeros at the front.

    >>> sorted(numbers_of("1,234.50 and ٣ and 007"))
    ['123450', '3', '7']
    """
    found: Counter[str] = Counter()
    for match in _NUMBER.finditer(text):
        digits = _SEPARATORS.sub("", match[0])
        if not digits.isascii():
            digits = "".join(str(int(digit)) for digit in digits)
        found[digits.lstrip("0") or "0"] += 1
    return found


def numbers_differ(source: TextColumn, target: TextColumn) -> np.ndarray:
    """bool [n]: where the two sides' numbers are not the same."""
    marked = source.count(CharacterClass.DIGIT) + target.count(CharacterClass.DIGIT) > 0
    rows = np.flatnonzero(marked)
    found = np.zeros(len(source), bool)
    found[rows] = [
        numbers_of(one) != numbers_of(other)
        for one, other in zip(source.rows(rows), target.rows(rows), strict=True)
    ]
    return found
