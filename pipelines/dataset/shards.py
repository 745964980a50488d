"""Eighth stage: shards of training records, shuffled over the whole corpus.

Every record has a hash that depends on the seed and its text. Its highest bits have chosen the
shard; within the shard the hash is the order. So the shuffle is global, needs no memory but that of
one shard, and does not depend on where a text stood.

Pairs stand in their shard by length bucket first, that of the longer side, and by hash within the
bucket: whoever streams a shard meets batches of one shape after the other without a buffer, and
`dataset_info.json` says which records those are. (Shards of one bucket each would have to be
counted before there are token ids.) Packed pairs (`packing`) are records of one length, and stand
in the order of the hashes of their first pairs.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import gzip
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model import buckets as bucketing
from electra_model import features

from .. import files, records, units
from ..config import DatasetConfig, PrepareConfig
from ..splitting import split
from ..stages import Stage, Task, load_index, part_path
from ..units import Parts
from . import examples, packing, provenance

_VERSION = 2


def plan(config: PrepareConfig) -> list[Task]:
    """One task per shard."""
    encoded = load_index(config, "encode").receipts
    digests = {part: digest_of(encoded, part) for part in ("pairs", "texts")}
    tasks, batch = [], {"pairs": 0, "texts": 0}
    for name, count in examples.shard_layout(config).items():
        part = "texts" if name == examples.PRETRAIN else "pairs"
        packed = config.dataset.pack_pairs and name == split.SPLITS[0]
        for number in range(count):
            payload = {
                "version": _VERSION,
                "encoded": digests[part],
                "split": name,
                "shard": number,
                "shards": count,
                "part": part,
                "batch": batch[part],
                "window_length": config.dataset.window_length if part == "texts" else None,
                "compression": config.dataset.compression,
                "format_version": features.FORMAT_VERSION,
                "buckets": [] if part == "texts" or packed else length_buckets(config.dataset),
                "pack_length": config.dataset.max_tokens if packed else None,
                "provenance": config.dataset.provenance,
            }
            tasks.append(Task(f"{name}-{number:05d}", payload))
            batch[part] += 1
    return tasks


def digest_of(encoded: list[units.Receipt], part: str) -> str:
    """Of what the shards of a part are made from: other windows leave the shards of pairs alone."""
    names = (part, provenance.origins_part(part))
    return units.fingerprint(
        [
            [receipt.unit_id, receipt.facts.get("origin")]
            + [receipt.parts[name]["sha256"] for name in names if name in receipt.parts]
            for receipt in encoded
        ]
    )


def length_buckets(dataset: DatasetConfig) -> list[int]:
    """Rising lengths, the last at least `max_tokens`; none where pairs are not to be sorted."""
    if dataset.length_buckets is None:
        return [*bucketing.default_buckets(dataset.max_tokens)]
    return [*dataset.length_buckets]


def written(receipt: units.Receipt) -> dict[str, int]:
    """What a task has written into `dataset/`, its provenance included: name -> bytes."""
    facts = receipt.facts
    made = [facts, facts["provenance"]] if "provenance" in facts else [facts]
    return {one["file"]: one["bytes"] for one in made}


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Writes one shard into `dataset/`.

    Returns:
      {"split", "file", "records", "bytes", "sha256", "tokens": {side: n}}, and for pairs "buckets":
      {length: [first record, the one after the last]}, without empty ones; "pairs": how many, where
      they are packed; "provenance", where it is asked for, as of `provenance.write`.
    """
    payload = task.payload
    receipts = load_index(config, "encode").receipts
    table = pa.Table.from_batches(
        [
            records.open_table(part_path(config, "encode", receipt, payload["part"])).get_batch(
                payload["batch"]
            )
            for receipt in receipts
        ]
    ).combine_chunks()
    bucket = _bucket(table, payload["buckets"])
    order = np.lexsort((table.column("order").to_numpy(), bucket))
    begins = None
    if payload["pack_length"] is not None:
        source, target = (lengths[order] for lengths in _lengths(table))
        places, begins = packing.pack(source, target, payload["pack_length"])
        order = order[places]
    table = table.take(pa.array(order)).combine_chunks()
    columns = {name: _ragged(table.column(name)) for name in table.column_names if name != "order"}
    offsets = {name: ends for name, (_, ends) in columns.items()}
    if payload["split"] == examples.PRETRAIN:
        tokens = {"text": len(columns["token_ids"][0])}
        columns = pack_windows(*columns["token_ids"], payload["window_length"])
    else:
        tokens = {name.removesuffix("_ids"): len(values) for name, (values, _) in columns.items()}
        if begins is not None:
            columns = packing.lay(columns["source_ids"], columns["target_ids"], begins)
    numbered = f"{payload['split']}-{payload['shard']:05d}-of-{payload['shards']:05d}"
    traced = {}
    if payload["provenance"]:
        if payload["split"] == examples.PRETRAIN:
            found = provenance.pieces_of_windows(offsets["token_ids"], payload["window_length"])
        else:
            sides = offsets["source_ids"], offsets["target_ids"]
            found = provenance.pieces_of_pairs(*sides, begins)
        where = payload["part"], payload["batch"]
        traced["provenance"] = provenance.write(config, numbered, receipts, *where, order, found)
    return {
        "split": payload["split"],
        **write_records(config, numbered, columns, payload["compression"]),
        "tokens": tokens,
        **({"buckets": _ranges(bucket, payload["buckets"])} if payload["buckets"] else {}),
        **({"pairs": len(order)} if begins is not None else {}),
        **traced,
    }


