"""Seventh stage: sequences of words to token ids, each with the shard that it goes to.

A chunk's part `pairs` (`records.PAIRS`) has one batch per shard of each split; its part `texts`
(`records.TEXTS`) one per shard of the pretraining windows: both sides of training pairs (the
sources alone where each side has a vocabulary of its own; each pair as one text where
`pair_windows` says so), and the monolingual texts. Texts longer than a window are cut into pieces
that are shuffled on their own. Where `provenance` says so, there are parts that name the rows
which those of `pairs` and `texts` come from (`provenance.ORIGINS`).
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from electra_model.tokenizer import EOS_ID
from electra_model.word_columns import lay_end_to_end

from .. import files, records
from ..cleaning import clean, rejections
from ..config import PrepareConfig
from ..splitting import split
from ..stages import Stage, Task, folder_of, load_index
from ..units import Parts
from ..vocabularies import pieces
from . import provenance, sequences

_VERSION = 5

TOO_LONG = "max_tokens"
PRETRAIN = "pretrain"

# Added to the seed of the shuffle, so that the sides of a pair do not stand in one order.
_WINDOW_SEEDS = {"pair": 1, "source": 1, "target": 2, "text": 3}

# Of the text in a window; an estimate is enough, for it only decides on the number of shards.
_BYTES_PER_TOKEN = 3.5


def shard_layout(config: PrepareConfig) -> dict[str, int]:
    """Split -> number of shards, in the order of the batches in a chunk's parts."""
    receipts = load_index(config, "split").receipts

    def total(fact: str, fate: str) -> int:
        return sum(receipt.facts[fact][fate] for receipt in receipts)

    layout = {}
    for name in split.SPLITS:
        count = total("fates", name)
        if count:
            layout[name] = -(-count // config.dataset.records_per_shard)
    size = total("bytes", "train") + total("bytes", "text")
    if size:
        windows = size / _BYTES_PER_TOKEN / config.dataset.window_length
        layout[PRETRAIN] = max(1, round(windows / config.dataset.records_per_shard))
    return layout


def plan(config: PrepareConfig) -> list[Task]:
    """One task per chunk."""
    cut = load_index(config, "pieces")
    chosen = {receipt.unit_id: receipt for receipt in load_index(config, "split").receipts}
    dataset = config.dataset
    payload = {
        "version": _VERSION,
        "pieces": cut.digest,
        "layout": shard_layout(config),
        "seed": dataset.seed,
        "max_tokens": dataset.max_tokens,
        "window_length": dataset.window_length,
        "pair_windows": dataset.pair_windows,
        "provenance": dataset.provenance,
        **({"long_sources": "cut"} if dataset.long_sources == "cut" else {}),
    }
    return [
        Task(
            chunk.id,
            {
                **payload,
                "chunk": dataclasses.asdict(chunk),
                "sequences": chosen[chunk.id].parts["sequences"],
            },
        )
        for chunk in clean.chunks(config)
    ]


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Puts pieces in the places of a chunk's words.

    Returns:
      {"chunks": as in the earlier stages, "pairs": {split: n}, "too_long": {split: n},
      "lengths": {split: {side: how many have 0, 1, 2 ... tokens}}, "texts": pieces of text,
      "words", "tokens": {side: of all texts, without end marks}}, with `long_sources: cut` "cut":
      {split: pairs whose source was}, and with provenance "origin": {"file", "unit"}.
    """
    payload = task.payload
    chunk = clean.Chunk(**payload["chunk"])
    path = files.join(folder_of(config, "split"), payload["sequences"]["name"])
    texts_of = sequences.read(path)
    tables = pieces.of_chunk(config, chunk.number)
    source_ids, source_words = encode(texts_of.source, *tables["source"])
    target_ids, target_words = encode(texts_of.target, *tables["target"])

    fate, row, order_of = texts_of.fate, texts_of.row, texts_of.order
    is_pair = fate < len(split.SPLITS)
    most = payload["max_tokens"]
    known = ~texts_of.source.is_null().to_numpy(zero_copy_only=False)
    cuts = payload.get("long_sources") == "cut"
    is_long = _lengths(source_ids) > most
    fits = known & (cuts | ~is_long) & (_lengths(target_ids) <= most)
    long = np.flatnonzero(is_pair & ~fits)
    lengths_of_long = [_lengths(ids)[long] for ids in (source_ids, target_ids)]
    rejected = _reject_long(config, chunk, row[long], lengths_of_long)

    fitting = np.flatnonzero(is_pair & fits)
    source, target = source_ids.take(pa.array(fitting)), target_ids.take(pa.array(fitting))
    split_of_pair = fate[fitting]
    order = mix(order_of[fitting], payload["seed"])
    traced = payload["provenance"]
    origins = provenance.origins([("pair", row[fitting])]) if traced else None
    read = shorten(source, most) if cuts else source
    _write_pairs(parts, payload["layout"], split_of_pair, order, read, target, origins)
    for name in ("valid", "test"):
        chosen = split_of_pair == split.SPLITS.index(name)
        _write_jsonl(config, parts, name, chunk, row[fitting[chosen]])

    is_train = split_of_pair == split.SPLITS.index("train")
    trained, alone = fitting[is_train], np.flatnonzero(fate == split.TEXT)
    sides = {
        "source": source.filter(pa.array(is_train)),
        "target": target.filter(pa.array(is_train)),
    }
    if payload["pair_windows"]:
        of_pairs = {"pair": join_pairs(order_of[trained], **sides)}
    else:
        of_pairs = {side: sides[side] for side in config.vocabulary.window_sides}
    texts = [(side, trained, ids) for side, ids in of_pairs.items()]
    texts.append(("text", alone, source_ids.take(pa.array(alone))))
    windows, named = [], []
    for side, places, ids in texts:
        order = mix(order_of[places], payload["seed"] + _WINDOW_SEEDS[side])
        cut_order, cut, text = cut_texts(order, ids, payload["window_length"])
        windows.append((cut_order, cut))
        named.append((side, row[places][text]))
    origins = provenance.origins(named) if traced else None
    _write_texts(parts, payload["layout"].get(PRETRAIN, 0), windows, origins)

    lengths = {
        name: {
            "source": _histogram(read, split_of_pair == code),
            "target": _histogram(target, split_of_pair == code),
        }
        for code, name in enumerate(split.SPLITS)
    }
    in_windows = pa.concat_arrays([ids for _, ids in windows])
    lengths[PRETRAIN] = {"text": _histogram(in_windows, np.ones(len(in_windows), bool))}
    return {
        "chunks": [
            {
                "rejected": rejections.add_part(parts, "rejected", rejected),
                "rejected_part": "rejected",
            }
        ],
        "pairs": _counts(split_of_pair),
        "too_long": _counts(fate[long]),
        "lengths": lengths,
        "texts": len(in_windows),
        "words": {"source": source_words, "target": target_words},
        "tokens": {
            "source": len(source_ids.values) - len(source_ids),
            "target": len(target_ids.values) - len(target_ids),
        },
        **({"cut": _counts(split_of_pair[is_long[fitting]])} if cuts else {}),
        **({"origin": {"file": chunk.path, "unit": chunk.unit}} if traced else {}),
    }


def encode(texts: pa.ListArray, values: np.ndarray, starts: np.ndarray) -> tuple[pa.ListArray, int]:
    """Lists of word numbers -> lists of ids, each with its end mark; and how many words.

    Args:
      values, starts: the pieces of the words, as of `pieces.of_chunk`.
    """
    rows, offsets = sequences.word_rows(texts)
    ids, ends = lay_end_to_end(rows.astype(np.int32) + 1, offsets, values, starts)
    return pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), pa.array(ids)), len(rows)


def shorten(ids: pa.ListArray, most: int) -> pa.ListArray:
    """Lists of ids with their end marks -> the same with at most `most` ids: of longer ones the
    beginning and the end mark.

    >>> shorten(pa.array([[7, 8, 9, 3], [7, 3]], pa.list_(pa.int32())), 3).to_pylist()
    [[7, 8, 3], [7, 3]]
    """
    lengths = _lengths(ids)
    starts = np.cumsum(lengths) - lengths
    kept = np.minimum(lengths, most)
    ends = np.cumsum(kept)
    values = ids.flatten().to_numpy()[
        np.repeat(starts - (ends - kept), kept) + np.arange(kept.sum())
    ]
    values[ends[lengths > most] - 1] = EOS_ID
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def mix(hashes: np.ndarray, seed: int) -> np.ndarray:
    """uint64 [n] -> uint64 [n]: another order for each seed (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = hashes + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def join_pairs(order: np.ndarray, source: pa.ListArray, target: pa.ListArray) -> pa.ListArray:
    """Both sides of n pairs as one list each, end marks included; of about half of them, those
    with an odd `order` (uint64 [n]), the target first."""
    count = len(order)
    swapped = (order & np.uint64(1)).astype(np.int64)
    chosen = np.empty(2 * count, np.int64)
    chosen[0::2] = np.arange(count) + count * swapped
    chosen[1::2] = np.arange(count) + count * (1 - swapped)
    laid = pa.concat_arrays([source, target]).take(pa.array(chosen))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(_lengths(laid))])
    return pa.ListArray.from_arrays(pa.array(offsets[0::2].astype(np.int32)), laid.flatten())


