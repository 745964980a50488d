"""TSV and CSV.

TSV is what corpora use: columns between tabs, one row per line, and a quotation mark is a character
like any other.

CSV is RFC 4180: a header row, commas (or another delimiter, where the job says so), and cells in
quotation marks may hold commas, line ends and (doubled) quotation marks. A row whose quotation
marks do not come out costs itself only: the next line is read as a new row.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.errors import InputError, MissingColumnError

from .. import files
from ..units import Unit
from . import compression, lines

COMMA = ","
WRONG_COLUMNS = "wrong_columns"
MALFORMED_CSV = "malformed_csv"

# A quoted cell that goes on for longer than this has lost its closing mark.
_LONGEST_RECORD = 1 << 20
# What stands between columns, in words.
_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
# Names the delimiter of CSV in the job file.
_KEY = "data.csv_delimiter"
_QUOTED = re.compile(r'"[^"]*"')
# Rows handed on at once.
_BATCH_ROWS = 20_000

# A CSV record byte for byte, and its cells, or the error that it has none for.
_Record = tuple[bytes, list[bytes] | str]


class _Beginning(bytes):
    """Of a line that is too large; `size`: bytes of the whole line."""

    size: int


def read_tsv(
    unit: Unit, fields: Sequence[str], raw: bool, header: bool
) -> Iterator[pa.RecordBatch]:
    """One row per line. Errors: "not_utf8", "empty_line", "wrong_columns" and "too_large".

    With a header, fields are found by name and every row has as many columns as the header. Without
    one, several fields are the columns in order, all of them; a single field is the first column,
    or column n when its name is the number n.
    """
    places, names = _find_columns(unit, fields, "\t") if header else (_unnamed(fields), None)
    width = len(names) if names is not None else len(fields) if len(fields) > 1 else None
    row = 0
    skip = header and unit.start == 0
    first = unit.start == 0
    for some in lines.read_lines(unit):
        if some.too_large and not skip:
            yield lines.too_large(row, some, raw, fields)
            row, first = row + 1, False
            continue
        texts = lines.decode_column(some.bodies, first_of_file=first)
        raws = some.raw_column() if raw else None
        first = False
        if skip:
            texts, raws, skip = texts[1:], raws[1:] if raws is not None else None, False
        errors, columns = _tsv_columns(texts, width, places)
        yield lines.batch(row, errors, raws, fields, columns)
        row += len(texts)


def _tsv_columns(
    texts: pa.StringArray, width: int | None, places: list[int]
) -> tuple[pa.StringArray, list[pa.StringArray]]:
    """Lines, null where they are not UTF-8 -> the error of each, and the wanted cells."""
    cells = pc.split_pattern(texts, "\t")
    count = pc.fill_null(pc.list_value_length(cells), 0).to_numpy()
    good = count > max(places)
    if width is not None:
        good &= count == width
    starts = cells.offsets.to_numpy() - cells.offsets[0].as_py()
    flat = cells.flatten()
    columns = [
        flat.take(pa.array(np.where(good, starts[:-1] + place, 0), mask=~good)) for place in places
    ]
    if good.all():
        return pa.nulls(len(texts), pa.string()), columns
    bad = pa.array(np.flatnonzero(~good))
    reasons = [
        lines.NOT_UTF8 if text is None else WRONG_COLUMNS if text else "empty_line"
        for text in texts.take(bad).to_pylist()
    ]
    errors = pc.replace_with_mask(
        pa.nulls(len(texts), pa.string()), pa.array(~good), pa.array(reasons, pa.string())
    )
    return errors, columns


def read_csv(
    unit: Unit, fields: Sequence[str], raw: bool, delimiter: str = COMMA
) -> Iterator[pa.RecordBatch]:
    """One row per record after the header. Errors: "not_utf8", "empty_line", "malformed_csv",
    "wrong_columns" and "too_large".
    """
    places, names = _find_columns(unit, fields, delimiter)
    if unit.compression is not None:
        blocks = compression.read_packed(unit.path, unit.compression)
    else:
        blocks = compression.read_range(unit.path, unit.start, unit.stop)
    records = csv_records(blocks, unit.path, unit.start == 0, delimiter)
    if unit.start == 0:
        next(records, None)  # the header
    row = 0
    for some in _batches(records):
        errors: list[str | None] = []
        columns: list[list[str | None]] = [[] for _ in fields]
        for raw_record, cells in some:
            error, texts = _csv_cells(raw_record, cells, len(names), places)
            errors.append(error)
            for column, text in zip(columns, texts, strict=True):
                column.append(text)
        raws = [raw_record for raw_record, _ in some] if raw else None
        yield lines.batch(row, errors, raws, fields, columns)
        row += len(some)


def _batches(records: Iterator[_Record]) -> Iterator[list[_Record]]:
    """Runs of records, bounded in number and in bytes: a record may be long."""
    some: list[_Record] = []
    size = 0
    for record in records:
        some.append(record)
        size += len(record[0])
        if len(some) == _BATCH_ROWS or size >= lines.BATCH_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _csv_cells(
    raw: bytes, cells: list[bytes] | str, width: int, places: list[int]
) -> tuple[str | None, list[str | None]]:
    nothing: list[str | None] = [None] * len(places)
    if isinstance(cells, str):
        return cells, nothing
    if len(cells) != width:
        return (WRONG_COLUMNS if raw.strip() else "empty_line"), nothing
    try:
        raw.decode()
        return None, [cells[place].decode() for place in places]
    except UnicodeDecodeError:
        return lines.NOT_UTF8, nothing


def cut_csv(path: str, unit_bytes: int, delimiter: str = COMMA) -> list[tuple[int, int]]:
    """Byte ranges that end where a record ends; found by reading, since a line end may lie inside a
    cell.
    """
    total = files.size(path)
    if total <= unit_bytes:
        return [(0, total)]
    bounds, position = [0], 0
    blocks = compression.read_range(path, 0, total)
    for raw, _ in csv_records(blocks, path, True, delimiter):
        position += raw.size if isinstance(raw, _Beginning) else len(raw)
        if position - bounds[-1] >= unit_bytes:
            bounds.append(position)
    if bounds[-1] != total:
        bounds.append(total)
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def read_header(unit: Unit, delimiter: str = COMMA, key: str = "") -> tuple[list[str], bytes]:
    """The column names, and the header row byte for byte, of the unit's file; no name where it is
    empty or a byte order mark alone. delimiter: of CSV. key: as of `problem_of_header`.

    Raises:
      InputError: the file is empty, or the row is not UTF-8 or not CSV.
    """
    if unit.compression is not None:
        blocks = compression.read_packed(unit.path, unit.compression)
    else:
        blocks = compression.read_range(unit.path, 0, files.size(unit.path))
    if unit.format == "csv":
        raw, cells = next(csv_records(blocks, unit.path, True, delimiter), (b"", []))
    else:
        some = next(lines.split_lines(blocks, unit.path, batch_bytes=1), lines.Lines([], True))
        raw = some.raw()[0] if some.bodies else b""
        cells = _without_end(raw).removeprefix(lines.BOM).split(b"\t")
        cells = lines.TOO_LARGE if some.too_large else cells
    if not raw.removeprefix(lines.BOM):
        return [], raw
    if cells == MALFORMED_CSV and (problem := problem_of_header(unit, raw, delimiter, key)):
        raise InputError(problem)
    try:
        if isinstance(cells, str):
            raise ValueError
        names = [cell.decode() for cell in cells]
    except ValueError:
        raise InputError(
            f"{unit.path}: its first row must name the columns in UTF-8, found {raw[:60]!r}; "
            "give it such a row"
        ) from None
    return names, raw


def check(unit: Unit, fields: Sequence[str], delimiter: str = COMMA) -> None:
    """Raises `InputError` when the header row lacks a field. delimiter: of CSV."""
    _find_columns(unit, fields, delimiter if unit.format == "csv" else "\t")


def _unnamed(fields: Sequence[str]) -> list[int]:
    """Where each field stands in a row of a file without a header."""
    if len(fields) == 1:
        only = fields[0]
        return [int(only) - 1 if only.isascii() and only.isdigit() and int(only) > 0 else 0]
    return list(range(len(fields)))


def _find_columns(unit: Unit, fields: Sequence[str], delimiter: str) -> tuple[list[int], list[str]]:
    """Where each field stands in a row, by the header, and the names of all columns."""
    names, raw = read_header(unit, delimiter, _KEY)
    if not names:
        return [0] * len(fields), names  # an empty file: there is no row to look into
    missing = [field for field in fields if field not in names]
    if missing:
        if problem := problem_of_header(unit, raw, delimiter, _KEY):
            raise InputError(problem)
        raise MissingColumnError(
            f"{unit.path}: has no column {missing[0]!r}; it has {', '.join(names)}"
        )
    return [names.index(field) for field in fields], names


def problem_of_header(unit: Unit, raw: bytes, own: str, key: str = "") -> str:
    """What is wrong with a header row that lacks a column, and the remedy: line ends or delimiters
    of another kind; "" where neither shows. What a name in quotation marks holds is neither.

    Args:
      raw: as of `read_header`. own: the delimiter that it was read with.
      key: of the job file, that names the delimiter of CSV, where there is one.
    """
    row = raw.removeprefix(lines.BOM).decode(errors="replace").rstrip("\r\n")
    plain = _QUOTED.sub("", row) if unit.format == "csv" else row
    if "\r" in plain:
        return f"{unit.path}: {lines.ONLY_CR}"
    if own == "\t" and own in plain:
        return ""  # no name has any
    counts = {delimiter: plain.count(delimiter) for delimiter in (own, *_DELIMITERS)}
    used = max(counts, key=lambda delimiter: counts[delimiter])
    if used == own:
        return ""
    found = (
        f"{unit.path}: its first row is {row[:60]!r}, with {_DELIMITERS[used]} between the "
        f"columns, and not {_DELIMITERS[own]}"
    )
    if unit.format == "csv" and key:
        shown = '"\\t"' if used == "\t" else f'"{used}"'
        return f"{found}; set {key}: {shown}, which holds for all CSV files of the job"
    if used == "," and unit.format == "tsv":
        return f"{found}; name it .csv"
    return f"{found}; write it with {_DELIMITERS[own]}"


def csv_records(
    blocks: Iterator[bytes], path: str, first_of_file: bool = True, delimiter: str = COMMA
) -> Iterator[_Record]:
    """Every record byte for byte, with its cells, or "malformed_csv" where its quotation marks do
    not come out; the beginning of a line that is too large, with "too_large".

    A byte order mark at the very beginning of the file belongs to the bytes and not to the first
    cell.
    """
    source = _raw_lines(blocks, path)
    comma = delimiter.encode()
    # Lines that an attempt to close a cell has looked at. All but perhaps the last are known to
    # leave an open cell open, so that the next attempt passes over them: each line is parsed twice
    # at most, whatever a file is made of.
    ahead: deque[bytes] = deque()
    open_lines = open_bytes = 0
    last: _Parsed | None = None  # of the line behind them, within an open cell
    first = first_of_file
    while True:
        if open_lines:
            line = ahead.popleft()
            open_lines, open_bytes = open_lines - 1, open_bytes - len(line)
        else:
            line, last = ahead.popleft() if ahead else next(source, None), None
        if line is None:
            return
        body = line.removeprefix(lines.BOM) if first else line
        first = False
        if isinstance(line, _Beginning):
            yield line, lines.TOO_LARGE
            continue
        if b'"' not in body:
            yield line, _without_end(body).split(comma)
            continue
        state, cells = _parse(body, comma)
        while state == _OPEN:
            if open_lines == len(ahead):
                more = next(source, None)
                if more is None:
                    break
                ahead.append(more)
            more = ahead[-1]
            if isinstance(more, _Beginning) or len(body) + open_bytes + len(more) > _LONGEST_RECORD:
                break
            last = last or _parse(more, comma, inside=True)
            if last[0] != _OPEN:
                state = last[0]
                break
            last, open_lines, open_bytes = None, open_lines + 1, open_bytes + len(more)
        else:
            yield line, cells if state == _ENDED else MALFORMED_CSV
            continue
        if state != _ENDED:
            yield line, MALFORMED_CSV
            continue
        rest = b"".join(ahead)
        ahead.clear()
        open_lines, open_bytes, last = 0, 0, None
        yield line + rest, _parse(body + rest, comma)[1]


def _raw_lines(blocks: Iterator[bytes], path: str) -> Iterator[bytes]:
    for some in lines.split_lines(blocks, path, batch_bytes=1 << 16):
        if some.too_large:
            line = _Beginning(some.bodies[0])
            line.size = some.too_large
            yield line
        else:
            yield from some.raw()


# How the bytes of one or more lines end: with the record, in an open cell, or against the rules.
_ENDED, _OPEN, _BROKEN = range(3)
_Parsed = tuple[int, list[bytes]]


def _parse(text: bytes, comma: bytes, inside: bool = False) -> _Parsed:
    """How whole lines end, and the cells up to there.

    inside: the text begins within a cell in quotation marks.
    """
    end = len(_without_end(text))
    cells: list[bytes] = []
    position = 0
    while True:
        if not inside and text[position : position + 1] != b'"':
            found = text.find(comma, position, end)
            stop = found if found >= 0 else end
            cells.append(text[position:stop])
        else:
            start = look = position + (not inside)
            inside = False
            while (quote := text.find(b'"', look)) >= 0 and text[quote + 1 : quote + 2] == b'"':
                look = quote + 2
            if quote < 0:
                return _OPEN, cells
            cells.append(text[start:quote].replace(b'""', b'"'))
            stop = quote + 1
            if stop < end and text[stop : stop + 1] != comma:
                return _BROKEN, cells
        if stop >= end:
            return _ENDED, cells
        position = stop + 1


def _without_end(line: bytes) -> bytes:
    line = line[:-1] if line.endswith(b"\n") else line
    return line[:-1] if line.endswith(b"\r") else line
