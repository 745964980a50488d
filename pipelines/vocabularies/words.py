"""Fourth stage: how often each word stands in the training text.

A word is what stands between single spaces of a normalised text. Words are the unit of both
vocabulary and tokenisation: most of a corpus' words are repetitions, so each chunk's distinct words
are told apart once, when the chunk is split, and from then on a text is a row of numbers (see
`sequences`). Here all chunks' words are brought together, each word in the partition that its text
decides on: their counts, and a list of the distinct ones, each of which `pieces` cuts once.

Memory is bounded by distinct words: of a chunk (some ten thousand) while counting, of one partition
of all words while adding up.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.tokenizer import SIDES
from electra_model.word_columns import laid_out

from .. import records
from ..config import PrepareConfig
from ..stages import Stage, Task, load_index, part_path
from ..units import Parts, Receipt

_VERSION = 4

# A tab would end the word in SentencePiece's list of counts; other controls are no text.
_NOT_LEARNED = r"[\x00-\x1f\x7f]|^$"

# A partition of hashes is 512 MB of input, whose chunks have together some five million words, each
# chunk's own ones told apart (English documentation): more than a worker should hold at once. And
# partitions are worked on side by side, so there should be some anyway.
_PARTITIONS_PER_HASHES = 4
_MOST_PARTITIONS = 1 << 12

# Which row of `distinct` each word of a chunk is: one batch per chunk.
ROWS = pa.schema([pa.field("row", pa.int32(), nullable=False)])
DISTINCT = pa.schema([pa.field("word", pa.string(), nullable=False)])

# Vocabulary (see `VocabularyConfig.names`) -> the sides whose words it is learned from.
SIDES_OF = {"joint": SIDES, "source": ("source",), "target": ("target",)}


def part_name(name: str) -> str:
    """The part with the words of one vocabulary."""
    return "words" if name == "joint" else f"words-{name}"


def partition_count(hash_partitions: int) -> int:
    """Into how many parts words are divided, where hashes of records are into so many."""
    return min(_MOST_PARTITIONS, _PARTITIONS_PER_HASHES * hash_partitions)


def partition_of(words: pa.StringArray, partitions: int) -> np.ndarray:
    """int64 [n] in [0, partitions): of each word, by its text alone."""
    data, offsets = laid_out(words)
    codes, offsets = data.astype(np.uint64), offsets.astype(np.int64)
    # The sum of the bytes, each times an odd number that its place decides on.
    place = np.arange(len(codes)) - np.repeat(offsets[:-1], np.diff(offsets))
    with np.errstate(over="ignore"):
        factors = np.arange(1, 65, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
        sums = np.append(np.zeros(1, np.uint64), np.cumsum(codes * factors[place & 63]))
        mixed = (sums[offsets[1:]] - sums[offsets[:-1]]) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(40)).astype(np.int64) % partitions


def may_be_learned(words: pa.StringArray) -> np.ndarray:
    """bool [n]: False for the empty word and words with control characters."""
    return ~pc.match_substring_regex(words, _NOT_LEARNED).to_numpy(zero_copy_only=False)


def plan(config: PrepareConfig) -> list[Task]:
    """One task per partition of the words of each vocabulary."""
    from ..dataset import ledgers

    ledgers.check_rejections(config)
    chosen = load_index(config, "split")
    count = partition_count(len(load_index(config, "dedup").receipts))
    payload = {
        "version": _VERSION,
        "words": chosen.digest,
        "max_words": config.vocabulary.most_words(),
    }
    if config.vocabulary.sides == "joint":
        return [Task(f"{number:05d}", {**payload, "partition": number}) for number in range(count)]
    return [
        Task(f"{name}-{number:05d}", {**payload, "partition": number, "side": name})
        for name in config.vocabulary.names
        for number in range(count)
    ]


def receipts_of(config: PrepareConfig, name: str, stage: str = "words") -> list[Receipt]:
    """Those of a complete stage, this one or `pieces`, that belong to one vocabulary."""
    receipts = load_index(config, stage).receipts
    return [r for r in receipts if name == "joint" or r.unit_id.startswith(f"{name}-")]


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Brings the words of one partition together.

    Adds the parts `words` (the most frequent with their counts), `distinct` (all of them) and
    `rows` (which of those each word of each chunk is).

    Returns:
      {"words": different words to learn from, "running": all words to learn from}.
    """
    part = part_name(task.payload.get("side", "joint"))
    batches = [
        records.open_table(part_path(config, "split", receipt, part)).get_batch(
            task.payload["partition"]
        )
        for receipt in load_index(config, "split").receipts
    ]
    sizes = [batch.num_rows for batch in batches]
    table = pa.Table.from_batches(batches, schema=records.WORDS).combine_chunks()
    found = table.column("word").combine_chunks().dictionary_encode()
    distinct, rows = found.dictionary, found.indices
    # Sums of counts stay far below 2 ** 53, so doubles are exact.
    counts = np.bincount(
        rows.to_numpy(), weights=table.column("count").to_numpy(), minlength=len(distinct)
    ).astype(np.int64)
    learned = np.flatnonzero(counts)
    totals = pa.table([distinct.take(pa.array(learned)), counts[learned]], schema=records.WORDS)
    ordered = most_frequent(totals, task.payload["max_words"]).cast(records.WORDS)
    parts.add("words", records.to_bytes(records.WORDS, ordered.combine_chunks().to_batches()))
    parts.add(
        "distinct",
        records.to_bytes(DISTINCT, [pa.RecordBatch.from_arrays([distinct], schema=DISTINCT)]),
    )
    starts = np.cumsum([0, *sizes])
    parts.add(
        "rows",
        records.to_bytes(
            ROWS,
            [
                pa.RecordBatch.from_arrays([rows.slice(start, size)], schema=ROWS)
                for start, size in zip(starts[:-1].tolist(), sizes, strict=True)
            ],
        ),
    )
    return {"words": len(learned), "running": int(counts.sum())}


def most_frequent(counts: pa.Table, most: int) -> pa.Table:
    """The rows of the highest counts, falling; equal counts by the word's code points."""
    return counts.sort_by([("count", "descending"), ("word", "ascending")]).slice(0, most)


def read_counts(config: PrepareConfig, receipts: Sequence[Any]) -> pa.Table:
    """The counts that all tasks have kept, one after the other."""
    batches = [
        batch
        for receipt in receipts
        for batch in records.open_table(part_path(config, "words", receipt, "words"))
        .read_all()
        .to_batches()
    ]
    return pa.Table.from_batches(batches, schema=records.WORDS)


STAGE = Stage("words", plan, work, ("vocabulary.size", "vocabulary.max_words", "vocabulary.sides"))
