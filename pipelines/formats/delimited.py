"""TSV and CSV.

TSV is what corpora use: columns between tabs, one row per line, and a quotation mark is a character
like any other.

CSV is RFC 4180: a header row, commas, and cells in quotation marks may hold commas, line ends and
(doubled) quotation marks. A row whose quotation marks do not come out costs itself only: the next
line is read as a new row.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import compression, lines

WRONG_COLUMNS = "wrong_columns"
MALFORMED_CSV = "malformed_csv"

# A quoted cell that goes on for longer than this has lost its closing mark.
_LONGEST_RECORD = 1 << 20
# Rows handed on at once; a row is seldom above some hundred bytes.
_BATCH_ROWS = 20_000


def read_tsv(
    unit: Unit, fields: Sequence[str], raw: bool, header: bool
) -> Iterator[pa.RecordBatch]:
    """One row per line. Errors: "not_utf8", "empty_line" and "wrong_columns".

    With a header, fields are found by name and every row has as many columns as the header. Without
    one, several fields are the columns in order, all of them; a single field is the first column,
    or column n when its name is the number n.
    """
    names = read_header(unit)[0] if header else None
    places = _places(unit.path, names, fields)
    width = len(names) if names is not None else len(fields) if len(fields) > 1 else None
    row = 0
    skip = header and unit.start == 0
    first = unit.start == 0
    for some in lines.read_lines(unit):
        texts = lines.decode_column(some.bodies, first_of_file=first)
        raws = some.raw() if raw else None
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


def read_csv(unit: Unit, fields: Sequence[str], raw: bool) -> Iterator[pa.RecordBatch]:
    """One row per record after the header. Errors: "not_utf8", "empty_line", "malformed_csv",
    "wrong_columns".
    """
    names, _ = read_header(unit)
    places = _places(unit.path, names, fields)
    if unit.compression is not None:
        blocks = compression.read_packed(unit.path, unit.compression)
    else:
        blocks = compression.read_range(unit.path, unit.start, unit.stop)
    records = csv_records(blocks, unit.path)
    if unit.start == 0:
        next(records, None)  # the header
    row = 0
    while some := [record for _, record in zip(range(_BATCH_ROWS), records, strict=False)]:
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


def _csv_cells(
    raw: bytes, cells: list[bytes] | None, width: int, places: list[int]
) -> tuple[str | None, list[str | None]]:
    nothing: list[str | None] = [None] * len(places)
    if cells is None:
        return MALFORMED_CSV, nothing
    if len(cells) != width:
        return (WRONG_COLUMNS if raw.strip() else "empty_line"), nothing
    try:
        raw.decode()
        return None, [cells[place].decode() for place in places]
    except UnicodeDecodeError:
        return lines.NOT_UTF8, nothing


def cut_csv(path: str, unit_bytes: int) -> list[tuple[int, int]]:
    """Byte ranges that end where a record ends; found by reading, since a line end may lie inside a
    cell.
    """
    total = files.size(path)
    if total <= unit_bytes:
        return [(0, total)]
    bounds, position = [0], 0
    for raw, _ in csv_records(compression.read_range(path, 0, total), path):
        position += len(raw)
        if position - bounds[-1] >= unit_bytes:
            bounds.append(position)
    if bounds[-1] != total:
        bounds.append(total)
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def read_header(unit: Unit) -> tuple[list[str], bytes]:
    """The column names, and the header row byte for byte, of the unit's file.

    Raises:
      InputError: the file is empty, or the row is not UTF-8 or not CSV.
    """
    if unit.compression is not None:
        blocks = compression.read_packed(unit.path, unit.compression)
    else:
        blocks = compression.read_range(unit.path, 0, files.size(unit.path))
    if unit.format == "csv":
        raw, cells = next(csv_records(blocks, unit.path), (b"", []))
    else:
        some = next(lines.split_lines(blocks, unit.path, batch_bytes=1), lines.Lines([], True))
        raw = some.raw()[0] if some.bodies else b""
        cells = _without_end(raw).removeprefix(lines.BOM).split(b"\t")
    if not raw:
        return [], b""
    try:
        if cells is None:
            raise ValueError
        names = [cell.decode() for cell in cells]
    except ValueError:
        raise InputError(
            f"{unit.path}: its first row must name the columns in UTF-8, found {raw[:60]!r}"
        ) from None
    return names, raw


def check(unit: Unit, fields: Sequence[str]) -> None:
    """Raises `InputError` when the header row lacks a field."""
    _places(unit.path, read_header(unit)[0], fields)


def _places(path: str, names: list[str] | None, fields: Sequence[str]) -> list[int]:
    """Where each field stands in a row."""
    if names is None:
        if len(fields) == 1:
            only = fields[0]
            return [int(only) - 1 if only.isascii() and only.isdigit() and int(only) > 0 else 0]
        return list(range(len(fields)))
    if not names:
        return [0] * len(fields)  # an empty file: there is no row to look into
    missing = [field for field in fields if field not in names]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r}; it has {', '.join(names)}")
    return [names.index(field) for field in fields]


def csv_records(blocks: Iterator[bytes], path: str) -> Iterator[tuple[bytes, list[bytes] | None]]:
    """Every record byte for byte, with its cells, or None where its quotation marks do not come
    out.

    A byte order mark at the very beginning belongs to the bytes and not to the first cell.
    """
    source = (
        line for some in lines.split_lines(blocks, path, batch_bytes=1 << 16) for line in some.raw()
    )
    back: deque[bytes] = deque()  # lines that a failed attempt has taken
    first = True
    while True:
        line = back.popleft() if back else next(source, None)
        if line is None:
            return
        body = line.removeprefix(lines.BOM) if first else line
        mark, first = line[: len(line) - len(body)], False
        if b'"' not in body:
            yield line, _without_end(body).split(b",")
            continue
        taken: list[bytes] = []
        parsed = _quoted_record(body, back, source, taken)
        if parsed is None:
            back.extendleft(reversed(taken))
            yield line, None
        else:
            yield mark + parsed[0], parsed[1]


def _quoted_record(
    line: bytes, back: deque[bytes], source: Iterator[bytes], taken: list[bytes]
) -> tuple[bytes, list[bytes]] | None:
    """Parses one record that begins with `line`, taking further lines as open cells need them."""
    text = bytearray(line)
    end = len(_without_end(line))
    cells: list[bytes] = []
    position = 0
    while True:
        if text[position : position + 1] != b'"':
            comma = text.find(b",", position, end)
            stop = comma if comma >= 0 else end
            cells.append(bytes(text[position:stop]))
        else:
            look = position + 1
            while True:
                quote = text.find(b'"', look)
                if quote >= 0 and text[quote + 1 : quote + 2] != b'"':
                    break
                if quote >= 0:
                    look = quote + 2
                    continue
                more = back.popleft() if back else next(source, None)
                if more is None or len(text) + len(more) > _LONGEST_RECORD:
                    if more is not None:
                        taken.append(more)
                    return None
                taken.append(more)
                look = len(text)
                text += more
                end = len(text) - (len(more) - len(_without_end(more)))
            cells.append(bytes(text[position + 1 : quote]).replace(b'""', b'"'))
            stop = quote + 1
            if stop < end and text[stop : stop + 1] != b",":
                return None
        if stop >= end:
            return bytes(text), cells
        position = stop + 1


def _without_end(line: bytes) -> bytes:
    line = line[:-1] if line.endswith(b"\n") else line
    return line[:-1] if line.endswith(b"\r") else line
