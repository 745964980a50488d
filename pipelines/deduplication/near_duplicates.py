"""Three stages between `dedup` and `split`, where `clean.near_duplicate` is on: texts that are
nearly another one, and training pairs that would nearly give test records away.

    signatures   MinHash signatures, keys of their bands       per chunk of clean records
    bands        records with a band in common, compared       per partition of the keys
    near         clusters, and what is dropped of them         one

Training, validation and test pairs are compared by their sources, monolingual texts with those of
their language. What `dedup` has dropped takes no part, and neither do texts without any letter or
digit, or, unless `clean.leak` is on, validation and test pairs.

Records that are similar, directly or through others, are a cluster. Of a cluster without validation
and test records the first in the order of the input stays, and the others are `near_duplicate`. In
one with such a record all training pairs are `near_leak`. Validation and test records lose nothing.
Where validation data are split off the training data, that comes after, so that none of them has a
near copy there. The result depends on neither units nor partitions nor the order of tasks.

A pair counts as similar by all of its shingles: none below the bound does. Signatures of 128 slots,
whose error is 0.035 (one standard deviation) at 0.8, only find candidates and dismiss those far
below the bound. At the very bound 99 of 100 pairs are found, and nearly all further above. Where so
many texts share so much of their wording that bands hold hundreds of them, not all of these are
compared (see `large_bands`). At 0.8, none was missed among 30,000 texts that share 48 of their 80
words; of copies at 0.82 among 20,000 that share 64, all 0.67 alike or more, 2 of 100, and among
1,500 to 12,000 that share 68, all 0.74 alike or more, 1 to 6 of 100. The nearer to the bound what
all share, and the more texts, the more are missed.

On paper. A record takes 148 bytes in the part `signatures`, 12 for each band (18 bands at 0.8) in
the part `keys`, and in the part `shingles` 4 and 4 for each different shingle, two thirds of its
text: 368 bytes and that, 43 GB for 100 million of 100 bytes. There are as many partitions as
`clean` has, times the number of bands, so that a task has as many keys as 512 MB of input have
records: 5 million if they have 100 bytes (100 million are 20 times 18 tasks). It needs 60 bytes for
each, 0.3 GB, 300 for each record that shares a band with another, 1.6 GB if all of them do, 165 for
each key that more than 33 records have, 0.8 GB if all are such, and 250 MB for what is compared at
once. The last stage needs some 300 bytes for each record in a cluster: 3 GB where 10 of 100
million records are near duplicates; and, before data are split off, 50 for each group of a
partition of `dedup`, 0.3 GB.

A record costs 0.05 ms where few are alike. Where all are alike and just below the bound, so that
what bands and estimates let through is read again and again, it can be 3 ms (of 120 words).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pyarrow as pa

from .. import records, units
from ..cleaning import clean
from ..config import PrepareConfig
from ..splitting import split
from ..stages import Stage, Task, load_index, part_path
from ..units import Parts
from . import banding, dedup, minhash, shingle_sets

_VERSION = 2
# Of the stages `bands` and `near`.
_LINKS_VERSION = 4

RULES = ("near_leak", "near_duplicate")
_LEAK, _DUPLICATE = range(2)

SLOTS = 128

# Texts that are signed at once: 4 MB of signatures.
_SIGNED_AT_ONCE = 1 << 13
# Connections that are gathered before clusters are made of them.
_JOINED_AT_ONCE = 1 << 22
# The position of a record in its chunk has so many bits of its id.
_POSITION_BITS = 32

# The signed records of a chunk; of a signature only the lowest byte of each slot. `shingles` counts
# the different ones.
SIGNATURES = pa.schema(
    [
        records.ROW,
        pa.field("place", pa.uint64(), nullable=False),
        pa.field("signature", pa.binary(SLOTS), nullable=False),
        pa.field("shingles", pa.int32(), nullable=False),
    ]
)
# Their shingles, row by row. Not compressed, so that those of single records can be read.
SHINGLES = pa.schema([pa.field("shingles", shingle_sets.SETS, nullable=False)])
# The keys of their bands, rising, each with the position of the record in `SIGNATURES`.
KEYS = pa.schema(
    [
        pa.field("key", pa.uint64(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
    ]
)
# Two similar records, by id: the number of the chunk, then the position in `SIGNATURES`. So ids are
# in the order of the input.
LINKS = pa.schema(
    [
        pa.field("first", pa.int64(), nullable=False),
        pa.field("second", pa.int64(), nullable=False),
    ]
)


def plan_signatures(config: PrepareConfig) -> list[Task]:
    """One task per chunk."""
    bands, rows = _bands(config)
    payload = {
        "version": _VERSION,
        "dropped": dedup.digest_of_dropped(load_index(config, "dedup")),
        "shingle": config.clean.near_duplicate_shingle,
        "bands": bands,
        "rows": rows,
    }
    return [
        Task(chunk.id, {**payload, "chunk": dataclasses.asdict(chunk)})
        for chunk in clean.chunks(config)
        if chunk.role not in ("valid", "test") or config.clean.leak
    ]


def _bands(config: PrepareConfig) -> tuple[int, int]:
    return banding.choose_bands(float(config.clean.near_duplicate), SLOTS)


def sign_chunk(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Adds the parts `signatures` (`SIGNATURES`), `shingles` (`SHINGLES`) and `keys` (`KEYS`).

    Returns:
      {"chunk": its number, "role": its role}.
    """
    payload = task.payload
    chunk = clean.Chunk(**payload["chunk"])
    kept = clean.read_kept(config, chunk)
    gone = dedup.dropped_of(config, "dedup", chunk)["row"].to_numpy()
    kept = kept.filter(pa.array(~np.isin(kept.column("row").to_numpy(), gone)))
    kind = chunk.role if chunk.role.startswith(clean.MONOLINGUAL) else "pair"
    signed, signatures, sets, keys = [], [], [], []
    for begin in range(0, kept.num_rows, _SIGNED_AT_ONCE):
        some = kept.slice(begin, _SIGNED_AT_ONCE)
        shingles = minhash.shingle(some.column("source"), payload["shingle"])
        worded = np.flatnonzero(shingles.counts)
        signature = minhash.sign(shingles, SLOTS)[worded]
        signed.append(worded + begin)
        signatures.append(signature.astype(np.uint8))
        sets.append(shingle_sets.to_sets(shingles).take(pa.array(worded)))
        keys.append(banding.band_keys(signature, payload["bands"], payload["rows"], kind))
    of_signed = pa.concat_arrays([pa.array([], shingle_sets.SETS), *sets])
    _write_signed(parts, kept.take(pa.array(_joined(signed, np.int64))), signatures, of_signed)
    _write_keys(parts, keys, payload["bands"])
    return {"chunk": chunk.number, "role": chunk.role}


