"""Fourth stage: how often each word stands in the training text; and texts as sequences of words.

A word is what stands between single spaces of a normalised text. Words are the unit of both
vocabulary and tokenisation: most of a corpus' words are repetitions, so each chunk's distinct words
are counted and cut into pieces once, column-wise, and no text is looked at twice.

Memory is bounded by distinct words: of a chunk (some ten thousand) while counting, of one partition
of all words while adding up.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.tokenizer import EOS_ID, SIDES
from electra_model.word_columns import lay_end_to_end, split_words

from . import records
from .config import PrepareConfig
from .stages import Stage, Task, load_index, part_path
from .units import Parts, Receipt

if TYPE_CHECKING:
    from electra_model.tokenizer import Tokenizer

_VERSION = 2

# Vocabulary (see `VocabularyConfig.names`) -> the sides whose words it is learned from.
SIDES_OF = {"joint": SIDES, "source": ("source",), "target": ("target",)}


def part_name(name: str) -> str:
    """The part with the words of one vocabulary."""
    return "words" if name == "joint" else f"words-{name}"


def count_words(texts: pa.StringArray) -> tuple[pa.StringArray, np.ndarray]:
    """How often each word stands in normalised texts; none with control characters.

    Returns:
      string [k], int64 [k]: the words and their counts.
    """
    found = split_words(texts)
    counts = np.bincount(found.index, minlength=len(found.distinct)).astype(np.int64)
    # "\x7f" too: SentencePiece would take a tab for the end of the word.
    bad = pc.match_substring_regex(found.distinct, r"[\x00-\x1f\x7f]|^$")
    good = np.flatnonzero(~bad.to_numpy(zero_copy_only=False))
    return found.distinct.take(pa.array(good)), counts[good]


def words_part(words: pa.StringArray, counts: np.ndarray, partitions: int) -> bytes:
    """An Arrow file with one batch per partition; a word's partition depends on its text alone."""
    batch = pa.RecordBatch.from_arrays([words, pa.array(counts)], schema=records.WORDS)
    if partitions == 1:
        return records.to_bytes(records.WORDS, [batch])
    number = np.array([zlib.crc32(w) for w in words.cast(pa.binary()).to_pylist()], np.int64)
    number %= partitions
    return records.to_bytes(records.WORDS, records.divided(batch, number, partitions))


class WordPieces:
    """Cuts texts into pieces, every distinct word but once as long as it is remembered.

    Args:
      tokenizer: cuts words (see `Tokenizer.encode_words`).
      most: words that are remembered, some 200 bytes each.
    """

    def __init__(self, tokenizer: Tokenizer, most: int = 300_000) -> None:
        self._tokenizer, self._most = tokenizer, most
        self._forget()

    def _forget(self) -> None:
        self._place: dict[str, int] = {}
        # Row 0 is the end mark.
        self._values, self._starts = np.array([EOS_ID], np.int32), np.array([0, 1])

    def encode(self, texts: pa.StringArray) -> pa.ListArray:
        """Normalised texts -> lists of int32 ids, each with its end mark.

        No piece reaches over a space, so the pieces of a text are those of its words laid end to
        end.
        """
        words = split_words(texts)
        places = self._places(words.distinct.to_pylist())
        ids, offsets = lay_end_to_end(words, places, self._values, self._starts)
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(ids))

    def _places(self, words: list[str]) -> np.ndarray:
        """int64 [k]: the row of each word; new ones are cut."""
        if len(self._place) + len(words) > self._most:
            self._forget()
        new = [word for word in words if word not in self._place]
        if new:
            values, starts = self._tokenizer.encode_words(new)
            self._values = np.concatenate([self._values, values])
            for row, word in enumerate(new, len(self._starts) - 1):
                self._place[word] = row
            self._starts = np.concatenate([self._starts, starts[1:] + self._starts[-1]])
        return np.array([self._place[word] for word in words], np.int64)


def plan(config: PrepareConfig) -> list[Task]:
    """One task per partition of the words of each vocabulary."""
    from . import ledgers

    ledgers.check_rejections(config)
    chosen = load_index(config, "split")
    count = len(load_index(config, "dedup").receipts)
    payload = {
        "version": _VERSION,
        "words": chosen.digest,
        "max_words": config.vocabulary.max_words,
    }
    if config.vocabulary.sides == "joint":
        return [Task(f"{number:05d}", {**payload, "partition": number}) for number in range(count)]
    return [
        Task(f"{name}-{number:05d}", {**payload, "partition": number, "side": name})
        for name in config.vocabulary.names
        for number in range(count)
    ]


def receipts_of(config: PrepareConfig, name: str) -> list[Receipt]:
    """Those of the complete stage that belong to one vocabulary."""
    receipts = load_index(config, "words").receipts
    return [r for r in receipts if name == "joint" or r.unit_id.startswith(f"{name}-")]


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Adds the counts of one partition; keeps the most frequent.

    Returns:
      {"words": different words, "running": all words}.
    """
    part = part_name(task.payload.get("side", "joint"))
    table = pa.Table.from_batches(
        [
            records.open_table(part_path(config, "split", receipt, part)).get_batch(
                task.payload["partition"]
            )
            for receipt in load_index(config, "split").receipts
        ],
        schema=records.WORDS,
    )
    totals = table.group_by("word").aggregate([("count", "sum")])
    totals = totals.rename_columns(["word", "count"]).select(["word", "count"])
    ordered = most_frequent(totals, task.payload["max_words"]).cast(records.WORDS)
    parts.add("words", records.to_bytes(records.WORDS, ordered.combine_chunks().to_batches()))
    return {"words": totals.num_rows, "running": pc.sum(totals.column("count")).as_py() or 0}


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


STAGE = Stage("words", plan, work)
