"""Sixth stage: clean records to token ids, each with the shard that it goes to.

A chunk's part `pairs` (`records.PAIRS`) has one batch per shard of each split; its part `texts`
(`records.TEXTS`) one per shard of the pretraining windows: both sides of training pairs (the
sources alone where each side has a vocabulary of its own), and the monolingual texts. Texts longer
than a window are cut into pieces that are shuffled on their own.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.tokenizer import Tokenizer

from . import clean, files, records, rejections, split, vocabulary
from .config import PrepareConfig
from .stages import Stage, Task, folder_of, load_index, part_path
from .units import Parts
from .words import WordPieces

_VERSION = 2

TOO_LONG = "max_tokens"
PRETRAIN = "pretrain"

# Characters that SentencePiece puts into one piece at most, but for the symbols that a user names.
_LONGEST_PIECE = 16
_DOCUMENT_CHARACTERS = 1 << 16

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
    made = vocabulary.made(config)
    digests = {name: one.parts[vocabulary.MODEL_PART]["sha256"] for name, one in made.items()}
    chosen = {receipt.unit_id: receipt for receipt in load_index(config, "split").receipts}
    dataset = config.dataset
    payload = {
        "version": _VERSION,
        "vocabulary": digests.get("joint", digests),
        "layout": shard_layout(config),
        "seed": dataset.seed,
        "max_tokens": dataset.max_tokens,
        "window_length": dataset.window_length,
    }
    return [
        Task(
            chunk.id,
            {
                **payload,
                "chunk": dataclasses.asdict(chunk),
                "fates": chosen[chunk.id].parts["fates"],
            },
        )
        for chunk in clean.chunks(config)
    ]


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Tokenises a chunk.

    Returns:
      {"chunks": as in the earlier stages, "pairs": {split: n}, "too_long": {split: n},
      "lengths": {split: {side: how many have 0, 1, 2 ... tokens}}, "texts": pieces of text}.
    """
    payload = task.payload
    chunk = clean.Chunk(**payload["chunk"])
    kept = clean.read_kept(config, chunk)
    pieces_of = _word_pieces(config)
    path = files.join(folder_of(config, "split"), payload["fates"]["name"])
    fate = records.open_table(path).get_batch(0).column("fate").to_numpy()

    pair_rows = np.flatnonzero(fate < len(split.SPLITS))
    pairs = kept.take(pa.array(pair_rows))
    most = payload["max_tokens"]
    longest = max([_LONGEST_PIECE, *map(len, config.vocabulary.symbols)])
    source, source_fits = ragged_up_to(pieces_of["source"], pairs.column("source"), most, longest)
    target, target_fits = ragged_up_to(pieces_of["target"], pairs.column("target"), most, longest)
    fits = source_fits & target_fits
    rejected = _reject_long(chunk, pairs, np.flatnonzero(~fits))

    fitting = pa.array(np.flatnonzero(fits))
    pairs, source, target = pairs.take(fitting), source.take(fitting), target.take(fitting)
    fate_of_pair = fate[pair_rows]
    split_of_pair = fate_of_pair[fits]
    order = mix(pairs.column("order").to_numpy(), payload["seed"])
    _write_pairs(parts, payload["layout"], split_of_pair, order, source, target)
    for name in ("valid", "test"):
        _write_jsonl(parts, name, pairs, split_of_pair == split.SPLITS.index(name))

    trained = pa.array(np.flatnonzero(split_of_pair == split.SPLITS.index("train")))
    alone = kept.take(pa.array(np.flatnonzero(fate == split.TEXT)))
    seeds = [payload["seed"] + side for side in (1, 2, 3)]
    train_order = pairs.column("order").take(trained).to_numpy()
    documents, document, piece = cut_documents(alone.column("source").to_pylist())
    document_order = alone.column("order").to_numpy()[document] + piece
    sides = {"source": (seeds[0], source), "target": (seeds[1], target)}
    texts = [
        *(
            (mix(train_order, sides[side][0]), sides[side][1].take(trained))
            for side in config.vocabulary.window_sides
        ),
        (
            mix(document_order, seeds[2]),
            pieces_of["source"].encode(pa.array(documents, pa.string())),
        ),
    ]
    pieces = [cut_texts(*some, payload["window_length"]) for some in texts]
    _write_texts(parts, payload["layout"].get(PRETRAIN, 0), pieces)

    lengths = {
        name: {
            "source": _histogram(source, split_of_pair == code),
            "target": _histogram(target, split_of_pair == code),
        }
        for code, name in enumerate(split.SPLITS)
    }
    all_pieces = pa.concat_arrays([ids for _, ids in pieces])
    lengths[PRETRAIN] = {"text": _histogram(all_pieces, np.ones(len(all_pieces), bool))}
    return {
        "chunks": [
            {
                "rejected": rejections.add_part(parts, "rejected", rejected),
                "rejected_part": "rejected",
            }
        ],
        "pairs": _counts(split_of_pair),
        "too_long": _counts(fate_of_pair[~fits]),
        "lengths": lengths,
        "texts": len(all_pieces),
    }


