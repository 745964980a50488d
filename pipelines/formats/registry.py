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
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import (
    arrow,
    compression,
    delimited,
    documents,
    gettext_catalogue,
    html,
    jsonl,
    lines,
    markdown,
    members,
    moses,
    paragraphs,
    parquet,
    text,
    tmx,
    warc,
    xliff,
)

FORMATS = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".warc": "warc",
    ".wet": "warc",
    ".tmx": "tmx",
    ".xlf": "xliff",
    ".xliff": "xliff",
    ".po": "po",
    ".mo": "mo",
}
LINE_FORMATS = ("tsv", "csv", "jsonl", "text")
# Those whose rows have raw bytes.
RAW_FORMATS = (*LINE_FORMATS, "paragraphs", "moses")
# Of these a record is a line (of Moses pairs, of both files); a CSV cell may hold line ends.
ONE_LINE_FORMATS = ("tsv", "jsonl", "text", "moses")
# Of these a line end is always a row's end, or is looked for by the reader; a CSV cell may hold
# one.
_CUT_AT_LINES = ("tsv", "jsonl", "text", "paragraphs")
# Tables with a schema, compressed inside.
_TABLES = {"parquet": parquet, "arrow": arrow}
_TABLE_NAMES = {"parquet": "Parquet", "arrow": "Arrow"}
# Texts with their translations, by language instead of by field; a file is one unit. In their own
# encodings, which their parsers find out.
CATALOGUES = {
    "tmx": tmx,
    "xliff": xliff,
    "po": gettext_catalogue,
    "mo": gettext_catalogue,
}
# Text without fields.
_ONE_COLUMN = ("text", "paragraphs", "document", "html", "markdown", "warc")
# What a text file is read as, by `data.text_rows`.
_TEXT_ROWS = {"line": "text", "paragraph": "paragraphs", "document": "document"}
_NO_LANGUAGES: Mapping[str, str] = {}
_PAIR_ROLES = ("train", "valid", "test")

# start, stop, bytes of work, how the text is packed (see `compression.packed_as`); of pairs of
# files also start and stop in the second one.
Piece = tuple[int, int, int, str | None] | tuple[int, int, int, str | None, int, int]


def format_of(
    path: str, languages: Mapping[str, str] = _NO_LANGUAGES, *, pairs: bool = False
) -> tuple[str, str | None]:
    """The format and the compression (or None) that a file's name says.

    Args:
      languages: formats of files whose names end in a language, by language.
      pairs: whether it should hold pairs; an error then names the kinds that can.

    Raises:
      InputError: another name.
    """
    stem, ending = os.path.splitext(path)
    packed = compression.ENDINGS.get(ending.lower())
    if packed is not None:
        stem, ending = os.path.splitext(stem)
    name = FORMATS.get(ending.lower()) or languages.get(ending[1:])
    if name is None:
        endings = [end for end, name in FORMATS.items() if not (pairs and name in _ONE_COLUMN)]
        more = "".join(f", .{language} of this job" for language in languages)
        if pairs:
            more = ", and two files of lines named by their languages, such as x.en and x.de"
        raise InputError(
            f"{path}: unknown kind of file; known {'for pairs ' if pairs else ''}are "
            f"{' '.join(endings)}{more}; all but .parquet, .arrow and .feather also with "
            f"{' '.join(compression.ENDINGS)}"
        )
    if name in _TABLES and packed is not None:
        raise InputError(
            f"{path}: {_TABLE_NAMES[name]} is compressed inside and not as a whole; decompress "
            "the file"
        )
    return name, packed


def plan(
    paths: Sequence[str],
    roles: Sequence[str],
    unit_bytes: int,
    *,
    text_rows: str = "line",
    partners: Mapping[str, str | None] | None = None,
    csv_delimiter: str = delimited.COMMA,
    texts_in: str | None = None,
) -> list[Unit]:
    """Files -> units, in the order of the files; every file has at least one.

    Uncompressed line formats are cut into byte ranges, Parquet and Arrow into runs of row groups
    and record batches, compressed lines and WARC into runs of gzip members (lines also of zstd
    frames); any other compressed file, and any document or catalogue, is one unit.

    Args:
      paths: the files. roles: what each is in the job. unit_bytes: aim of the size of a unit.
      text_rows: what is a row of .txt files with texts: "line", "paragraph" or "document".
      partners: the second file of each Moses pair, see `moses.pair_up`.
      csv_delimiter: what stands between the columns of CSV.
      texts_in: the language of the texts in files of all other roles, where these are no pairs.

    Raises:
      InputError: an unknown kind of file, or one whose content is not what its name says.
    """
    units: list[Unit] = []
    for number, (path, role) in enumerate(zip(paths, roles, strict=True)):
        partner = (partners or {}).get(path)
        language = role.partition(":")[2] or texts_in
        if partner is not None:
            name, packed = "moses", moses.compression_of(path)
        else:
            of_language = {language: "text"} if language else _NO_LANGUAGES
            holds_pairs = role in _PAIR_ROLES and texts_in is None
            name, packed = format_of(path, of_language, pairs=holds_pairs)
        if name == "text" and language and not moses.has_language(path, language):
            name = _TEXT_ROWS[text_rows]
        for place, piece in enumerate(_cut(path, partner, name, packed, unit_bytes, csv_delimiter)):
            unit_id = f"{number:05d}-{place:05d}"
            start, stop, size, packed_as, *second = piece
            units.append(
                Unit(
                    len(units), unit_id, path, name, packed_as, start, stop, size, role, partner,
                    *second,
                )
            )  # fmt: skip
    return units


