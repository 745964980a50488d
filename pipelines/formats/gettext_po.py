"""GNU gettext's PO files, message by message (GNU gettext manual, "The Format of PO Files").

A parser of our own because a PO file may come from anyone and be of any size: this one holds one
message at a time, has no cost that grows faster than the file, and never takes content for a name.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import re
from collections.abc import Iterator
from typing import Any

from electra_model.errors import InputError

# Bytes of a line, and characters of a message.
MAX_LINE = 1 << 20
MAX_MESSAGE = 16 << 20
# The header is the first message; it names the charset.
_HEAD = 1 << 16

_CHARSET = re.compile(rb"Content-Type:[^\n]*?charset=([^\s\\\";]+)", re.IGNORECASE)
# Those that gettext knows. Python has more codecs, and some of them are no charsets.
_KNOWN_CHARSETS = re.compile(
    r"utf-?8|(us-)?ascii|iso-?8859-\d+|koi8-[rtu]|cp\d+|windows-\d+|gb2312|gbk|gb18030|big5(-hkscs)?"
    r"|euc-(jp|kr|tw)|shift_jis|johab|tis-620",
    re.IGNORECASE,
)
# A line with text: keyword and index where it has them, and what is between the quotation marks.
LINE = re.compile(
    r"""(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[([0-9]{1,3})\])?\s*)?"((?:[^"\\]++|\\.)*+)"\s*"""
)
_ESCAPE = re.compile(r"((?:\\(?:[0-7]{1,3}|x[0-9a-fA-F]{1,2}))+)|\\(.)")
_BYTE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3}))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclasses.dataclass(frozen=True)
class Message:
    """One message of a catalogue.

    Attributes:
      context: None where it has none. singular, plural: the text to translate; plural None where it
        has no plural. forms: index -> translation, 0 alone without a plural.
      fuzzy, obsolete: as the catalogue marks it.
    """

    context: str | None
    singular: str
    plural: str | None
    forms: dict[int, str]
    fuzzy: bool = False
    obsolete: bool = False

    @property
    def is_header(self) -> bool:
        """Whether it is the entry that describes the catalogue."""
        return not self.singular and self.plural is None and self.context is None


def charset_of(header: bytes, place: str) -> str:
    """The charset that a header names, UTF-8 without one.

    Raises:
      InputError: gettext knows no such charset.
    """
    match = _CHARSET.search(header)
    name = match[1].decode("ascii", "replace") if match else "UTF-8"
    if name == "CHARSET":  # the placeholder in templates
        return "UTF-8"
    if not _KNOWN_CHARSETS.fullmatch(name):
        raise InputError(
            f"{place}: its header names the charset {name[:40]!r}, which is none that gettext "
            "knows; convert it to UTF-8"
        )
    return name


def decode(data: bytes, charset: str, place: str) -> str:
    """Bytes as text. Raises `InputError` that names the charset."""
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise InputError(
            f"{place}: holds bytes that are not {charset}; name the charset in the header's "
            "Content-Type, or convert the file to UTF-8"
        ) from None


def read_po(stream: io.BufferedReader[Any], path: str) -> Iterator[Message]:
    """The messages of a PO file in their order, its header among them.

    Raises:
      InputError: naming file and line: not PO, cut off, not in its charset, or a line or a message
        that is too long.
    """
    draft = _Draft()
    number = 0
    for number, line in enumerate(_lines(stream, path), start=1):
        place = f"{path}: not a gettext catalogue: line {number}"
        obsolete = line.startswith("#~")
        if obsolete:
            line = line[2:].strip()
            if line.startswith("|"):
                continue
        # Comments of obsolete messages are obsolete as well: "#~ #, fuzzy".
        if line.startswith("#"):
            if draft.forms:
                yield draft.finish(place)
                draft = _Draft()
            if line.startswith("#,"):
                draft.fuzzy |= "fuzzy" in re.split(r"[,\s]+", line)
            continue
        if not line:
            continue
        match = LINE.fullmatch(line)
        if not match:
            raise InputError(f'{place}: is neither a keyword with "text" nor a comment; mend it')
        keyword, index, text = match.groups()
        if keyword in ("msgctxt", "msgid") and draft.forms:
            yield draft.finish(place)
            draft = _Draft()
        if keyword:
            draft.begin(keyword, int(index or 0), obsolete, place)
        draft.add(unescaped(text), place)
    if not number:
        raise InputError(f"{path}: not a gettext catalogue: it is empty; copy it again")
    if draft.is_begun:
        yield draft.finish(f"{path}: not a gettext catalogue: line {number}")