def write_records(
    config: PrepareConfig, name: str, columns: dict[str, features.Column], compression: str
) -> dict[str, Any]:
    """Writes records into `dataset/`, as `<name>.tfrecord` or `.tfrecord.gz`.

    Returns:
      {"file", "records", "bytes", "sha256"}.
    """
    serialized = features.encode_examples(columns)
    data, ending = frames(serialized), "tfrecord"
    if compression == "gzip":
        data, ending = gzip.compress(data, compresslevel=6, mtime=0), "tfrecord.gz"
    file = f"{name}.{ending}"
    # `publish` writes dataset_info.json into the same folder, last.
    digest = files.write_atomic(files.join(config.workdir, "dataset", file), data, last=False)
    return {"file": file, "records": len(serialized), "bytes": len(data), "sha256": digest}


def _bucket(table: pa.Table, buckets: list[int]) -> np.ndarray:
    """int [n]: the position of the bucket of each record; 0 where there are none."""
    if not buckets:
        return np.zeros(table.num_rows, np.int64)
    return bucketing.bucket_of(np.maximum(*_lengths(table)), buckets)


def _lengths(table: pa.Table) -> list[np.ndarray]:
    """Of the sides of n pairs, int64 [n] each."""
    return [np.diff(_ragged(table.column(name))[1]) for name in features.PAIR]


def _ranges(bucket: np.ndarray, buckets: list[int]) -> dict[str, list[int]]:
    ends = np.cumsum(np.bincount(bucket, minlength=len(buckets))).tolist()
    return {
        str(length): [start, end]
        for length, start, end in zip(buckets, [0, *ends], ends, strict=False)
        if end > start
    }


def _ragged(column: pa.ChunkedArray) -> features.Column:
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    values = array.flatten().to_numpy()
    offsets = array.offsets.to_numpy().astype(np.int64)
    return values, offsets - offsets[0] if len(offsets) else np.zeros(1, np.int64)


def pack_windows(
    token_ids: np.ndarray, offsets: np.ndarray, window_length: int
) -> dict[str, features.Column]:
    """Texts laid end to end, cut every `window_length` tokens; see `electra_model.features`.

    Args:
      token_ids: int [m]. offsets: int64 [n + 1], of the texts.

    Returns:
      `token_ids` and `segment_ids`, ragged: all windows are full but perhaps the last.
    """
    total = len(token_ids)
    starts = np.arange(0, total, window_length)
    window_offsets = np.append(starts, total)
    text = np.repeat(np.arange(len(offsets) - 1, dtype=np.int32), np.diff(offsets))
    first_text = text[starts] if total else text
    segment_ids = text - np.repeat(first_text - 1, np.diff(window_offsets))
    return {"token_ids": (token_ids, window_offsets), "segment_ids": (segment_ids, window_offsets)}


def frames(serialized: pa.LargeBinaryArray) -> bytes:
    """Records as a TFRecord file frames them: length, its checksum, the record, its checksum."""
    if not len(serialized):
        return b""
    lengths = pc.binary_length(serialized).to_numpy().astype("<u8")
    kinds, kind = np.unique(lengths, return_inverse=True)
    heads = np.empty((len(kinds), 12), np.uint8)
    heads[:, :8] = kinds.view(np.uint8).reshape(-1, 8)
    heads[:, 8:] = _checksums([length.tobytes() for length in kinds])
    framed = features.joined(
        _of_one_size(heads[kind]), serialized, _of_one_size(_checksums(serialized.to_pylist()))
    )
    return framed.buffers()[2].to_pybytes()


def _of_one_size(rows: np.ndarray) -> pa.LargeBinaryArray:
    """uint8 [n, bytes] -> n rows."""
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(rows.shape[1]), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))]
    ).cast(pa.large_binary())


def _checksums(records: list[bytes]) -> np.ndarray:
    """n records -> uint8 [n, 4], masked: a checksum of data that holds checksums would be weak."""
    found = np.fromiter(map(google_crc32c.value, records), np.uint32, len(records))
    with np.errstate(over="ignore"):
        masked = (found >> 15 | found << 17) + np.uint32(0xA282EAD8)
    return masked.astype("<u4").view(np.uint8).reshape(-1, 4)


STAGE = Stage(
    "shards",
    plan,
    work,
    (
        "dataset.records_per_shard",
        "dataset.window_length",
        "dataset.max_tokens",
        "dataset.length_buckets",
        "dataset.pack_pairs",
        "dataset.compression",
        "dataset.provenance",
    ),
    written,
)