def cut_texts(
    order: np.ndarray, ids: pa.ListArray, window_length: int
) -> tuple[np.ndarray, pa.ListArray, np.ndarray]:
    """Cuts lists of ids into pieces of at most `window_length`; each piece gets an order of its
    own.

    Returns:
      uint64 [m], the order of each piece; the pieces; int64 [m], which list each is of.

    >>> ids = pa.array([[1, 2, 3]], pa.list_(pa.int32()))
    >>> cut_texts(np.array([7], np.uint64), ids, 2)[1].to_pylist()
    [[1, 2], [3]]
    """
    lengths = _lengths(ids)
    count = -(-lengths // window_length)
    text = np.repeat(np.arange(len(lengths)), count)
    piece = np.arange(len(text)) - np.repeat(np.cumsum(count) - count, count)
    sizes = np.minimum(lengths[text] - piece * window_length, window_length)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    cut = pa.ListArray.from_arrays(pa.array(offsets), ids.flatten())
    piece_order = order[text] if len(text) else np.empty(0, np.uint64)
    later = piece > 0
    piece_order[later] = mix(piece_order[later] + piece[later].astype(np.uint64), 0)
    return piece_order, cut, text


def shard_of(order: np.ndarray, shards: int) -> np.ndarray:
    """int64 [n] in [0, shards): by the highest bits of uint64 [n]."""
    return ((order >> np.uint64(32)).astype(np.int64) * shards) >> 32


def _write_pairs(
    parts: Parts,
    layout: dict[str, int],
    split_of_pair: np.ndarray,
    order: np.ndarray,
    source: pa.ListArray,
    target: pa.ListArray,
    origins: pa.RecordBatch | None,
) -> None:
    first = np.zeros(len(split.SPLITS), np.int64)
    count = np.ones(len(split.SPLITS), np.int64)
    shards = 0
    for code, name in enumerate(split.SPLITS):
        first[code], count[code] = shards, layout.get(name, 0)
        shards += layout.get(name, 0)
    batch_of = first[split_of_pair] + shard_of(order, count[split_of_pair])  # type: ignore[arg-type]
    batch = pa.RecordBatch.from_arrays([pa.array(order), source, target], names=records.PAIRS)
    _add_divided(parts, "pairs", batch, origins, batch_of, shards)


def _write_texts(
    parts: Parts,
    shards: int,
    pieces: list[tuple[np.ndarray, pa.ListArray]],
    origins: pa.RecordBatch | None,
) -> None:
    order = np.concatenate([order for order, _ in pieces])
    ids = pa.concat_arrays([ids for _, ids in pieces])
    batch = pa.RecordBatch.from_arrays([pa.array(order), ids], names=records.TEXTS)
    _add_divided(parts, "texts", batch, origins, shard_of(order, shards), shards)


def _add_divided(
    parts: Parts,
    name: str,
    batch: pa.RecordBatch,
    origins: pa.RecordBatch | None,
    batch_of: np.ndarray,
    count: int,
) -> None:
    divided = records.divided(batch, batch_of, count)
    parts.add(name, records.to_bytes(batch.schema, divided))
    if origins is not None:
        divided = records.divided(origins, batch_of, count)
        parts.add(provenance.origins_part(name), records.to_bytes(origins.schema, divided))


def _write_jsonl(
    config: PrepareConfig, parts: Parts, name: str, chunk: clean.Chunk, rows: np.ndarray
) -> None:
    if not len(rows):
        return
    some = _texts_of_rows(config, chunk, rows)
    lines = [
        json.dumps({"source": source, "target": target}, ensure_ascii=False) + "\n"
        for source, target in zip(
            some.column("source").to_pylist(), some.column("target").to_pylist(), strict=True
        )
    ]
    parts.add(f"{name}-jsonl", "".join(lines).encode())


def _reject_long(
    config: PrepareConfig, chunk: clean.Chunk, rows: np.ndarray, lengths: Sequence[np.ndarray]
) -> list[dict[str, Any]]:
    """Args: lengths: of the sources and of the targets, in tokens."""
    if not len(rows):
        return []
    some = _texts_of_rows(config, chunk, rows)
    columns = (some.column(name).to_pylist() for name in ("row", "source", "target"))
    return [
        rejections.reject(
            TOO_LONG,
            chunk.path,
            chunk.unit,
            row,
            source,
            target,
            found={"source": int(tokens[0]), "target": int(tokens[1])},
        )  # fmt: skip
        for row, source, target, *tokens in zip(*columns, *lengths, strict=True)
    ]


def _texts_of_rows(config: PrepareConfig, chunk: clean.Chunk, rows: np.ndarray) -> pa.RecordBatch:
    kept = clean.read_kept(config, chunk)
    return kept.take(pa.array(np.searchsorted(kept.column("row").to_numpy(), rows)))


def _lengths(ids: pa.ListArray) -> np.ndarray:
    return np.diff(ids.offsets.to_numpy()).astype(np.int64)


def _histogram(ids: pa.ListArray, mask: np.ndarray) -> list[int]:
    return np.bincount(_lengths(ids)[mask]).tolist()


def _counts(codes: np.ndarray) -> dict[str, int]:
    return {name: int((codes == code).sum()) for code, name in enumerate(split.SPLITS)}


STAGE = Stage(
    "encode",
    plan,
    work,
    (
        "dataset.seed",
        "dataset.max_tokens",
        "dataset.long_sources",
        "dataset.window_length",
        "dataset.pair_windows",
        "dataset.records_per_shard",
        "dataset.provenance",
    ),
)