def _lines(stream: io.BufferedReader[Any], path: str) -> Iterator[str]:
    """Lines without the white space around them, decoded."""
    head: list[bytes] = []
    size = 0
    while size < _HEAD and (line := stream.readline(MAX_LINE + 1)):
        head.append(line)
        size += len(line)
    # Without escapes and quotes, so that a header on one line reads like one on many.
    charset = charset_of(b"".join(head).replace(rb"\n", b"\n"), path)
    rest = iter(lambda: stream.readline(MAX_LINE + 1), b"")
    for number, line in enumerate(itertools.chain(head, rest), start=1):
        place = f"{path}: not a gettext catalogue: line {number}"
        if len(line) > MAX_LINE:
            raise InputError(f"{place}: has more than {MAX_LINE:,} bytes; break it up")
        text = decode(line, charset, place)
        yield (text.removeprefix("\ufeff") if number == 1 else text).strip(" \t\r\n")


def unescaped(text: str) -> str:
    """What stands between the quotation marks of a line, as it reads."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    """One escape, or a run of those that give bytes: a character may take several of them."""
    if match[1]:
        pairs = _BYTE.findall(match[1])
        values = bytes(int(hexa, 16) if hexa else int(octal, 8) & 0xFF for hexa, octal in pairs)
        return values.decode("utf-8", "replace")
    code = match[2]
    return _ESCAPED.get(code, code if code in '\\"' else "\\" + code)


class _Draft:
    """A message that is being read."""

    def __init__(self) -> None:
        self.fuzzy = self._obsolete = False
        self.forms: dict[int, list[str]] = {}
        self._texts: dict[str, list[str]] = {}
        self._current: list[str] | None = None
        self._size = 0

    @property
    def is_begun(self) -> bool:
        return bool(self._texts)

    def begin(self, keyword: str, index: int, obsolete: bool, place: str) -> None:
        """A line with a keyword. Raises `InputError` when it cannot stand here."""
        if keyword == "msgstr":
            allowed = "msgid" in self._texts and index not in self.forms
            allowed = allowed and (index == 0 or "msgid_plural" in self._texts)
        elif keyword == "msgid_plural":
            allowed = "msgid" in self._texts and not self.forms
        else:
            allowed = "msgid" not in self._texts
        if not allowed or (keyword != "msgstr" and keyword in self._texts):
            raise InputError(f"{place}: {keyword} cannot follow what is before it; mend it")
        self._obsolete |= obsolete
        self._current = []
        if keyword == "msgstr":
            self.forms[index] = self._current
        else:
            self._texts[keyword] = self._current

    def add(self, text: str, place: str) -> None:
        """The text of a line."""
        if self._current is None:
            raise InputError(f"{place}: text without a keyword before it; mend it")
        self._size += len(text) + 1
        if self._size > MAX_MESSAGE:
            raise InputError(f"{place}: a message of more than {MAX_MESSAGE:,} characters")
        self._current.append(text)

    def finish(self, place: str) -> Message:
        """The message. Raises `InputError` when its translation is not there."""
        if not self.forms:
            raise InputError(
                f"{place}: a message without msgstr; the file is cut off, copy it again"
            )
        texts = {keyword: "".join(parts) for keyword, parts in self._texts.items()}
        return Message(
            texts.get("msgctxt"),
            texts["msgid"],
            texts.get("msgid_plural"),
            {index: "".join(parts) for index, parts in self.forms.items()},
            self.fuzzy,
            self._obsolete,
        )
