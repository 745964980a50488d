"""What a row means, as Arrow schemas, and how tables travel between stages: as Arrow files.

A chunk is what a reader gives at once: a few MB of rows of one unit. Chunks are numbered within
their unit; unit and chunk, in the order of the plan, order all rows of a job.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from . import files

# What a format's reader gives: one row per record of the input, in order, nothing left out. `error`
# is the slug of the rule that makes the record unreadable (for instance "malformed_json"), else
# null; then the fields are null too. `raw` is the record byte for byte.
ROW = pa.field("row", pa.int64(), nullable=False)
RAW = pa.field("raw", pa.binary())
ERROR = pa.field("error", pa.string())

# What the rules have let through, normalised. `target` is null in monolingual records. `place`
# decides whether a record is split off for validation, `order` where the shuffle puts it; both are
# hashes of the text, so they do not depend on where the text stands.
KEPT = pa.schema(
    [
        ROW,
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string()),
        pa.field("place", pa.uint64(), nullable=False),
        pa.field("order", pa.uint64(), nullable=False),
    ]
)

# Two 128-bit hashes of each kept record (see `clean.hash_records`), in 64-bit halves. A chunk's
# file has one batch per partition of the hashes.
KEYS = pa.schema(
    [
        ROW,
        pa.field("group_high", pa.uint64(), nullable=False),
        pa.field("group_low", pa.uint64(), nullable=False),
        pa.field("equal_high", pa.uint64(), nullable=False),
        pa.field("equal_low", pa.uint64(), nullable=False),
    ]
)

# Records that are dropped because of another record, sorted by chunk (its position among all
# chunks) and row. `rule` counts in `RULES` of the module that drops them, `dedup` or
# `near_duplicates`; the last three say because of which record, by its file, unit and row there.
DROPPED = pa.schema(
    [
        pa.field("chunk", pa.int32(), nullable=False),
        ROW,
        pa.field("rule", pa.int8(), nullable=False),
        pa.field("of_path", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("of_unit", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("of_row", pa.int64(), nullable=False),
    ]
)

# A chunk's distinct words, one batch per partition of the words, and how often each stands in text
# that the vocabulary is learned from; later, those of a partition.
WORDS = pa.schema(
    [pa.field("word", pa.string(), nullable=False), pa.field("count", pa.int64(), nullable=False)]
)

# Columns of token ids: lists of uint16 where the vocabulary allows, else of int32. `PIECES` has a
# row per word, and a file of them one batch per chunk, its words in their order. Of the others a
# chunk's file has one batch per shard, see `examples.shard_layout`; `order` is as in `KEPT`.
PIECES = ("ids",)
PAIRS = ("order", "source_ids", "target_ids")
TEXTS = ("order", "token_ids")


def id_type(vocabulary_size: int) -> type[np.uint16] | type[np.int32]:
    """What token ids are kept in."""
    return np.uint16 if vocabulary_size <= 1 << 16 else np.int32


def to_bytes(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, compress: bool = False
) -> bytes:
    """An Arrow file. Uncompressed ones can be read a batch at a time without touching the rest."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4" if compress else None)
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def order_by(number: np.ndarray, count: int) -> np.ndarray:
    """Rows by their number, int [n] in [0, count), and then by their place: int64 [n]."""
    # Numbers of two bytes are sorted digit by digit, in a quarter of the time.
    small = number.astype(np.uint16) if count <= 1 << 16 else number
    return np.argsort(small, kind="stable")


def divided(batch: pa.RecordBatch, number: np.ndarray, count: int) -> list[pa.RecordBatch]:
    """Rows by their number, int [n] in [0, count): that many batches, rows in their order."""
    order = order_by(number, count)
    bounds = np.searchsorted(number[order], np.arange(count + 1))
    ordered = batch.take(pa.array(order))
    return [
        ordered.slice(start, stop - start)
        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]


def open_table(path: str) -> pa.ipc.RecordBatchFileReader:
    """Opens an Arrow file: `get_batch(i)`, `read_all()`."""
    if files.is_remote(path):
        return pa.ipc.open_file(files.read_bytes(path))
    return pa.ipc.open_file(pa.memory_map(path))


# What is told of a rule, a file or a split: losses of more than this share, which is no sign of
# anything in a handful of records.
LARGE_SHARE = 0.3
FEW_RECORDS = 20


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Counts of records: everything that came in went out or was rejected by a named rule."""

    records_in: int
    records_out: int
    rejected: dict[str, int]

    @property
    def balanced(self) -> bool:
        """True when in = out + rejected."""
        return self.records_in == self.records_out + sum(self.rejected.values())

    @property
    def rejected_fraction(self) -> float:
        """Of all records; 0 when there are none."""
        return sum(self.rejected.values()) / self.records_in if self.records_in else 0.0

    def __add__(self, other: Ledger) -> Ledger:
        rejected = dict(self.rejected)
        for rule, count in other.rejected.items():
            rejected[rule] = rejected.get(rule, 0) + count
        return Ledger(
            self.records_in + other.records_in,
            self.records_out + other.records_out,
            dict(sorted(rejected.items())),
        )

    def to_json(self) -> dict[str, Any]:
        """`{"in": .., "out": .., "rejected": {rule: n}}`."""
        return {"in": self.records_in, "out": self.records_out, "rejected": self.rejected}


EMPTY_LEDGER = Ledger(0, 0, {})
