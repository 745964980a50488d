"""What the beginnings of input files show before any work, where it is no error: later records may
be others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import clean, files
from .config import PrepareConfig
from .formats import compression, jsonl, lines, moses, registry
from .units import Unit

# Of each file: bytes that are read of it, and the records that are looked at.
_BYTES = 1 << 16
_RECORDS = 20
# Names that a message lists.
_NAMES = 20


def find(config: PrepareConfig, units: Sequence[Unit]) -> list[str]:
    """Warnings, a line each: of line ends that are none, and of JSONL whose first records have no
    text in the fields that the job names. Files of which the same is to be said are one warning.

    Args:
      units: of all input files, as of `prepare.plan_prepare`.

    Raises:
      InputError: a file is damaged.
    """
    found: dict[str, list[str]] = {}
    for unit in {unit.path: unit for unit in units}.values():
        if unit.format not in registry.RAW_FORMATS:
            continue
        for path in unit.paths:
            head, whole = _beginning(unit, path)
            for warning in _warnings(config, unit, head, whole):
                found.setdefault(warning, []).append(path)
    return [
        f"{path}{f' and {len(others)} other files' if others else ''}: {warning}"
        for warning, (path, *others) in found.items()
    ]


def _beginning(unit: Unit, path: str) -> tuple[bytes, bool]:
    """The first bytes of the text in one of a unit's files, and whether that is all of it."""
    packed = unit.compression
    if path == unit.partner:
        packed = compression.packed_as(path, moses.compression_of(path))
    if packed is None:
        blocks = compression.read_range(path, 0, min(_BYTES + 1, files.size(path)))
    else:
        blocks = compression.read_packed(path, packed)
    head = b""
    while len(head) <= _BYTES and (block := next(blocks, None)) is not None:
        head += block
    return head[:_BYTES], len(head) <= _BYTES


def _warnings(config: PrepareConfig, unit: Unit, head: bytes, whole: bool) -> Iterator[str]:
    if b"\n" not in head and b"\r" in head.strip(b"\r"):
        yield lines.ONLY_CR
    if unit.format != "jsonl":
        return
    # What follows the last line end may be the beginning of a line.
    bodies = head.removeprefix(lines.BOM).split(b"\n")[: None if whole else -1][:_RECORDS]
    missing = [
        field
        for field in clean.fields_for(config, unit.role)
        if jsonl.are_without_text(bodies, field)
    ]
    if missing:
        fields = f"field{'s' if missing[1:] else ''} {' and '.join(map(repr, missing))}"
        yield (
            f"its first records have no text in the {fields}, {texts_are_in(bodies)}; say which "
            f"it is in {clean.field_keys(config, unit.role)}"
        )


def texts_are_in(bodies: Sequence[bytes]) -> str:
    """Where JSON Lines have text, in words."""
    fields = jsonl.fields_with_text(bodies)
    if not fields:
        return "nor in any other"
    return f"but in {', '.join(fields[:_NAMES])}" + (", ..." if fields[_NAMES:] else "")
