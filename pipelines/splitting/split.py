"""Third stage: what becomes of each clean record; those that are used as sequences of words.

A record is in the split of its file. Where a job names no validation data, the sources with the
smallest hashes are split off the training data, whole groups of them: records whose sources differ
only in case, digits and punctuation go the same way. So the split does not depend on the order of
files, a grown corpus keeps most of it, and no training record gives a validation record away.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.errors import InputError

from .. import files, records, tasks
from ..cleaning import clean, rejections
from ..config import PrepareConfig
from ..dataset import sequences
from ..deduplication import dedup, near_duplicates
from ..stages import Stage, Task, folder_of, load_index, part_path
from ..units import Parts
from ..vocabularies import words
from . import held_out, overlap, repeated_sides

_VERSION = 5

# What can become of a record: a split of pairs, text for pretraining only, or a rule: the last ones
# are those of `dedup` and of `near_duplicates`.
SPLITS = ("train", "valid", "test")
FATES = (*SPLITS, "text", "overlap", "leak", "duplicate", "near_leak", "near_duplicate")
TEXT = FATES.index("text")

GROUPS = pa.schema(
    [
        pa.field("place", pa.uint64(), nullable=False),
        pa.field("records", pa.int64(), nullable=False),
    ]
)


def wanted(config: PrepareConfig) -> bool:
    """Whether validation data are split off the training data."""
    dataset = config.dataset
    return not config.data.valid and dataset.valid_fraction > 0 and dataset.valid_max_records > 0


def dropping_stages(config: PrepareConfig) -> list[tuple[str, tuple[str, ...]]]:
    """The stages that drop records because of others, with their rules in the order of `FATES`."""
    near = [("near", near_duplicates.RULES)] if config.clean.near_duplicate is not False else []
    return [("dedup", dedup.RULES), *near]


def count_groups(high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint64 [n] twice, the halves of each record's group hash -> the groups' places (the low
    halves), rising, uint64 [m], and how many records each has, int64 [m].
    """
    order = np.lexsort((high, low))
    high, low = high[order], low[order]
    new = np.ones(len(low), bool)
    new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    starts = np.flatnonzero(new)
    return low[starts], np.diff(np.append(starts, len(low)))


def to_groups(places: np.ndarray, sizes: np.ndarray) -> pa.RecordBatch:
    """Groups, as of `count_groups`, as `GROUPS`."""
    return pa.RecordBatch.from_arrays([pa.array(places), pa.array(sizes)], schema=GROUPS)


def smallest_groups(places: np.ndarray, sizes: np.ndarray, most: int) -> pa.RecordBatch:
    """The groups with the smallest places, as many as can matter, and one to bound them: `GROUPS`
    [at most `most` + 1]. places, sizes: uint64 [m], rising, and int64 [m]."""
    return to_groups(places[: most + 1], sizes[: most + 1])


