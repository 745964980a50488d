"""Second stage: equal records, and training records that would give test records away.

Records are compared by two 128-bit hashes. The *group* hash is that of the reduced source (see
`normalize.reduce_sources`); the *equal* hash that of the record, or of the source where `clean.
duplicate` is "source". Equal records are always in the same group, so the hashes are divided into
partitions by group, and each partition is one task: bounded memory, whatever the corpus.

The first of equal records, in the order of the input, stays; validation and test records come
before training records. They themselves lose nothing here: a test set is a measure.

On paper. A record takes 40 bytes in the part `keys` of its chunk: 4 GB on disk for 100 million, and
29 more for each that is dropped. Of the groups of training pairs that are left, those with the
smallest places are listed, some kB a task; or, where near copies will be dropped of them before
validation data are split off, all of them: 16 bytes each, 1.6 GB on disk for 100 million. A
partition is 512 MB of input, so records of 100 bytes are 5.4 million a task and 100 million are 19
tasks. A task needs 135 bytes for each record of its partition, 0.7 GB, and some kB for each chunk
of the corpus, of which it reads the keys one by one: 2,500 for 10 GB. Short records are more in as
many bytes, as are those of compressed files: at 20 bytes of file each a task has 27 million, and
needs 3.6 GB. There are 4096 partitions at most, of 2.2 TB together; above that they grow.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from .. import records, units
from ..cleaning import clean
from ..config import PrepareConfig
from ..splitting import split
from ..stages import Index, Stage, Task, load_index, part_path
from ..units import Parts

_VERSION = 3

RULES = ("leak", "duplicate")
LEAK, DUPLICATE = range(2)


def hash_texts(kind: str, texts: pa.StringArray) -> np.ndarray:
    """uint64 [n, 2]: a 128-bit hash of each text (XXH3); different kinds never meet.

    At 100 million records the chance that any two of them meet by accident is 2e-23.
    """
    seed = zlib.crc32(kind.encode())
    digest = xxhash.xxh3_128_digest
    digests = b"".join([digest(text, seed) for text in texts.cast(pa.binary()).to_pylist()])
    return np.frombuffer(digests, ">u8").astype(np.uint64).reshape(len(texts), 2)


def partition_of(hashes: np.ndarray, partitions: int) -> np.ndarray:
    """int64 [n] in [0, partitions): by the highest bits of uint64 [n], so evenly."""
    return ((hashes >> np.uint64(32)).astype(np.int64) * partitions) >> 32


def find_rejected(
    keys: np.ndarray, measure: np.ndarray, *, leak: bool, duplicate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Which records are dropped because of another one, and of which.

    Args:
      keys: uint64 [n, 4], group hash and equal hash in halves; the rows in the order of the input.
      measure: bool [n], True for validation and test records.
      leak, duplicate: whether the rule is on.

    Returns:
      int8 [n]: -1 for records that stay, else a position in `RULES`; and int64 [k], of those that
      are dropped, in their order, the record that each is dropped because of: the first of equal
      ones, or a validation or test record of the group, an equal one where there is any.
    """
    count = len(keys)
    rule = np.full(count, -1, np.int8)
    if count == 0:
        return rule, np.empty(0, np.int64)
    # Sorted by group, then equal hash, then validation and test first, then order of the input.
    order = np.lexsort((~measure, keys[:, 3], keys[:, 2], keys[:, 1], keys[:, 0]))
    ordered, in_measure = keys[order], measure[order]
    new_group = np.ones(count, bool)
    new_group[1:] = (ordered[1:, :2] != ordered[:-1, :2]).any(axis=1)
    new_equal = new_group.copy()
    new_equal[1:] |= (ordered[1:, 2:] != ordered[:-1, 2:]).any(axis=1)
    del ordered
    found = np.full(count, -1, np.int8)
    if duplicate:
        found[~new_equal & ~in_measure] = DUPLICATE
    if leak:
        group = np.cumsum(new_group) - 1
        exposed = np.bincount(group, weights=in_measure) > 0
        found[exposed[group] & ~in_measure] = LEAK
        del group
    rule[order] = found
    dropped = np.flatnonzero(found >= 0)
    equal = np.flatnonzero(new_equal)
    because = equal[np.searchsorted(equal, dropped, side="right") - 1]
    elsewhere = np.flatnonzero((found[dropped] == LEAK) & ~in_measure[because])
    if len(elsewhere):
        # The first of those of the group: behind where it begins there is one.
        groups, measures = np.flatnonzero(new_group), np.flatnonzero(in_measure)
        begins = groups[np.searchsorted(groups, dropped[elsewhere], side="right") - 1]
        because[elsewhere] = measures[np.searchsorted(measures, begins)]
    return rule, order[because][np.argsort(order[dropped])]


def plan(config: PrepareConfig) -> list[Task]:
    """One task per partition of the hashes."""
    index = load_index(config, "clean")
    payload = {
        "version": _VERSION,
        "clean": index.digest,
        "duplicate": config.clean.duplicate,
        "leak": config.clean.leak,
        "most_groups": _most_groups(config),
    }
    count = _partitions(config)
    return [Task(f"{number:05d}", {**payload, "partition": number}) for number in range(count)]