def ragged_up_to(
    pieces_of: WordPieces,
    texts: pa.StringArray,
    max_tokens: int,
    longest_piece: int = _LONGEST_PIECE,
) -> tuple[pa.ListArray, np.ndarray]:
    """Texts -> lists of ids, and bool [n], whether a text has at most `max_tokens` of them.

    What has too many characters for that is not tokenised: its list holds the end mark alone.
    """
    hopeless = pc.greater(pc.utf8_length(texts), max_tokens * longest_piece)
    ids = pieces_of.encode(pc.if_else(hopeless, "", texts))
    return ids, (_lengths(ids) <= max_tokens) & ~hopeless.to_numpy(zero_copy_only=False)


def cut_documents(texts: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Cuts very long texts at spaces, for the tokenizer's memory grows with the text's length.

    Returns:
      the pieces; int64 [m], which text each is of; uint64 [m], which piece of it, from 0.
    """
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        start = piece = 0
        while start < len(text) or piece == 0:
            stop = start + _DOCUMENT_CHARACTERS
            if stop < len(text):
                space = text.rfind(" ", start + 1, stop + 1)
                stop = space if space > 0 else stop
            pieces.append(text[start:stop])
            places.append((number, piece))
            piece += 1
            start = stop + (text[stop : stop + 1] == " ")
    found = np.array(places, np.int64).reshape(-1, 2)
    return pieces, found[:, 0], found[:, 1].astype(np.uint64)


def mix(hashes: np.ndarray, seed: int) -> np.ndarray:
    """uint64 [n] -> uint64 [n]: another order for each seed (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = hashes + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def cut_texts(
    order: np.ndarray, ids: pa.ListArray, window_length: int
) -> tuple[np.ndarray, pa.ListArray]:
    """Cuts lists of ids into pieces of at most `window_length`; each piece gets an order of its
    own.

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
    return piece_order, cut


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
) -> None:
    first = np.zeros(len(split.SPLITS), np.int64)
    count = np.ones(len(split.SPLITS), np.int64)
    shards = 0
    for code, name in enumerate(split.SPLITS):
        first[code], count[code] = shards, layout.get(name, 0)
        shards += layout.get(name, 0)
    batch_of = first[split_of_pair] + shard_of(order, count[split_of_pair])  # type: ignore[arg-type]
    batch = pa.RecordBatch.from_arrays([pa.array(order), source, target], schema=records.PAIRS)
    parts.add("pairs", records.to_bytes(records.PAIRS, records.divided(batch, batch_of, shards)))


def _write_texts(parts: Parts, shards: int, pieces: list[tuple[np.ndarray, pa.ListArray]]) -> None:
    order = np.concatenate([order for order, _ in pieces])
    ids = pa.concat_arrays([ids for _, ids in pieces])
    batch = pa.RecordBatch.from_arrays([pa.array(order), ids], schema=records.TEXTS)
    batches = records.divided(batch, shard_of(order, shards), shards)
    parts.add("texts", records.to_bytes(records.TEXTS, batches))


def _write_jsonl(parts: Parts, name: str, pairs: pa.RecordBatch, mask: np.ndarray) -> None:
    some = pairs.filter(pa.array(mask))
    if not some.num_rows:
        return
    lines = [
        json.dumps({"source": source, "target": target}, ensure_ascii=False) + "\n"
        for source, target in zip(
            some.column("source").to_pylist(), some.column("target").to_pylist(), strict=True
        )
    ]
    parts.add(f"{name}-jsonl", "".join(lines).encode())


def _reject_long(
    chunk: clean.Chunk, pairs: pa.RecordBatch, positions: np.ndarray
) -> list[dict[str, Any]]:
    some = pairs.take(pa.array(positions))
    columns = (some.column(name).to_pylist() for name in ("row", "source", "target"))
    return [
        rejections.reject(TOO_LONG, chunk.path, chunk.unit, row, source, target)
        for row, source, target in zip(*columns, strict=True)
    ]


def _lengths(ids: pa.ListArray) -> np.ndarray:
    return np.diff(ids.offsets.to_numpy()).astype(np.int64)


def _histogram(ids: pa.ListArray, mask: np.ndarray) -> list[int]:
    return np.bincount(_lengths(ids)[mask]).tolist()


def _counts(codes: np.ndarray) -> dict[str, int]:
    return {name: int((codes == code).sum()) for code, name in enumerate(split.SPLITS)}


def _word_pieces(config: PrepareConfig) -> dict[str, WordPieces]:
    """Side -> what cuts its texts."""
    part = vocabulary.MODEL_PART
    loaded = {
        name: _load(
            receipt.facts["file"],
            part_path(config, "vocabulary", receipt, part),
            receipt.parts[part]["sha256"],
        )
        for name, receipt in vocabulary.made(config).items()
    }
    return vocabulary.for_sides(loaded)


@functools.lru_cache(maxsize=2)
def _load(file_name: str, path: str, sha256: str) -> WordPieces:
    """One per process; the checksum is there so that another vocabulary is loaded anew."""
    return WordPieces(Tokenizer.of(file_name, files.read_bytes(path)))


STAGE = Stage("encode", plan, work)
