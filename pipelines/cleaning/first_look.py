"""What the beginnings of input files show before any work, where it is no error: later records may
be others."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from .. import files
from ..config import PrepareConfig
from ..formats import compression, jsonl, lines, moses, registry
from ..records import LARGE_SHARE
from ..units import Unit
from . import clean, file_lists

# The records that are looked at.
_RECORDS = 20
# Names that a message lists.
_NAMES = 20
# Of fewer lines no share is taken.
_FEW_LINES = 5

_EMPTY = "empty, so there is nothing to read; leave out what is not meant"
# What is to be done with lines that are not UTF-8.
NOT_UTF8 = "if it is Windows-1252 or Latin-1: iconv -f windows-1252 -t utf-8 old > new"


def find(config: PrepareConfig, units: Sequence[Unit]) -> list[str]:
    """Warnings, a line each: of empty files, of line ends that are none, of lines that are not
    UTF-8, of TSV with other columns than source and target, and of JSONL whose first records have
    no text in the fields that the job names. Files of which the same is to be said are one warning.

    Args:
      units: of all input files, as of `prepare.plan_prepare`.

    Raises:
      InputError: a file is damaged.
    """
    found: dict[str, list[str]] = {}
    for unit in {unit.path: unit for unit in units}.values():
        for path in unit.paths:
            if compression.is_empty(path):
                found.setdefault(_EMPTY, []).append(path)
            if unit.format not in registry.RAW_FORMATS:
                continue
            head, whole = _beginning(unit, path)
            for warning in _warnings(config, unit, head, whole):
                found.setdefault(warning, []).append(path)
    return [f"{file_lists.named(paths)}: {warning}" for warning, paths in found.items()]


def _beginning(unit: Unit, path: str) -> tuple[bytes, bool]:
    """The first bytes of the text in one of a unit's files, and whether that is all of it."""
    packed = unit.compression
    if path == unit.partner:
        packed = compression.packed_as(path, moses.compression_of(path))
    if packed is not None:
        return lines.head(compression.read_packed(path, packed))
    # Of most files no more than the first of these is read.
    total = files.size(path)
    few = min(lines.HEAD + 1, total)
    return lines.head(
        itertools.chain(
            compression.read_range(path, 0, few), compression.read_range(path, few, total)
        )
    )


def _warnings(config: PrepareConfig, unit: Unit, head: bytes, whole: bool) -> Iterator[str]:
    if b"\n" not in head and b"\r" in head.strip(b"\r"):
        yield lines.ONLY_CR
    # What follows the last line end may be the beginning of a line.
    bodies = head.removeprefix(lines.BOM).split(b"\n")[: None if whole else -1]
    bodies = [body for body in bodies if body.strip()]
    if _is_large(sum(not _is_utf8(body) for body in bodies), bodies):
        yield f"many of the first lines are not UTF-8 and will be rejected as not_utf8; {NOT_UTF8}"
    if unit.format == "tsv" and not clean.holds_texts(config, unit.role):
        header = config.data.tsv_header
        width = bodies[0].count(b"\t") + 1 if header and bodies else 2
        others = Counter(body.count(b"\t") + 1 for body in bodies if _is_utf8(body))
        del others[width]
        if _is_large(others.total(), bodies):
            remedy = of_columns(others.most_common(1)[0][0], header=header)
            yield f"many of the first rows will be rejected as wrong_columns; {remedy}"
    if unit.format != "jsonl":
        return
    bodies = bodies[:_RECORDS]
    missing = [
        field
        for field in clean.fields_for(config, unit.role)
        if jsonl.are_without_text(bodies, field)
    ]
    if missing:
        fields = f"field{'s' if missing[1:] else ''} {' and '.join(map(repr, missing))}"
        yield (
            f"the first records have no text in the {fields}, {texts_are_in(bodies)}; say which "
            f"it is in {clean.field_keys(config, unit.role)}"
        )


def _is_large(count: int, bodies: Sequence[bytes]) -> bool:
    return len(bodies) >= _FEW_LINES and count > LARGE_SHARE * len(bodies)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def of_columns(count: int, *, header: bool) -> str:
    """What to do with rows of TSV that have so many columns, which are too many or too few."""
    they_have = f"they have {count} column{'s' if count > 1 else ''}"
    if header:
        return f"{they_have}, and the first row names another number; give all rows the same"
    if count < 2:
        return f"{they_have}, and source TAB target are 2; put a tab between source and target"
    return (
        f"{they_have}, and source TAB target are 2; keep two: cut -f1,2 old > new; or, where the "
        "first row names the columns, set data.tsv_header: true, data.source_field and "
        "data.target_field"
    )


def texts_are_in(bodies: Sequence[bytes]) -> str:
    """Where the first of these JSON Lines have text, in words."""
    fields = jsonl.fields_with_text(bodies[:_RECORDS])
    if not fields:
        return "nor in any other"
    return f"but in {', '.join(fields[:_NAMES])}" + (", ..." if fields[_NAMES:] else "")