def _joined(arrays: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *arrays])


def _write_signed(
    parts: Parts, kept: pa.RecordBatch, signatures: list[np.ndarray], sets: pa.ListArray
) -> None:
    data = pa.py_buffer(b"".join(some.tobytes() for some in signatures))
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(SLOTS), kept.num_rows, [None, data])
    batch = pa.RecordBatch.from_arrays(
        [kept.column("row"), kept.column("place"), column, sets.value_lengths()], schema=SIGNATURES
    )
    parts.add("signatures", records.to_bytes(SIGNATURES, [batch]))
    batch = pa.RecordBatch.from_arrays([sets], schema=SHINGLES)
    parts.add("shingles", records.to_bytes(SHINGLES, [batch]))


def _write_keys(parts: Parts, keys: list[np.ndarray], bands: int) -> None:
    flat = _joined([some.ravel() for some in keys], np.uint64)
    order = np.argsort(flat, kind="stable")
    position = (order // bands).astype(np.int32)
    batch = pa.RecordBatch.from_arrays([pa.array(flat[order]), pa.array(position)], schema=KEYS)
    parts.add("keys", records.to_bytes(KEYS, [batch]))


def plan_bands(config: PrepareConfig) -> list[Task]:
    """One task per partition of the keys."""
    partitions = len(load_index(config, "dedup").receipts) * _bands(config)[0]
    payload = {
        "version": _LINKS_VERSION,
        "signatures": load_index(config, "signatures").digest,
        "similarity": config.clean.near_duplicate,
        "partitions": partitions,
    }
    return [Task(f"{n:06d}", {**payload, "partition": n}) for n in range(partitions)]


def compare_bands(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Adds the part `links` (`LINKS`). Returns {}."""
    number, partitions = task.payload["partition"], task.payload["partitions"]
    all_keys, all_ids = [], []
    for receipt in load_index(config, "signatures").receipts:
        batch = records.open_table(part_path(config, "signatures", receipt, "keys")).get_batch(0)
        keys = batch.column("key").to_numpy()
        start, stop = _range_of(keys, number, partitions)
        # Copies, so that no more than one file is held open.
        all_keys.append(keys[start:stop].copy())
        position = batch.column("position").to_numpy()[start:stop]
        all_ids.append(position.astype(np.int64) + (receipt.facts["chunk"] << _POSITION_BITS))
    first, second = banding.link(
        _joined(all_keys, np.uint64),
        _joined(all_ids, np.int64),
        functools.partial(_read_signatures, config),
        functools.partial(_read_sets, config),
        task.payload["similarity"],
    )
    batch = pa.RecordBatch.from_arrays([pa.array(first), pa.array(second)], schema=LINKS)
    parts.add("links", records.to_bytes(LINKS, [batch]))
    return {}


def _range_of(keys: np.ndarray, partition: int, partitions: int) -> tuple[int, int]:
    """Where the keys of a partition (as of `dedup.partition_of`) lie among rising keys."""
    # Rounded up: the least high half that falls into a partition.
    bounds = [-(-(number << 32) // partitions) for number in (partition, partition + 1)]
    start = np.searchsorted(keys, np.uint64(bounds[0] << 32))
    last = partition + 1 == partitions
    stop = len(keys) if last else np.searchsorted(keys, np.uint64(bounds[1] << 32))
    return int(start), int(stop)


def _signed_of(
    config: PrepareConfig, ids: np.ndarray, name: str, part: str = "signatures"
) -> list[pa.Array]:
    """A column of `SIGNATURES`, or of `SHINGLES`, for rising ids, chunk by chunk."""
    found = []
    receipts = load_index(config, "signatures").receipts
    for receipt in sorted(receipts, key=lambda receipt: receipt.facts["chunk"]):
        first = receipt.facts["chunk"] << _POSITION_BITS
        start, stop = np.searchsorted(ids, [first, first + (1 << _POSITION_BITS)])
        if start < stop:
            batch = records.open_table(part_path(config, "signatures", receipt, part))
            found.append(batch.get_batch(0).column(name).take(pa.array(ids[start:stop] - first)))
    return found


def _read_signatures(config: PrepareConfig, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signatures, uint8 [n, SLOTS], and numbers of shingles, int32 [n], of rising ids."""
    signatures = np.empty((len(ids), SLOTS), np.uint8)
    begin = 0
    for column in _signed_of(config, ids, "signature"):
        data = np.frombuffer(column.buffers()[1], np.uint8)
        stop = begin + len(column)
        signatures[begin:stop] = data[: len(column) * SLOTS].reshape(-1, SLOTS)
        begin = stop
    sizes = [column.to_numpy() for column in _signed_of(config, ids, "shingles")]
    return signatures, _joined(sizes, np.int32)


def _read_sets(config: PrepareConfig, ids: np.ndarray) -> pa.ListArray:
    """The shingles of rising ids, `shingle_sets.SETS` [n]."""
    return pa.concat_arrays(_signed_of(config, ids, "shingles", "shingles"))


def plan_near(config: PrepareConfig) -> list[Task]:
    """One task."""
    payload = {
        "version": _LINKS_VERSION,
        "signatures": load_index(config, "signatures").digest,
        "links": load_index(config, "bands").digest,
        # By these it says because of which record another is dropped.
        "files": units.fingerprint([(chunk.path, chunk.unit) for chunk in clean.chunks(config)]),
    }
    if split.wanted(config):
        payload["groups"] = load_index(config, "dedup").digest
        payload["most"] = config.dataset.valid_max_records
    return [Task("near", payload)]


def drop(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Adds the part `dropped` (`records.DROPPED`) and, where validation data will be split off, as
    `dedup` does, `groups` (`split.GROUPS`): the groups of training pairs with the smallest places
    that are left now.

    Returns:
      {"clusters": how many} and, with the part `groups`, {"groups": how many groups are left in
      all, "records": how many pairs}.
    """
    first, second = _clusters(config)
    receipts = load_index(config, "signatures").receipts
    roles = {receipt.facts["chunk"]: receipt.facts["role"] for receipt in receipts}
    numbers = np.array(sorted(roles), np.int64)
    names = np.array([roles[number] for number in numbers.tolist()], object)

    heads = np.unique(first)
    ids = np.union1d(heads, second)
    head = ids.copy()
    head[np.searchsorted(ids, second)] = first
    role = names[np.searchsorted(numbers, ids >> _POSITION_BITS)]
    measure = (role == "valid") | (role == "test")
    exposed = np.isin(head, head[measure])
    dropped = ~measure & (exposed | (head != ids))
    because = _because(ids, head, measure)[dropped]
    ids, role = ids[dropped], role[dropped]
    rule = np.where(exposed[dropped], _LEAK, _DUPLICATE).astype(np.int8)
    rows, places = (
        _joined([column.to_numpy() for column in _signed_of(config, ids, name)], dtype)
        for name, dtype in (("row", np.int64), ("place", np.uint64))
    )
    kept, place = np.unique(because, return_inverse=True)
    rows_kept = _joined([column.to_numpy() for column in _signed_of(config, kept, "row")], np.int64)
    of = _chunks_of(because), rows_kept[place]
    dedup.add_dropped(config, parts, _chunks_of(ids), rows, rule, *of)
    facts = {"clusters": len(heads)}
    if "most" in task.payload:
        lost = np.unique(places[role == "train"], return_counts=True)
        groups, left = _groups_left(config, *lost, task.payload["most"])
        parts.add("groups", records.to_bytes(split.GROUPS, [groups]))
        facts |= left
    return facts


def _because(ids: np.ndarray, head: np.ndarray, measure: np.ndarray) -> np.ndarray:
    """Of records in clusters, rising ids, int64 [n], with the smallest id of the cluster of each:
    the cluster's first validation or test record, or else its first one, int64 [n].

    measure: bool [n], validation and test records.
    """
    heads, place = np.unique(head, return_inverse=True)
    found = heads.copy()
    clusters, first = np.unique(place[measure], return_index=True)
    found[clusters] = ids[measure][first]
    return found[place]


def _chunks_of(ids: np.ndarray) -> np.ndarray:
    return (ids >> _POSITION_BITS).astype(np.int32)


def _groups_left(
    config: PrepareConfig, lost_places: np.ndarray, lost_sizes: np.ndarray, most: int
) -> tuple[pa.RecordBatch, dict[str, int]]:
    """The smallest groups of training pairs that are left when so many pairs are lost of these
    groups, and how many groups and pairs are left in all. One partition after the other is read.
    """
    places, sizes = np.empty(0, np.uint64), np.empty(0, np.int64)
    left = {"groups": 0, "records": 0}
    for receipt in load_index(config, "dedup").receipts:
        batch = records.open_table(part_path(config, "dedup", receipt, "groups")).get_batch(0)
        some, some_sizes = split.subtract_groups(
            batch.column("place").to_numpy(),
            batch.column("records").to_numpy(),
            lost_places,
            lost_sizes,
        )
        left["groups"] += len(some)
        left["records"] += int(some_sizes.sum())
        places = np.concatenate([places, some[: most + 1]])
        sizes = np.concatenate([sizes, some_sizes[: most + 1]])
        order = np.argsort(places, kind="stable")[: most + 1]
        places, sizes = places[order], sizes[order]
    return split.smallest_groups(places, sizes, most), left


def _clusters(config: PrepareConfig) -> tuple[np.ndarray, np.ndarray]:
    """The links of all partitions as one forest (see `banding.forest`)."""
    first, second = np.empty(0, np.int64), np.empty(0, np.int64)
    waiting = [(first, second)]
    size = 0
    for receipt in load_index(config, "bands").receipts:
        batch = records.open_table(part_path(config, "bands", receipt, "links")).get_batch(0)
        links = batch.column("first").to_numpy().copy(), batch.column("second").to_numpy().copy()
        waiting.append(links)
        size += len(links[0])
        # Never more than twice the forest is in memory, and it is not made anew for every few.
        if size > max(_JOINED_AT_ONCE, len(first)):
            first, second = _grown(first, second, waiting)
            waiting, size = [], 0
    return _grown(first, second, waiting)


def _grown(
    first: np.ndarray, second: np.ndarray, links: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    return banding.forest(
        np.concatenate([first, *(link[0] for link in links)]),
        np.concatenate([second, *(link[1] for link in links)]),
    )


SIGNATURES_STAGE = Stage(
    "signatures",
    plan_signatures,
    sign_chunk,
    ("clean.near_duplicate", "clean.near_duplicate_shingle", "clean.leak"),
)
BANDS_STAGE = Stage("bands", plan_bands, compare_bands, ("clean.near_duplicate",))
NEAR_STAGE = Stage(
    "near",
    plan_near,
    drop,
    ("data.valid", "dataset.valid_fraction", "dataset.valid_max_records"),
)
