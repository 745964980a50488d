"""A stage before `split`, where `clean.overlap` is on and validation data are split off: their
sources, so that training sources are compared with them as with those of files.

One task per chunk of training pairs; only chunks with such records have the part `sources`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa

from .. import records
from ..cleaning import clean
from ..config import PrepareConfig
from ..deduplication import dedup
from ..stages import Stage, Task, load_index, part_path
from ..units import Parts
from . import overlap, split

_VERSION = 1

SOURCES = pa.schema([pa.field("source", pa.string(), nullable=False)])


def wanted(config: PrepareConfig) -> bool:
    """Whether there is such a stage."""
    return config.clean.overlap is not False and split.wanted(config)


def plan(config: PrepareConfig) -> list[Task]:
    """One task per chunk of training pairs."""
    chunks = clean.chunks(config)
    payload = {
        "version": _VERSION,
        "dropped": [
            dedup.digest_of_dropped(load_index(config, stage))
            for stage, _ in split.dropping_stages(config)
        ],
        "places": split.choose_places(config),
        "overlap": split.overlap_with_files(config, chunks),
    }
    return [
        Task(chunk.id, {**payload, "chunk": dataclasses.asdict(chunk)})
        for chunk in chunks
        if chunk.role == "train"
    ]


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Adds the part `sources` (`SOURCES`) if there are any: of the records that will be validation
    data, so of none that is dropped, be it for its overlap with a file.

    Returns:
      {"records": how many}.
    """
    chunk = clean.Chunk(**task.payload["chunk"])
    kept = clean.read_kept(config, chunk)
    inside = split.is_split_off(kept.column("place").to_numpy(), task.payload["places"])
    if inside.any():
        rows = kept.column("row").to_numpy()
        for stage, _ in split.dropping_stages(config):
            inside &= ~np.isin(rows, dedup.dropped_of(config, stage, chunk)["row"].to_numpy())
    sources = kept.column("source").filter(pa.array(inside))
    held_out = task.payload["overlap"]
    ngrams = split.ngrams_of_files(config, held_out)
    overlapping = overlap.overlapping(
        sources.to_pylist(), ngrams, held_out["words"], held_out["share"]
    )
    sources = sources.filter(pa.array(~overlapping))
    if len(sources):
        batch = pa.RecordBatch.from_arrays([sources], schema=SOURCES)
        parts.add("sources", records.to_bytes(SOURCES, [batch], compress=True))
    return {"records": len(sources)}


def parts_of(config: PrepareConfig) -> list[tuple[str, str]]:
    """The parts `sources` of the complete stage: path and sha256 of each."""
    return [
        (part_path(config, "held_out", receipt, "sources"), receipt.parts["sources"]["sha256"])
        for receipt in load_index(config, "held_out").receipts
        if receipt.facts["records"]
    ]


STAGE = Stage(
    "held_out",
    plan,
    work,
    (
        "clean.overlap",
        "clean.overlap_words",
        "clean.near_duplicate",
        "dataset.valid_fraction",
        "dataset.valid_max_records",
    ),
)
