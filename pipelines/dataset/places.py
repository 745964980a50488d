"""Where the records of a unit stand in their file: `dataset/units.jsonl`.

`rejected/` and `provenance/` count records within their unit, the only number that is known while
units are read in any order. Once all of them are read, the number of the first record of each unit
is the sum of those before.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from .. import files
from ..config import PrepareConfig
from ..formats import registry
from ..stages import load_index

FILE = "units.jsonl"


@dataclasses.dataclass(frozen=True)
class Place:
    """A unit in its file; a line of `dataset/units.jsonl`.

    Attributes:
      unit: its id. path: the file. records: how many there are in the unit.
      first_record: the number of its row 0 among all records of the file, from 1. Rows that name
        columns are none; blank lines and all that was rejected are some. Where texts were cut into
        pairs (`continuations`), records are pairs.
      first_line: the number of that row's line, from 1; None where records are no lines.
    """

    unit: str
    path: str
    records: int
    first_record: int
    first_line: int | None

    def number(self, row: int) -> dict[str, int]:
        """ "record" and, where records are lines, "line" of a row of the unit."""
        found = {"record": self.first_record + row}
        if self.first_line is not None:
            found["line"] = self.first_line + row
        return found


def of_units(config: PrepareConfig) -> dict[str, Place]:
    """Unit -> its place, in the order of the plan, once the first stage is complete."""
    found: dict[str, Place] = {}
    before: dict[str, int] = {}
    for receipt in load_index(config, "clean").receipts:
        path, form = receipt.facts["path"], receipt.facts["format"]
        records = sum(chunk["rows"] for chunk in receipt.facts["chunks"])
        first = before.get(path, 0) + 1
        before[path] = before.get(path, 0) + records
        line = None
        if form in registry.ONE_LINE_FORMATS:
            line = first + (form == "tsv" and config.data.tsv_header)
        found[receipt.unit_id] = Place(receipt.unit_id, path, records, first, line)
    return found


def write(config: PrepareConfig, places: dict[str, Place]) -> None:
    """Writes `dataset/units.jsonl`."""
    lines = (
        json.dumps(_without_none(dataclasses.asdict(place)), ensure_ascii=False) + "\n"
        for place in places.values()
    )
    files.write_atomic(
        files.join(config.workdir, "dataset", FILE),
        (line.encode("utf-8", "backslashreplace") for line in lines),
    )


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
