"""Texts as sequences of words: a chunk's distinct words, and each text as their numbers.

Made when a chunk is split, so that no later stage has to look at text again: the words go to
`words` and `pieces`, and `examples` puts pieces in the places of numbers.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.tokenizer import SIDES
from electra_model.word_columns import Words, split_words

from .. import records
from ..vocabularies.words import SIDES_OF, may_be_learned, partition_of

# A longer word is not one. In a pair it is more than `max_tokens` can be (4,096 pieces of at most
# 16 characters); a text alone is cut there, for a tokenizer's memory grows with the word's length.
LONGEST_WORD = 1 << 16


@dataclasses.dataclass(frozen=True)
class Sequences:
    """The records of a chunk that are used.

    Attributes:
      row, order: int64 [n] and uint64 [n], as in `records.KEPT`; several rows of one number are
        pieces of one text, and their orders differ.
      fate: int8 [n], as in `split.FATES`.
      source, target: per record a list of word numbers; null where there is no such text, and for
        both sides of a pair that has a word of more than `LONGEST_WORD` characters.
    """

    row: np.ndarray
    order: np.ndarray
    fate: np.ndarray
    source: pa.ListArray
    target: pa.ListArray


def number_words(
    kept: pa.RecordBatch,
    fate: np.ndarray,
    alone: int,
    learned: int,
    partitions: int,
    vocabularies: Sequence[str] = ("joint",),
) -> tuple[Sequences, dict[str, list[pa.RecordBatch]]]:
    """Clean records as sequences of words.

    Args:
      kept: n records (`records.KEPT`). fate: int8 [n], what each is used for.
      alone: the fate of texts that are no pairs. learned: the fate whose words are counted.
      vocabularies: "joint", or "source" and "target": words of each are numbered on their own.

    Returns:
      the sequences; vocabulary -> per partition the distinct words (`records.WORDS`) with their
      counts, 0 for those that are not to be learned from. Words are numbered through all
      partitions.
    """
    row, order = kept.column("row").to_numpy(), kept.column("order").to_numpy()
    sides = [kept.column("source"), kept.column("target")]
    absent = [side.is_null().to_numpy(zero_copy_only=False) for side in sides]
    found = _split(sides, absent, vocabularies)
    if max(map(_longest, found.values())) > LONGEST_WORD:
        giant = np.flatnonzero(_has_giant_word(sides[0]) | _has_giant_word(sides[1]))
        row, order, fate, sides = _cut(giant[fate[giant] == alone], row, order, fate, sides)
        missing = _has_giant_word(sides[0]) | _has_giant_word(sides[1])
        absent = [side.is_null().to_numpy(zero_copy_only=False) | missing for side in sides]
        found = _split(sides, absent, vocabularies)

    batches, lists = {}, []
    gone_of = dict(zip(SIDES, absent, strict=True))
    for name, words in found.items():
        gone = [gone_of[side] for side in SIDES_OF[name]]
        batches[name], numbers = _divide(words, fate == learned, gone, partitions)
        for place, missing in enumerate(gone):
            start = place * len(row)
            lists.append(_lists(numbers, words.offsets[start : start + len(row) + 1], missing))
    source, target = lists
    return Sequences(row, order, fate, source, target), batches


def _split(
    sides: list[pa.StringArray], absent: list[np.ndarray], vocabularies: Sequence[str]
) -> dict[str, Words]:
    """Vocabulary -> the words of its sides, end to end; those that are absent as empty texts."""
    texts = {
        name: pc.if_else(pa.array(gone), "", side) if gone.any() else side
        for name, side, gone in zip(SIDES, sides, absent, strict=True)
    }
    return {
        name: split_words(pa.concat_arrays([texts[side] for side in SIDES_OF[name]]))
        for name in vocabularies
    }


def to_bytes(sequences: Sequences) -> bytes:
    """An Arrow file with one batch; `read` gives them back."""
    columns = {
        field.name: getattr(sequences, field.name) for field in dataclasses.fields(Sequences)
    }
    batch = pa.RecordBatch.from_pydict(
        {name: pa.array(c) if isinstance(c, np.ndarray) else c for name, c in columns.items()}
    )
    return records.to_bytes(batch.schema, [batch])


def read(path: str) -> Sequences:
    """The sequences of a file that `to_bytes` has made."""
    batch = records.open_table(path).get_batch(0)
    row, order, fate = (batch.column(name).to_numpy() for name in ("row", "order", "fate"))
    return Sequences(row, order, fate, batch.column("source"), batch.column("target"))


def word_rows(lists: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """Lists of word numbers, n of them -> (numbers [m], offsets int64 [n + 1]); null is empty."""
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy().astype(np.int64)
    return lists.flatten().to_numpy(), np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def _divide(
    words: Words, learned: np.ndarray, absent: list[np.ndarray], partitions: int
) -> tuple[list[pa.RecordBatch], np.ndarray]:
    """Per partition words with counts; and the running words by their numbers in that order."""
    counted = np.concatenate([learned & ~gone for gone in absent])
    index = words.index
    if not counted.all():
        index = index[np.repeat(counted, np.diff(words.offsets))]
    counts = np.bincount(index, minlength=len(words.distinct)).astype(np.int64)
    counts[~may_be_learned(words.distinct)] = 0
    partition = partition_of(words.distinct, partitions)
    batch = pa.RecordBatch.from_arrays([words.distinct, pa.array(counts)], schema=records.WORDS)
    number = np.empty(len(partition), np.uint16 if len(partition) <= 1 << 16 else np.int32)
    number[records.order_by(partition, partitions)] = np.arange(len(partition))
    return records.divided(batch, partition, partitions), number[words.index]


def _lists(numbers: np.ndarray, offsets: np.ndarray, absent: np.ndarray) -> pa.ListArray:
    own = numbers[offsets[0] : offsets[-1]]
    starts = pa.array((offsets - offsets[0]).astype(np.int32))
    mask = pa.array(absent) if absent.any() else None
    return pa.ListArray.from_arrays(starts, pa.array(own), mask=mask)


def _longest(words: Words) -> int:
    return pc.max(pc.utf8_length(words.distinct)).as_py() or 0


def _has_giant_word(texts: pa.StringArray) -> np.ndarray:
    """bool [n]."""
    sizes = pc.binary_length(texts).fill_null(0).to_numpy()
    found = np.zeros(len(texts), bool)
    for position in np.flatnonzero(sizes > LONGEST_WORD):
        found[position] = max(map(len, texts[position].as_py().split(" "))) > LONGEST_WORD
    return found


def _cut(
    rows: np.ndarray,
    row: np.ndarray,
    order: np.ndarray,
    fate: np.ndarray,
    sides: list[pa.StringArray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[pa.StringArray]]:
    """The same records with those at `rows`, texts alone, as several that have no giant word."""
    pieces = [cut_text(sides[0][position].as_py()) for position in rows]
    count = np.ones(len(row), np.int64)
    count[rows] = [len(some) for some in pieces]
    source = np.repeat(np.arange(len(row)), count)
    piece = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
    first, second = (side.take(pa.array(source)) for side in sides)
    mask = np.isin(source, rows)
    new = pa.array([text for some in pieces for text in some], pa.string())
    first = pc.replace_with_mask(first, pa.array(mask), new)
    return row[source], order[source] + piece.astype(np.uint64), fate[source], [first, second]


def cut_text(text: str) -> list[str]:
    """A text cut behind every `LONGEST_WORD` characters of a word, at a space where there is one.

    Together the pieces have all characters of the text but for spaces.
    """
    pieces = []
    start = 0
    while start < len(text):
        stop = start + LONGEST_WORD
        if stop < len(text):
            space = text.rfind(" ", start + 1, stop + 1)
            stop = space if space > 0 else stop
        pieces.append(text[start:stop])
        start = stop + (text[stop : stop + 1] == " ")
    return pieces
