"""A stage only where `dataset.shortlist` asks for it: which pieces a piece of the source becomes.

IBM Model 1 (Brown et al. 1993, section 4.1), learned by expectation and maximisation from so many
training pairs as memory is meant to hold, the first ones of the global shuffle. The result is what
shortlists are made of (`electra_model.shortlist`), `vocabulary/shortlist.npz`.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from electra_model.shortlist import Shortlist
from electra_model.tokenizer import FIRST_PIECE_ID

from .. import records
from ..config import PrepareConfig
from ..dataset import examples
from ..dataset.shards import digest_of
from ..stages import Stage, Task, load_index, part_path
from ..units import Parts
from . import vocabulary

_VERSION = 1

PART = "shortlist"
# Pieces that every list has: those that stand most often on the target side.
_FREQUENT = 100
_ITERATIONS = 5
_SIDES = ("source_ids", "target_ids")
# Of a source piece beside a target piece of the same pair: 30 bytes each while learning.
_MOST_LINKS = 12_000_000


def wanted(config: PrepareConfig) -> bool:
    """Whether there is to be one, and pairs to learn it from."""
    return bool(config.dataset.shortlist and config.data.train)


def plan(config: PrepareConfig) -> list[Task]:
    """One task."""
    encoded = load_index(config, "encode").receipts
    payload = {
        "version": _VERSION,
        "encoded": digest_of(encoded, "pairs"),
        "shards": examples.shard_layout(config)["train"],
        "candidates": config.dataset.shortlist,
    }
    return [Task(PART, payload)]


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Adds the part. Returns {"pairs": of how many it was learned}."""
    source, target = _pairs(config, task.payload["shards"])
    cards = vocabulary.for_sides(vocabulary.made(config))
    sizes = [cards[side].facts["size"] for side in ("source", "target")]
    best = learned(source, target, sizes, task.payload["candidates"])
    if len(vocabulary.made(config)) == 1:
        # A name, a number, code: a piece may always stay what it is.
        best = np.concatenate([np.arange(sizes[0], dtype=np.int32)[:, None], best], axis=1)
    counts = np.bincount(target[0], minlength=sizes[1])
    counts[:FIRST_PIECE_ID] = 0
    order = np.argsort(-counts, kind="stable")[:_FREQUENT]
    frequent = np.sort(order[counts[order] > 0]).astype(np.int32)
    parts.add(PART, Shortlist(frequent, best).to_bytes())
    return {"pairs": len(source[1]) - 1}


def _pairs(config: PrepareConfig, shards: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The sides of some training pairs, without end marks: ids laid end to end, and where each
    begins."""
    receipts = load_index(config, "encode").receipts
    found: list[pa.RecordBatch] = []
    links = 0
    for shard in range(shards):
        for receipt in receipts:
            batch = records.open_table(part_path(config, "encode", receipt, "pairs")).get_batch(
                shard
            )
            lengths = [np.diff(batch.column(name).offsets.to_numpy()) - 1 for name in _SIDES]
            together = links + np.cumsum(lengths[0] * lengths[1])
            taken = int(np.searchsorted(together, _MOST_LINKS, "right"))
            found.append(batch.slice(0, taken))
            if taken < batch.num_rows:
                return _columns(found)
            links = int(together[-1]) if len(together) else links
    return _columns(found)


def _columns(batches: list[pa.RecordBatch]) -> list[tuple[np.ndarray, np.ndarray]]:
    table = pa.Table.from_batches(batches)
    sides = []
    for name in _SIDES:
        column = table.column(name).combine_chunks()
        offsets = column.offsets.to_numpy()
        values = column.values.to_numpy()[offsets[0] : offsets[-1]].astype(np.int64)
        offsets = (offsets - offsets[0]).astype(np.int64)
        is_end = np.zeros(len(values), bool)
        is_end[offsets[1:] - 1] = True
        sides.append((values[~is_end], offsets - np.arange(len(offsets))))
    return sides


def learned(
    source: tuple[np.ndarray, np.ndarray],
    target: tuple[np.ndarray, np.ndarray],
    sizes: list[int],
    most: int,
) -> np.ndarray:
    """The target pieces that each source piece is most likely to become, int32 [source vocabulary,
    most], the likeliest first, 0 = none.

    source, target: ids int64 [m] of n pairs end to end, and where each begins, int64 [n + 1].
    sizes: of the two vocabularies.
    """
    code, begins = _links(source, target, sizes[1])
    code, link = np.unique(code, return_inverse=True)
    link = link.astype(np.int32)
    of_source = code // sizes[1]
    each = np.diff(np.append(begins, len(link)))
    probability = np.ones(len(code), np.float32)
    for _ in range(_ITERATIONS):
        share = probability[link]
        share /= np.repeat(np.add.reduceat(share, begins), each) if len(begins) else 1
        counts = np.bincount(link, share, len(code))
        probability = (counts / np.bincount(of_source, counts)[of_source]).astype(np.float32)
    found = np.zeros((sizes[0], most), np.int32)
    order = np.lexsort((code, -probability, of_source))
    rank = np.arange(len(order)) - np.searchsorted(of_source, of_source[order])
    kept = rank < most
    found[of_source[order][kept], rank[kept]] = (code % sizes[1])[order][kept]
    return found


def _links(
    source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each target piece beside each source piece of its pair, as `source * size + target`, and
    where those of a target piece begin. Pairs without a piece on either side have none."""
    source_lengths, target_lengths = np.diff(source[1]), np.diff(target[1])
    pair = np.repeat(np.arange(len(target_lengths)), target_lengths)
    some = source_lengths[pair] > 0
    pair, pieces = pair[some], target[0][some]
    each = source_lengths[pair]
    begins = np.cumsum(each) - each
    place = np.arange(each.sum()) - np.repeat(begins, each) + np.repeat(source[1][pair], each)
    return source[0][place] * size + np.repeat(pieces, each), begins


STAGE = Stage("shortlist", plan, work, ("dataset.shortlist",))