def _most_groups(config: PrepareConfig) -> int | None:
    """Of how many groups a split has to know at most; None for all, some of which are dropped."""
    if not split.wanted(config):
        return 0
    return config.dataset.valid_max_records if len(split.dropping_stages(config)) == 1 else None


def _partitions(config: PrepareConfig) -> int:
    """As many as each chunk's hashes are divided into."""
    chunks = clean.chunks(config)
    return clean.open_keys(config, chunks[0]).num_record_batches if chunks else 1


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Compares the records of one partition; adds the part `dropped`, and `groups` for a split.

    Returns:
      {"groups": how many groups of training pairs are left, "records": how many of such pairs}.
    """
    rows, keys, chunk_number, role = _read_partition(config, task.payload["partition"])
    rule, because = find_rejected(
        keys, role == _MEASURE, leak=config.clean.leak, duplicate=bool(config.clean.duplicate)
    )
    dropped = np.flatnonzero(rule >= 0)
    of = chunk_number[because], rows[because]
    add_dropped(config, parts, chunk_number[dropped], rows[dropped], rule[dropped], *of)

    left = keys[(role == _TRAIN) & (rule < 0), :2]
    places, sizes = split.count_groups(left[:, 0], left[:, 1])
    most = task.payload["most_groups"]
    if most is None:
        groups = split.to_groups(places, sizes)
    else:
        groups = split.smallest_groups(places, sizes, most)
    parts.add("groups", records.to_bytes(split.GROUPS, [groups]))
    return {"groups": len(places), "records": len(left)}


def _read_partition(
    config: PrepareConfig, partition: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of a partition's records, in the order of the input: rows, int64 [n], hashes, uint64 [n, 4],
    numbers of their chunks, int32 [n], and codes of their roles, int8 [n].
    """
    rows, keys = [np.empty(0, np.int64)], [np.empty((0, 4), np.uint64)]
    chunk_of, role_of = [np.empty(0, np.int32)], [np.empty(0, np.int8)]
    for chunk in clean.chunks(config):
        batch = clean.open_keys(config, chunk).get_batch(partition)
        # Copies, so that no more than one file is held open.
        rows.append(batch.column("row").to_numpy().copy())
        halves = [batch.column(name).to_numpy() for name in records.KEYS.names[1:]]
        keys.append(np.stack(halves, axis=1))
        chunk_of.append(np.full(batch.num_rows, chunk.number, np.int32))
        role_of.append(np.full(batch.num_rows, _role_code(chunk.role), np.int8))
    return (
        np.concatenate(rows),
        np.concatenate(keys),
        np.concatenate(chunk_of),
        np.concatenate(role_of),
    )


def digest_of_dropped(index: Index) -> str:
    """Of what a stage with parts `dropped` has dropped, and not of the groups that it has listed:
    those decide only what is split off.
    """
    return units.fingerprint(
        [(receipt.unit_id, receipt.parts["dropped"]["sha256"]) for receipt in index.receipts]
    )


def add_dropped(
    config: PrepareConfig,
    parts: Parts,
    chunk_number: np.ndarray,
    rows: np.ndarray,
    rule: np.ndarray,
    of_chunk: np.ndarray,
    of_rows: np.ndarray,
) -> None:
    """Adds the part `dropped` (`records.DROPPED`), of columns [k] in the order of the input."""
    chunks = clean.chunks(config)
    met, index = np.unique(of_chunk, return_inverse=True)
    names = [
        pa.DictionaryArray.from_arrays(
            pa.array(index.astype(np.int32)),
            pa.array([getattr(chunks[number], name) for number in met.tolist()], pa.string()),
        )
        for name in ("path", "unit")
    ]
    columns = [*map(pa.array, (chunk_number, rows, rule)), *names, pa.array(of_rows)]
    batch = pa.RecordBatch.from_arrays(columns, schema=records.DROPPED)
    parts.add("dropped", records.to_bytes(records.DROPPED, [batch]))


def dropped_of(config: PrepareConfig, stage: str, chunk: clean.Chunk) -> pa.Table:
    """The records of a chunk that a stage with parts `dropped` has dropped (`records.DROPPED`)."""
    found = []
    for receipt in load_index(config, stage).receipts:
        dropped = records.open_table(part_path(config, stage, receipt, "dropped")).get_batch(0)
        start, stop = np.searchsorted(
            dropped.column("chunk").to_numpy(), [chunk.number, chunk.number + 1]
        )
        # A copy, so that no more than one file is held open.
        found.append(dropped.take(pa.array(np.arange(start, stop))))
    return pa.Table.from_batches(found, records.DROPPED)


_MEASURE, _TRAIN, _TEXT = range(3)


def _role_code(role: str) -> int:
    return _MEASURE if role in ("valid", "test") else _TRAIN if role == "train" else _TEXT


_SPLIT = ("data.valid", "dataset.valid_fraction", "dataset.valid_max_records")

STAGE = Stage(
    "dedup", plan, work, ("clean.duplicate", "clean.leak", "clean.near_duplicate", *_SPLIT)
)
