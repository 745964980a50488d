"""Shards -> batches. The batch of step N is a pure function of the seed and N: nothing has to be
replayed to resume.

The records of a split are held in memory as flat arrays (two bytes a token where the vocabulary
allows). Each epoch shuffles the records of every length bucket, cuts them into batches and shuffles
the batches, all from (seed, epoch).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_model import buckets as bucketing
from electra_model import features
from electra_model.errors import InputError
from electra_model.tokenizer import BOS_ID
from pipelines.units import fingerprint

_RECORDS_AT_ONCE = 65_536


@dataclasses.dataclass(frozen=True)
class Columns:
    """The records of one split. Each column: values int [m] and offsets int64 [n + 1]."""

    columns: dict[str, tuple[np.ndarray, np.ndarray]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))[1]) - 1

    def lengths(self, name: str) -> np.ndarray:
        """int64 [n]: tokens of each record in a column."""
        return np.diff(self.columns[name][1])

    def rows(self, name: str, rows: np.ndarray, length: int) -> np.ndarray:
        """int32 [len(rows), length], padded with 0; row -1 is all padding."""
        matrix = bucketing.pad(*self.columns[name], np.maximum(rows, 0), length)
        matrix[rows < 0] = 0
        return matrix


def read_dataset_info(dataset: str) -> dict[str, Any]:
    """`dataset_info.json` of a prepared dataset. Raises InputError when it is missing or of another
    version."""
    path = pathlib.Path(dataset) / "dataset_info.json"
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(info, dict):
            raise ValueError("it holds no object")
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist; run `electra prepare` first") from None
    except ValueError as error:
        raise InputError(f"{path}: is damaged ({error}); run `electra prepare` again") from None
    if info.get("format_version") != features.FORMAT_VERSION:
        raise InputError(
            f"{path}: record format {info.get('format_version')}, this program reads "
            f"{features.FORMAT_VERSION}; run `electra prepare` again"
        )
    return info


# What each training reads of a dataset; the test data are not among it.
_READS = {"pretrain": ("pretrain",), "train": ("train", "valid")}


def dataset_identity(dataset: str, stage: str) -> str:
    """Fingerprint of the shards and the vocabulary that "pretrain" or "train" reads.

    Where each side has a vocabulary, pretraining reads that of the source alone.
    """
    info = read_dataset_info(dataset)
    vocabulary = info["vocabulary_fingerprint"]
    if stage == "pretrain" and isinstance(vocabulary, dict):
        vocabulary = vocabulary["source"]
    shards = {
        name: [shard["sha256"] for shard in info["splits"][name]["shards"]]
        for name in _READS[stage]
        if name in info["splits"]
    }
    if stage == "pretrain" and "replacements" in info:
        shards["replacements"] = [
            [shard["sha256"], shard["temperature"]] for shard in info["replacements"]["shards"]
        ]
    return fingerprint(info["format_version"], vocabulary, shards)


def read_split(dataset: str, split: str, names: Sequence[str]) -> Columns:
    """Reads all shards of a split. Raises InputError naming the shard that is missing, cut or
    damaged."""
    info = read_dataset_info(dataset)
    return read_shards(dataset, info["splits"].get(split, {}).get("shards", []), names)


def read_shards(dataset: str, shards: Sequence[dict[str, Any]], names: Sequence[str]) -> Columns:
    """Reads the records of shards that `dataset_info.json` describes; raises like `read_split`."""
    import tensorflow as tf

    values: dict[str, list[np.ndarray]] = {name: [] for name in names}
    lengths: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for shard in shards:
        path = str(pathlib.Path(dataset) / shard["file"])
        compression = "GZIP" if path.endswith(".gz") else ""
        count = 0
        try:
            for batch in tf.data.TFRecordDataset(path, compression).batch(_RECORDS_AT_ONCE):
                parsed = features.parse_examples(batch, names)
                count += len(batch.numpy())
                for name in names:
                    values[name].append(_narrow(parsed[name].values.numpy()))
                    lengths[name].append(parsed[name].row_lengths().numpy())
        except tf.errors.OpError as error:
            reason = str(error.message).splitlines()[0]
            raise InputError(
                f"{path}: cannot be read ({reason}); run `electra prepare` again"
            ) from None
        if count != shard["records"]:
            raise InputError(
                f"{path}: {count} records, dataset_info.json says {shard['records']}; "
                "run `electra prepare` again"
            )
    return Columns({name: (_join(values[name]), _offsets(lengths[name])) for name in names})


def _narrow(values: np.ndarray) -> np.ndarray:
    if len(values) and values.max() >= 1 << 16:
        return values.astype(np.int32)
    return values.astype(np.uint16)


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, np.uint16)


def _offsets(lengths: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(_join(lengths), dtype=np.int64)])


@dataclasses.dataclass(frozen=True)
class Batch:
    """One batch: the bucket's length, and which records fill its rows (-1: an empty row)."""

    length: int
    rows: np.ndarray


