"""Which format a file has, how it is cut into units, and how a unit is read.

>>> format_of("docs/a.jsonl.zst")
('jsonl', 'zstd')

Every reader gives `pyarrow.RecordBatch`es with the columns `row` (int64, counted from 0 in the
unit), `error` (null, or the slug of what makes the record unreadable), `raw` where it was asked for
(binary, the record byte for byte with its line end), and one nullable string column per field.
Columns stand in that order; a field may have one of the first three names, so count on their
places rather than on their names. Nothing is left out: a record that cannot be read is a row with
an error. A damaged file is an `InputError`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pyarrow as pa

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import (
    compression,
    delimited,
    gettext_catalogue,
    jsonl,
    lines,
    members,
    parquet,
    text,
    tmx,
    xliff,
)

FORMATS = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
    ".tmx": "tmx",
    ".xlf": "xliff",
    ".xliff": "xliff",
    ".po": "po",
    ".mo": "mo",
}
LINE_FORMATS = ("tsv", "csv", "jsonl", "text")
# Texts with their translations, by language instead of by field; a file is one unit. In their own
# encodings, which their parsers find out.
_CATALOGUES = {
    "tmx": tmx,
    "xliff": xliff,
    "po": gettext_catalogue,
    "mo": gettext_catalogue,
}
# Of these a line end is always a row's end; a CSV cell may hold one.
_CUT_AT_LINES = ("tsv", "jsonl", "text")

# start, stop, bytes of work, how the text is packed (see `compression.packed_as`).
Piece = tuple[int, int, int, str | None]


def format_of(path: str) -> tuple[str, str | None]:
    """The format and the compression (or None) that a file's name says. Raises `InputError` for
    another name.
    """
    stem, ending = os.path.splitext(path)
    packed = compression.ENDINGS.get(ending.lower())
    if packed is not None:
        stem, ending = os.path.splitext(stem)
    name = FORMATS.get(ending.lower())
    if name is None:
        raise InputError(
            f"{path}: unknown kind of file; known are {' '.join(FORMATS)}, all but .parquet also "
            f"with {' '.join(compression.ENDINGS)}"
        )
    if name == "parquet" and packed is not None:
        raise InputError(
            f"{path}: Parquet is compressed inside and not as a whole; decompress the file"
        )
    return name, packed


def plan(paths: Sequence[str], roles: Sequence[str], unit_bytes: int) -> list[Unit]:
    """Files -> units, in the order of the files; every file has at least one.

    Uncompressed line formats are cut into byte ranges, Parquet into runs of row groups, compressed
    lines into runs of gzip members or zstd frames; any other compressed file, and a catalogue, is
    one unit.

    Args:
      paths: the files. roles: what each is in the job. unit_bytes: aim of the size of a unit.

    Raises:
      InputError: an unknown kind of file, or one whose content is not what its name says.
    """
    units: list[Unit] = []
    for number, (path, role) in enumerate(zip(paths, roles, strict=True)):
        name, packed = format_of(path)
        pieces = _cut(path, name, packed, unit_bytes)
        for piece, (start, stop, size, packed_as) in enumerate(pieces):
            unit_id = f"{number:05d}-{piece:05d}"
            units.append(Unit(len(units), unit_id, path, name, packed_as, start, stop, size, role))
    return units


def _cut(path: str, name: str, packed: str | None, unit_bytes: int) -> list[Piece]:
    """(start, stop, bytes of work, how the text is packed) of each unit of a file."""
    try:
        if name == "parquet":
            return [(*piece, None) for piece in parquet.cut(path, unit_bytes)]
        if name in _CATALOGUES:
            compression.check_compression(path, packed)
            return [(0, -1, files.size(path), packed)]
        packed = compression.packed_as(path, packed)
        if packed is None:
            ranges = (delimited.cut_csv if name == "csv" else lines.cut)(path, unit_bytes)
        elif name in _CUT_AT_LINES:
            ranges = members.cut(path, packed, unit_bytes)
        else:
            ranges = [(0, -1)]
        total = files.size(path)
        return [
            (start, stop, total if stop < 0 else stop - start, packed) for start, stop in ranges
        ]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def read(
    unit: Unit,
    fields: list[str],
    *,
    raw: bool = False,
    header: bool = False,
    languages: Sequence[str] = (),
) -> Iterator[pa.RecordBatch]:
    """The rows of a unit, in batches of a few MB.

    Args:
      fields: the names of the columns that are wanted. For text the one field is the line, whatever
        its name.
      raw: adds the column `raw`; for the line formats only. header: TSV files begin with a row of
        names (CSV always does).
      languages: the language of each field, for catalogues, which know texts by their language.

    Raises:
      InputError: the file is damaged, or has not the columns, or not the languages.
    """
    if raw and unit.format not in LINE_FORMATS:
        raise ValueError(f"rows of {unit.format} have no raw bytes")
    if unit.format in _CATALOGUES:
        if len(languages) != len(fields):
            raise ValueError(f"{unit.format} is read by language, one per field")
        return _CATALOGUES[unit.format].read(unit, fields, languages)
    if unit.format == "parquet":
        return parquet.read(unit, fields)
    if unit.format == "tsv":
        return delimited.read_tsv(unit, fields, raw, header)
    if unit.format == "csv":
        return delimited.read_csv(unit, fields, raw)
    if unit.format == "jsonl":
        return jsonl.read(unit, fields, raw)
    return text.read(unit, fields, raw)


def check_fields(
    unit: Unit, fields: list[str], *, header: bool = False, languages: Sequence[str] = ()
) -> None:
    """Raises `InputError` when the unit's file cannot have the fields, listing the columns that it
    has; or, of a catalogue, when it does not begin as its name says or is of other languages.

    Reads only what names the columns: of JSONL, where every row has its own, nothing.
    """
    if unit.format in _CATALOGUES:
        _CATALOGUES[unit.format].check(unit, languages)
    elif unit.format == "parquet":
        parquet.check(unit.path, fields)
    elif unit.format == "csv" or (unit.format == "tsv" and header):
        delimited.check(unit, fields)
    elif unit.format == "text" and len(fields) != 1:
        next(text.read(unit, fields, False), None)


def header_of(unit: Unit, *, header: bool = False) -> tuple[list[str], bytes] | None:
    """The column names and the header row byte for byte; None where the file has no such row."""
    if unit.format == "csv" or (unit.format == "tsv" and header):
        return delimited.read_header(unit)
    return None