def _cut(
    path: str,
    partner: str | None,
    name: str,
    packed: str | None,
    unit_bytes: int,
    csv_delimiter: str,
) -> Sequence[Piece]:
    """What is read by each unit of a file."""
    try:
        if partner is not None:
            return moses.cut(path, partner, packed, unit_bytes)
        if name in _TABLES:
            return [(*piece, None) for piece in _TABLES[name].cut(path, unit_bytes)]
        total = files.size(path)
        if name == "warc":
            ranges = warc.cut(path, packed, unit_bytes)
        elif name in ("html", "markdown"):
            # One page among thousands must not stop a job: what is no text becomes a row's error.
            if packed is not None:
                compression.check_compression(path, packed)
            ranges = [(0, -1)]
        elif name in CATALOGUES:
            compression.check_compression(path, packed)
            ranges = [(0, -1)]
        else:
            packed = compression.packed_as(path, packed)
            ranges = _cut_text(path, name, packed, unit_bytes, csv_delimiter)
        return [
            (start, stop, total if stop < 0 else stop - start, packed) for start, stop in ranges
        ]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _cut_text(
    path: str, name: str, packed: str | None, unit_bytes: int, csv_delimiter: str
) -> Sequence[tuple[int, int]]:
    if name == "document":
        return [(0, -1)]
    if packed is None:
        if name == "csv":
            return delimited.cut_csv(path, unit_bytes, csv_delimiter)
        return lines.cut(path, unit_bytes)
    if name in _CUT_AT_LINES:
        return members.cut(path, packed, unit_bytes)
    return [(0, -1)]


def read(
    unit: Unit,
    fields: list[str],
    *,
    raw: bool = False,
    header: bool = False,
    csv_delimiter: str = delimited.COMMA,
    languages: Sequence[str] = (),
) -> Iterator[pa.RecordBatch]:
    """The rows of a unit, in batches of a few MB.

    Args:
      fields: the names of the columns that are wanted. For text and documents the one field is the
        text, whatever its name; for Moses pairs the two fields are source and target.
      raw: adds the column `raw`; for `RAW_FORMATS` only. header: TSV files begin with a row of
        names (CSV always does). csv_delimiter: as of `plan`.
      languages: the language of each field, for catalogues, which know texts by their language.

    Raises:
      InputError: the file is damaged, or has not the columns, or not the languages.
    """
    if raw and unit.format not in RAW_FORMATS:
        raise ValueError(f"rows of {unit.format} have no raw bytes")
    if unit.format in CATALOGUES:
        if len(languages) != len(fields):
            raise ValueError(f"{unit.format} is read by language, one per field")
        return CATALOGUES[unit.format].read(unit, fields, languages)
    if unit.format in _TABLES:
        return _TABLES[unit.format].read(unit, fields)
    if unit.format == "tsv":
        return delimited.read_tsv(unit, fields, raw, header)
    if unit.format == "csv":
        return delimited.read_csv(unit, fields, raw, csv_delimiter)
    if unit.format == "jsonl":
        return jsonl.read(unit, fields, raw)
    if unit.format == "moses":
        return moses.read(unit, fields, raw)
    text.check(unit, fields)
    if unit.format in ("text", "paragraphs"):
        return (text if unit.format == "text" else paragraphs).read(unit, fields, raw)
    if unit.format == "document":
        return documents.read_text(unit, fields)
    return {"html": html, "markdown": markdown, "warc": warc}[unit.format].read(unit, fields)


def check_fields(
    unit: Unit,
    fields: list[str],
    *,
    header: bool = False,
    csv_delimiter: str = delimited.COMMA,
    languages: Sequence[str] = (),
) -> None:
    """Raises `InputError` when the unit's file cannot have the fields, listing the columns that it
    has; or, of a catalogue, when it does not begin as its name says or is of other languages.

    Reads only what names the columns: of JSONL, where every row has its own, nothing.
    """
    if unit.format in CATALOGUES:
        CATALOGUES[unit.format].check(unit, languages)
    elif unit.format in _TABLES:
        _TABLES[unit.format].check(unit.path, fields)
    elif unit.format == "csv" or (unit.format == "tsv" and header):
        delimited.check(unit, fields, csv_delimiter)
    elif unit.format in _ONE_COLUMN:
        text.check(unit, fields)