def in_batches(members: np.ndarray, rows: int) -> np.ndarray:
    """int [n] -> int [batches, rows]: every one is used, the last batch is filled up with -1."""
    missing = -len(members) % rows
    return np.concatenate([members, np.full(missing, -1, members.dtype)]).reshape(-1, rows)


class BatchPlan:
    """Which records are in the batch of a step.

    Args:
      lengths: int [n], the length that decides each record's bucket.
      buckets: rising lengths; records longer than the last take no part (`left_out` counts them).
      batch_tokens: padded tokens of one batch. seed: of all shuffles.
    """

    def __init__(self, lengths: np.ndarray, buckets: Sequence[int], batch_tokens: int, seed: int):
        self.buckets = tuple(buckets)
        self.seed = seed
        self._rows = [bucketing.rows_for(length, batch_tokens) for length in self.buckets]
        bucket = bucketing.bucket_of(lengths, self.buckets)
        self._members = [np.flatnonzero(bucket == index) for index in range(len(self.buckets))]
        self.left_out = int(np.count_nonzero(bucket == len(self.buckets)))
        self.batches_per_epoch = sum(
            -(-len(members) // rows)
            for members, rows in zip(self._members, self._rows, strict=True)
        )

    def batch(self, step: int) -> Batch:
        """The batch of update number `step`, from 0."""
        epoch, index = divmod(step, self.batches_per_epoch)
        return self._epoch(epoch)[index]

    @functools.lru_cache(maxsize=2)  # noqa: B019 - a plan lives as long as its training
    def _epoch(self, epoch: int) -> list[Batch]:
        draws = np.random.default_rng([self.seed, epoch])
        batches = []
        for length, rows, members in zip(self.buckets, self._rows, self._members, strict=True):
            batches += [
                Batch(length, part) for part in in_batches(draws.permutation(members), rows)
            ]
        return [batches[i] for i in draws.permutation(len(batches))]


class PairData:
    """Sentence pairs as the model's inputs.

    Attributes:
      packed: whether records hold several pairs each (`dataset.pack_pairs`); their length is that
        of every batch then, whatever the buckets.
      pairs: how many there are.
    """

    def __init__(
        self, dataset: str, split: str, buckets: Sequence[int], batch_tokens: int, seed: int
    ):
        described = read_dataset_info(dataset)["splits"].get(split, {}).get("packed")
        self.packed = described is not None
        self.columns = read_split(dataset, split, features.PACKED if described else features.PAIR)
        self.pairs = len(self.columns)
        if described:
            self.pairs = _packed_pairs(self.columns)
            if self.pairs != described["pairs"]:
                raise InputError(
                    f"{dataset}: {self.pairs} pairs in the records of {split}, dataset_info.json "
                    f"says {described['pairs']}; run `electra prepare` again"
                )
            buckets = (described["length"],)
        longest = np.maximum(self.columns.lengths("source_ids"), self.columns.lengths("target_ids"))
        self.plan = BatchPlan(longest, buckets, batch_tokens, seed)

    def arrays(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """int32 [rows, length] each: source, decoder input (shifted right behind the start token),
        targets; where pairs are packed also the segments of source and target, and every pair has a
        start token."""
        names = features.PACKED if self.packed else features.PAIR
        rows = (self.columns.rows(name, batch.rows, batch.length) for name in names)
        source, target, *segments = rows
        shifted = np.zeros_like(target)
        shifted[:, 0] = BOS_ID
        # The end mark is a target but never an input.
        shifted[:, 1:] = np.where(target[:, 1:] != 0, target[:, :-1], 0)
        if segments:
            later = segments[1][:, 1:]
            shifted[:, 1:][(later != segments[1][:, :-1]) & (later != 0)] = BOS_ID
        return source, shifted, target, *segments


def _packed_pairs(columns: Columns) -> int:
    """The number of pairs in packed records: in each, that of its last one."""
    values, offsets = columns.columns["target_segment_ids"]
    if not len(values):
        return 0
    return int(values[offsets[1:] - 1].sum(dtype=np.int64))


class WindowData:
    """Pretraining windows."""

    def __init__(self, dataset: str, split: str, length: int, batch_tokens: int, seed: int):
        self.columns = read_split(dataset, split, features.WINDOW)
        self.plan = BatchPlan(self.columns.lengths("token_ids"), (length,), batch_tokens, seed)

    def arrays(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """int32 [rows, length] each: token ids, segment ids."""
        return (
            self.columns.rows("token_ids", batch.rows, batch.length),
            self.columns.rows("segment_ids", batch.rows, batch.length),
        )
