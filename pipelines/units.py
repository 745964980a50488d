"""The unit of work: a piece of input that is read, worked on and committed as a whole.

A unit's id says which file of the plan and which piece of it. What is done with a unit ends in part
files and, last, a receipt: a small JSON file that names the parts with their checksums. A unit
whose receipt is there, made under the same fingerprint of settings, is never done again; one that
was interrupted has no receipt and is simply done anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from . import files


@dataclasses.dataclass(frozen=True, order=True)
class Unit:
    """A piece of one input file.

    Attributes:
      index: position among all units of the plan; orders rows of different units.
      id: `<file index>-<piece>`, five digits each or more: a name that is the same in every run.
        In the order of the input by `order_of`, and not as text.
      path: the file. format: see `formats.registry`. compression: how its text is packed, see
        `formats.compression.packed_as`.
      start, stop: what the format's reader makes of them: bytes [start, stop) for line formats, in
        the stored file where that is compressed; row groups for Parquet; (0, -1) means the whole
        file.
      size: bytes of work, for progress.
      role: what the file is in the job: "train", "valid", "test", "monolingual:en", "translate" ...
      partner, partner_start, partner_stop: the second file of a pair of files and what is read of
        it, where the format has one; see `formats.moses`.
    """

    index: int
    id: str
    path: str
    format: str
    compression: str | None
    start: int
    stop: int
    size: int
    role: str
    partner: str | None = None
    partner_start: int = 0
    partner_stop: int = -1

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that the unit is read from."""
        return (self.path,) if self.partner is None else (self.path, self.partner)


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What a committed unit says of itself.

    Attributes:
      unit_id: of the unit. fingerprint: of everything its result depends on.
      parts: suffix -> {"name", "sha256", "bytes"}.
      facts: counts and other small JSON values that later stages need.
    """

    unit_id: str
    fingerprint: str
    parts: dict[str, dict[str, Any]]
    facts: dict[str, Any]


def order_of(unit_id: str) -> tuple[tuple[bool, int, str], ...]:
    """What ids of units, chunks and tasks are sorted by: their parts between hyphens, numbers by
    value and before words. As texts "100000" comes before "99999".

    >>> sorted(["100000-00000", "99999-00001", "99999-00000"], key=order_of)
    ['99999-00000', '99999-00001', '100000-00000']
    """
    parts = unit_id.split("-")
    return tuple(
        (False, int(part), "") if part.isascii() and part.isdigit() else (True, 0, part)
        for part in parts
    )


RECEIPT = ".receipt.json"


def receipt_name(unit_id: str) -> str:
    """The name of a unit's receipt, in the folder of its parts."""
    return unit_id + RECEIPT


def fingerprint(*values: Any) -> str:
    """sha256 (first 16 hex digits) of JSON values; equal values give equal fingerprints on every
    machine."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"no fingerprint of {type(value).__name__}")


def committed(folder: str, unit_id: str, expected_fingerprint: str) -> Receipt | None:
    """The receipt of a unit that is done under this fingerprint and whose parts are all there, else
    None."""
    path = files.join(folder, receipt_name(unit_id))
    try:
        receipt = Receipt(**json.loads(files.read_bytes(path)))
    except (OSError, ValueError, TypeError):
        return None
    if receipt.fingerprint != expected_fingerprint:
        return None
    for part in receipt.parts.values():
        try:
            if files.size(files.join(folder, part["name"])) != part["bytes"]:
                return None
        except (OSError, IndexError, KeyError):
            return None
    return receipt


def commit(
    folder: str, unit_id: str, made_under: str, parts: dict[str, bytes], facts: dict[str, Any]
) -> Receipt:
    """Writes the parts (`<unit id>.<suffix>`), then the receipt. Only then is the unit done."""
    writer = Parts(folder, unit_id, made_under)
    for suffix, data in parts.items():
        writer.add(suffix, data)
    return writer.commit(facts)


class Parts:
    """Writes the parts of a unit one by one, for results that should not be in memory at once."""

    def __init__(self, folder: str, unit_id: str, made_under: str) -> None:
        self._folder, self._unit_id, self._made_under = folder, unit_id, made_under
        self._described: dict[str, dict[str, Any]] = {}

    def add(self, suffix: str, data: bytes) -> None:
        """Writes the part `<unit id>.<suffix>`; its name is durable once the receipt's is."""
        name = f"{self._unit_id}.{suffix}"
        digest = files.write_atomic(files.join(self._folder, name), data, last=False)
        self._described[suffix] = {"name": name, "sha256": digest, "bytes": len(data)}

    def commit(self, facts: dict[str, Any]) -> Receipt:
        """Writes the receipt. Only then is the unit done."""
        receipt = Receipt(self._unit_id, self._made_under, self._described, facts)
        text = json.dumps(dataclasses.asdict(receipt), sort_keys=True, ensure_ascii=False)
        files.write_atomic(files.join(self._folder, receipt_name(self._unit_id)), text.encode())
        return receipt


def read_part(folder: str, receipt: Receipt, suffix: str) -> bytes:
    """The bytes of one part."""
    return files.read_bytes(files.join(folder, receipt.parts[suffix]["name"]))