def subtract_groups(
    places: np.ndarray, sizes: np.ndarray, lost_places: np.ndarray, lost_sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Groups, as of `count_groups`, without the records that were lost of these or other ones.

    Args:
      lost_places, lost_sizes: uint64 [k], rising, and int64 [k].
    """
    left = sizes.copy()
    if len(places):
        at = np.minimum(np.searchsorted(places, lost_places), len(places) - 1)
        found = places[at] == lost_places
        left[at[found]] -= lost_sizes[found]
    return places[left > 0], left[left > 0]


def choose_range(
    places: np.ndarray, sizes: np.ndarray, all_groups: int, all_records: int, config: PrepareConfig
) -> tuple[int, int]:
    """The places [from, to) whose groups are split off; (0, 0) for none.

    As many whole groups, beginning with the smallest place, as have together `valid_fraction` of
    the records (at least one group) and at most `valid_max_records`. Groups at the beginning that
    are too large by themselves are passed over. Never all groups: something must be left to train.

    Args:
      places, sizes: of the smallest groups (see `smallest_groups`), rising, uint64 [m] and
        int64 [m].
      all_groups, all_records: how many there are.
    """
    most = config.dataset.valid_max_records
    aim = min(most, math.ceil(config.dataset.valid_fraction * all_records))
    for allowed in (aim, most):
        fitting = np.flatnonzero(sizes <= allowed)
        if len(fitting) and all_groups > 1:
            first = int(fitting[0])
            count = int(np.searchsorted(np.cumsum(sizes[first:]), allowed, side="right"))
            stop = first + min(count if allowed == aim else 1, all_groups - 1)
            end = int(places[stop]) if stop < len(places) else int(places[-1]) + 1
            return int(places[first]), end
    return 0, 0


def choose_places(config: PrepareConfig) -> tuple[int, int]:
    """The places [from, to) whose groups are split off (see `choose_range`), of what is left by
    the stages that drop records; (0, 0) for none.
    """
    if not wanted(config):
        return 0, 0
    # The last of them knows what is left.
    stage, _ = dropping_stages(config)[-1]
    found = load_index(config, stage).receipts
    groups = pa.Table.from_batches(
        [
            records.open_table(part_path(config, stage, receipt, "groups")).get_batch(0)
            for receipt in found
        ]
    ).sort_by("place")
    # Each partition lists its smallest ones: of all, only as many are known without a gap.
    groups = groups.slice(0, config.dataset.valid_max_records + 1)
    place, size = groups.column("place").to_numpy(), groups.column("records").to_numpy()
    all_groups = sum(receipt.facts["groups"] for receipt in found)
    all_records = sum(receipt.facts["records"] for receipt in found)
    return choose_range(place, size, all_groups, all_records, config)


def is_split_off(place: np.ndarray, places: tuple[int, int]) -> np.ndarray:
    """bool [n]: which of the training records at these places, uint64 [n], are split off."""
    start, stop = places
    if stop <= start:
        return np.zeros(len(place), bool)
    return (place >= np.uint64(start)) & (place <= np.uint64(stop - 1))


def plan(config: PrepareConfig) -> list[Task]:
    """One task per chunk."""
    chunks = clean.chunks(config)
    _check_input(config, chunks)
    found = load_index(config, "dedup")
    near = load_index(config, "near") if len(dropping_stages(config)) > 1 else None
    places = choose_places(config)
    has_pairs = any(chunk.role == "train" for chunk in chunks)
    compared = overlap_with_files(config, chunks)
    bound = repeated_sides.bound_of(config)
    if compared is not None and held_out.wanted(config):
        compared["split_off"] = load_index(config, "held_out").digest
    return [
        Task(
            chunk.id,
            {
                "version": _VERSION,
                "chunk": dataclasses.asdict(chunk),
                "dropped": dedup.digest_of_dropped(found),
                **({"near": dedup.digest_of_dropped(near)} if near is not None else {}),
                "places": places,
                "words_of": "train" if has_pairs else "text",
                "overlap": compared if chunk.role == "train" else None,
                "repeated_bound": bound if chunk.role == "train" else None,
                "partitions": len(found.receipts),
                "sides": config.vocabulary.sides,
            },
        )
        for chunk in chunks
    ]


def overlap_with_files(config: PrepareConfig, chunks: list[clean.Chunk]) -> dict[str, Any] | None:
    """What `clean.overlap` compares training sources with, but for those that are split off; None
    where it is off.
    """
    if config.clean.overlap is False:
        return None
    measures = [chunk for chunk in chunks if chunk.role in ("valid", "test")]
    return {
        "share": config.clean.overlap,
        "words": config.clean.overlap_words,
        "parts": [[chunk.kept, chunk.sha256] for chunk in measures],
    }


def _check_input(config: PrepareConfig, chunks: list[clean.Chunk]) -> None:
    for role in dict.fromkeys(
        receipt.facts["role"] for receipt in load_index(config, "clean").receipts
    ):
        if not any(chunk.role == role for chunk in chunks):
            key = role.replace(clean.MONOLINGUAL, "monolingual.")
            raise InputError(f"data.{key}: the files hold no record at all; name files with text")


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Adds the parts `sequences`, those of words (`words.part_name`, a batch per partition), of
    training pairs `repeated_sides.PART` and, where needed, `rejected`.

    Returns:
      {"chunks": [{"rejected", "rejected_part"}], "fates": {fate: records}, "bytes": {fate: bytes of
      the sides that windows are made of}}.
    """
    chunk = clean.Chunk(**task.payload["chunk"])
    kept = clean.read_kept(config, chunk)
    fates = np.full(kept.num_rows, FATES.index(_fate_of(chunk.role)), np.int8)
    if chunk.role == "train":
        place = kept.column("place").to_numpy()
        fates[is_split_off(place, task.payload["places"])] = FATES.index("valid")
    if task.payload["overlap"]:
        _mark_overlapping(config, task.payload["overlap"], kept, fates)
    rows = kept.column("row").to_numpy()
    because: dict[int, dict[str, Any]] = {}
    for stage, rules in dropping_stages(config):
        dropped = dedup.dropped_of(config, stage, chunk)
        positions = np.searchsorted(rows, dropped["row"].to_numpy())
        fates[positions] = dropped["rule"].to_numpy() + FATES.index(rules[0])
        because.update(zip(positions.tolist(), _places_of(dropped), strict=True))
    used = np.flatnonzero(fates <= TEXT)
    numbered, words_of = sequences.number_words(
        kept.take(pa.array(used)) if len(used) < len(fates) else kept,
        fates[used],
        TEXT,
        FATES.index(task.payload["words_of"]),
        words.partition_count(task.payload["partitions"]),
        config.vocabulary.names,
    )
    parts.add("sequences", sequences.to_bytes(numbered))
    for name, batches in words_of.items():
        parts.add(words.part_name(name), records.to_bytes(records.WORDS, batches))
    if task.payload["repeated_bound"] is not None:
        trained = kept.filter(pa.array(fates == FATES.index("train")))
        repeated_sides.add_part(
            parts,
            trained,
            task.payload["repeated_bound"],
            by_place=not tasks.of(config.task).reads_texts,
        )

    source, target = kept.column("source"), kept.column("target")
    bad = pa.array(np.flatnonzero(fates > TEXT))
    rejected = [
        rejections.reject(
            FATES[fates[position]],
            chunk.path,
            chunk.unit,
            row,
            *sides,
            of=because.get(position),
        )
        for position, row, *sides in zip(
            bad.to_pylist(),
            kept.column("row").take(bad).to_pylist(),
            source.take(bad).to_pylist(),
            target.take(bad).to_pylist(),
            strict=True,
        )
    ]
    return {
        "chunks": [
            {
                "rejected": rejections.add_part(parts, "rejected", rejected),
                "rejected_part": "rejected",
            }
        ],
        "fates": {
            fate: int((fates == code).sum()) for code, fate in enumerate(FATES) if code <= TEXT
        },
        "bytes": {
            fate: _bytes_of(kept, fates == code, config.vocabulary.window_sides)
            for code, fate in enumerate(FATES)
            if code <= TEXT
        },
    }


def _places_of(dropped: pa.Table) -> list[dict[str, Any]]:
    """Where the records stand because of which those of `records.DROPPED` were dropped."""
    names = ("path", "unit", "row")
    columns = (dropped[f"of_{name}"].to_pylist() for name in names)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def ngrams_of_files(config: PrepareConfig, compared: dict[str, Any]) -> frozenset[str]:
    """The n-grams of the held-out files, of what `overlap_with_files` gives."""
    return _ngrams_of(_parts_of_files(config, compared), compared["words"])


def _parts_of_files(config: PrepareConfig, compared: dict[str, Any]) -> list[tuple[str, str]]:
    folder = folder_of(config, "clean")
    return [(files.join(folder, name), digest) for name, digest in compared["parts"]]


def _ngrams_of(parts: list[tuple[str, str]], words: int) -> frozenset[str]:
    paths, digests = tuple(path for path, _ in parts), tuple(digest for _, digest in parts)
    return overlap.held_out_ngrams(paths, digests, words)


def _mark_overlapping(
    config: PrepareConfig, compared: dict[str, Any], kept: pa.RecordBatch, fates: np.ndarray
) -> None:
    """Gives training records that overlap with held-out ones their fate. Those that are split off
    are compared with files alone: they are held out themselves."""
    parts = _parts_of_files(config, compared)
    own = held_out.parts_of(config) if "split_off" in compared else []
    for fate, some in (("train", [*parts, *own]), ("valid", parts)):
        rows = np.flatnonzero(fates == FATES.index(fate))
        if len(rows):
            ngrams = _ngrams_of(some, compared["words"])
            texts = kept.column("source").take(pa.array(rows)).to_pylist()
            found = overlap.overlapping(texts, ngrams, compared["words"], compared["share"])
            fates[rows[found]] = FATES.index("overlap")


def _fate_of(role: str) -> str:
    return "text" if role.startswith(clean.MONOLINGUAL) else role


def _bytes_of(kept: pa.RecordBatch, mask: np.ndarray, sides: tuple[str, ...]) -> int:
    some = kept.filter(pa.array(mask))
    sizes = [pc.sum(pc.binary_length(some.column(name))).as_py() for name in sides]
    return sum(size or 0 for size in sizes)


STAGE = Stage(
    "split",
    plan,
    work,
    (
        "data.train",
        "data.valid",
        "clean.overlap",
        "clean.overlap_words",
        "clean.near_duplicate",
        "dataset.valid_fraction",
        "dataset.valid_max_records",
        "vocabulary.sides",
    ),
)
