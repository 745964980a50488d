"""A prepare of a small part of a job's input, in this process: what the whole of it will cost here.

Nothing of the job is changed: the sample has a folder of its own.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from .. import files, prepare, stages
from ..config import PrepareConfig, ReplacementsConfig
from ..dataset import publish
from ..formats import registry
from ..prepare import PreparePlan
from ..units import Unit
from . import sampling, stage_costs

# Bytes of text: a second or two for most jobs, and much less a second where languages are told.
_BYTES = 16e6
_BYTES_WITH_LANGUAGES = 3e6

_WRITTEN = ("prepare", "dataset", "vocabulary")


@dataclasses.dataclass(frozen=True)
class PrepareSample:
    """What was measured.

    Attributes:
      text_bytes: that were read. seconds: stage -> of one process.
      written_bytes: of all files that were written. records: that were read.
    """

    text_bytes: int
    seconds: dict[str, float]
    written_bytes: int
    records: int


def measure(config: PrepareConfig, plan: PreparePlan, folder: str) -> PrepareSample:
    """Prepares units from all over the input, in an empty local folder.

    Raises:
      InputError, WorkError: a file is damaged, or the sample is not enough to learn from.
    """
    alone = dataclasses.replace(config.dataset, replacements=ReplacementsConfig(), shortlist=0)
    config = dataclasses.replace(config, workdir=folder, dataset=alone)
    most = _BYTES if config.clean.wrong_language is False else _BYTES_WITH_LANGUAGES
    units = _chosen(plan.units, int(most), folder)
    stamps = {path: files.stamp(path) for unit in units for path in unit.paths}
    seconds = {}
    for _, stage in prepare.stages_of(config, PreparePlan(units, stamps, "")):
        began = time.monotonic()
        stages.do_here(stage, config)
        seconds[stage.name] = time.monotonic() - began
    ledger = publish.publish(config, "")["ledger"]
    return PrepareSample(
        text_bytes=stage_costs.text_bytes(units),
        seconds=seconds,
        written_bytes=sum(files.tree_size(files.join(folder, name)) for name in _WRITTEN),
        records=ledger["in"],
    )


def _chosen(units: Sequence[Unit], most: int, folder: str) -> list[Unit]:
    """Units of so many bytes of text at most, in their order, pairs to train on among them where
    there are any; of larger ones of lines the beginning, as a file in the folder."""
    order = sampling.order(len(units))
    pairs = [place for place in order if units[place].role == "train"]
    found: list[Unit] = []
    left = most
    for place in dict.fromkeys([*pairs[:1], *order]):
        unit = units[place]
        size = stage_costs.text_bytes([unit])
        if size > most and unit.format in registry.ONE_LINE_FORMATS and unit.partner is None:
            unit = _beginning(unit, most // 4, folder)
            size = unit.size
        if size <= left:
            found.append(unit)
            left -= size
        if left < most // 8:
            break
    return sorted(found)


def _beginning(unit: Unit, most: int, folder: str) -> Unit:
    path = files.join(folder, "inputs", unit.id)
    size = sampling.beginning(unit.path, unit.compression, most, path)
    return dataclasses.replace(unit, path=path, compression=None, start=0, stop=size, size=size)
