"""The files of a translation and their units, written down for the processes that do the work.

A cluster is handed the pipeline as one message, in which a million units would have no room. So it
has numbers only, of files and of units in them; what they are lies in `_electra/planned/`, a JSON
object for each file, until the run is finished.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from .. import files
from ..units import Unit
from .earlier_outputs import working
from .translation_inputs import InputFile
from .translation_plan import PlannedFile, PlannedUnit, TranslatePlan

# Units of a file that one element names: few enough to be shared out, enough to need few elements.
_UNITS_AN_ELEMENT = 200

Named = tuple[int, tuple[int, ...]]  # a file, and some of its units, by their places


@dataclasses.dataclass(frozen=True)
class Written:
    """What was written down.

    Attributes:
      digest: of all of it.
      numbers: of the files. pending: the units that are yet to be translated.
    """

    digest: str
    numbers: tuple[int, ...]
    pending: tuple[Named, ...]


def write(plan: TranslatePlan) -> Written:
    """Writes down all files that are to be made."""
    pending = {unit.key for unit in plan.pending}
    digest = hashlib.sha256()
    named: list[Named] = []
    for number, file in enumerate(plan.made):
        data = _encoded(file)
        digest.update(data)
        files.write_atomic(_path(plan.output, number), data, last=False)
        places = []
        for place, unit in enumerate(file.units):
            if unit.key in pending:  # of two files with the same content the first alone
                pending.remove(unit.key)
                places.append(place)
        for start in range(0, len(places), _UNITS_AN_ELEMENT):
            named.append((number, tuple(places[start : start + _UNITS_AN_ELEMENT])))
    numbers = tuple(range(len(plan.made)))
    return Written(digest.hexdigest(), numbers, tuple(named))


class ReadUnitsFn(beam.DoFn):
    """`Named` -> each `PlannedUnit` of it."""

    def __init__(self, output: str, digest: str) -> None:
        self._output, self._digest = output, digest

    def process(self, element: Named) -> Iterator[PlannedUnit]:
        """Looks the units up."""
        number, places = element
        file = read(self._output, number, self._digest)
        for place in places:
            yield file.units[place]


@functools.lru_cache(maxsize=16)
def read(output: str, number: int, digest: str) -> PlannedFile:
    """A file that was written down.

    Args:
      digest: of what was written, by which the cache tells one run of a process from the next.
    """
    del digest
    found = json.loads(files.read_bytes(_path(output, number)))
    header = found["file"].pop("header")
    file = InputFile(**found["file"], header=None if header is None else header.encode("latin-1"))
    return PlannedFile(
        file,
        tuple(PlannedUnit(Unit(**one["unit"]), one["key"], file) for one in found["units"]),
    )


def _encoded(planned: PlannedFile) -> bytes:
    file: dict[str, Any] = dataclasses.asdict(planned.file)
    if planned.file.header is not None:
        file["header"] = planned.file.header.decode("latin-1")
    units = [{"unit": dataclasses.asdict(one.unit), "key": one.key} for one in planned.units]
    return json.dumps({"file": file, "units": units}).encode()


def _path(output: str, number: int) -> str:
    return working(output, "planned", f"{number:06d}.json")
