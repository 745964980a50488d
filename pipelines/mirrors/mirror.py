r"""Output in the form of the input: the same rows in the same order, every byte of them kept, plus
the translation.

Rows of line formats are not parsed and written again, they are extended: the new fields go in
before the line end, so that the user's own spelling of numbers, escapes, spaces and line ends
survives.

>>> answer = Answer("Hallo", -0.25)
>>> jsonl_row(b'{"id": 1.0e5, "text": "Hello"}\r\n', answer, "translation")
b'{"id": 1.0e5, "text": "Hello", "translation": "Hallo", "translation_score": -0.25}\r\n'
>>> delimited_row(b"1\tHello\n", answer, "\t")
b'1\tHello\tHallo\t-0.25\n'
>>> text_line(b"Hello\n", answer)
b'Hallo\n'

In JSONL the new fields are at the top level, also where the text is a nested field such as
`doc.text`. A row without a translation keeps its place. In JSONL its translation and score are null
and `<field>_error` says why; a line that is no JSON object becomes one, with the line in `_raw`. In
CSV and TSV the two cells are empty, in text the line is. Parquet has three more columns:
translation, score, error.
"""

from __future__ import annotations

import dataclasses
import json

RAW_KEY = "_raw"
SOURCE_CUT = "source_cut"  # the model was given a part of the text
_BOM = b"\xef\xbb\xbf"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a row gets: a translation and its score, or none and the reason.

    Attributes:
      translation: None when the row could not be translated.
      score: None also where nothing had to be translated, as in a blank text.
      reason: the slug of the rule, such as "missing_field". note: what is to be known of a
        translation that is there, `SOURCE_CUT` or flags of `quality`, joined by commas; it stands
        where a reason would.
    """

    translation: str | None
    score: float | None = None
    reason: str | None = None
    note: str | None = None

    @property
    def error(self) -> str | None:
        """What `<field>_error` says."""
        return self.reason or self.note


def field_names(output_field: str) -> tuple[str, str, str]:
    """The names of translation, score and error."""
    return output_field, f"{output_field}_score", f"{output_field}_error"


def taken_name(raw: bytes, output_field: str) -> str | None:
    """The first of the three names that a JSONL row has at its top level already; None when it
    has none.
    """
    names = field_names(output_field)
    # A key is spelled out or has escapes; in most rows there is neither, and nothing to parse.
    if b"\\" not in raw and f'"{output_field}'.encode() not in raw:
        return None
    row = _parse(raw)
    return next((name for name in names if name in row), None) if row is not None else None


def jsonl_row(raw: bytes, answer: Answer, output_field: str) -> bytes:
    """A JSONL row with its answer at the top level of the object, after the keys that it has.

    A blank line stays as it is: readers of JSONL skip it, so it must not become a record.
    """
    body, end = _without_line_end(raw)
    if not body.strip():
        return raw
    translation, score, error = field_names(output_field)
    added = {translation: answer.translation, score: answer.score}
    if answer.error is not None:
        added[error] = answer.error
    # A byte order mark is read over at the beginning of a file only.
    inside = body.startswith(_BOM) and answer.reason == "malformed_json"
    if inside or _parse(body) is None:
        added[RAW_KEY] = body.decode("utf-8", errors="backslashreplace")
        return _dump(added) + end
    head = body.rstrip()[:-1].rstrip()
    comma = b"" if head.endswith(b"{") else b", "
    return head + comma + _dump(added)[1:] + end


def delimited_row(
    raw: bytes, answer: Answer, delimiter: str, columns: int | None = None, quoting: bool = False
) -> bytes:
    """A CSV or TSV row with two more cells: translation and score.

    Args:
      columns: how many cells a good row has; a rejected row of another width is brought to this
      width where the
        answer's cells stand, so that they are under their names. None: they go to the end.
      quoting: whether cells may be quoted, as in CSV. Without it tabs and line ends become spaces.

    An empty line stays as it is: many readers skip it, so it must not become a row.
    """
    body, end = _without_line_end(raw)
    if not body:
        return raw
    cells = [
        "" if answer.translation is None else answer.translation,
        "" if answer.score is None else repr(answer.score),
    ]
    added = delimiter.join(_cell(cell, delimiter, quoting) for cell in cells).encode()
    mark = delimiter.encode()
    if answer.reason is not None and columns is not None:
        found = _split(body, delimiter, quoting)
        if len(found) > columns:
            kept, extra = found[:columns], found[columns:]
            return mark.join([*kept, added, *extra]) + end
        body += mark * (columns - len(found))
    return body + mark + added + end


def delimited_header(raw: bytes, output_field: str, delimiter: str, quoting: bool = False) -> bytes:
    """The header row with the names of the two more columns."""
    body, end = _without_line_end(raw)
    names = [_cell(name, delimiter, quoting).encode() for name in field_names(output_field)[:2]]
    return delimiter.encode().join([body, *names]) + end


def text_line(raw: bytes, answer: Answer) -> bytes:
    """The translation with the line end, and the byte order mark, of the line."""
    body, end = _without_line_end(raw)
    line = (answer.translation or "").encode()
    if body.startswith(_BOM) and not line.startswith(_BOM):
        line = _BOM + line
    return line + end


def _without_line_end(raw: bytes) -> tuple[bytes, bytes]:
    for end in (b"\r\n", b"\n", b"\r"):
        if raw.endswith(end):
            return raw[: -len(end)], end
    return raw, b""


def _parse(raw: bytes) -> dict | None:
    """The object that a JSONL row is; None when it is something else or nothing at all."""
    try:
        # Integers stay text: Python refuses those of more than 4300 digits.
        row = json.loads(raw.decode("utf-8-sig"), parse_int=str)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _dump(row: dict[str, object]) -> bytes:
    # Lone surrogates have no UTF-8; as \ud800 to \udfff they are what JSON calls them.
    text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", errors="backslashreplace")


def _cell(value: str, delimiter: str, quoting: bool) -> str:
    value = value.encode("utf-8", errors="replace").decode()
    if not quoting:
        return value.replace(delimiter, " ").replace("\r", " ").replace("\n", " ")
    if any(mark in value for mark in (delimiter, '"', "\r", "\n")):
        return '"' + value.replace('"', '""') + '"'
    return value


def _split(body: bytes, delimiter: str, quoting: bool) -> list[bytes]:
    """The cells of a row as they are spelled, quotes included."""
    if not quoting or b'"' not in body:
        return body.split(delimiter.encode())
    # Cells are found by their quotes: an even number of quotation marks lies before each delimiter.
    cells = [b""]
    for piece in body.split(delimiter.encode()):
        if cells[-1].count(b'"') % 2:
            cells[-1] += delimiter.encode() + piece
        else:
            cells.append(piece)
    return cells[1:]
