"""Ninth stage, only where `dataset.replacements` names a generator: windows with replacements.

Fast-ELECTRA (Dong et al. 2023, arXiv:2310.07347): a generator that an earlier job has trained
replaces tokens once and for all, at a temperature that falls from one file to the next, so that
pretraining runs and trains no generator. Every shard of windows becomes `copies` files
`dataset/replaced-*.tfrecord` (`electra_model.features.REPLACED`), each with other tokens hidden.

What is hidden and drawn is a function of the seed, the copy, the shard and the record: a file is
worked on by one task, in batches of a fixed number of rows that each have a seed of their own.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import os
import struct
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from electra_model import features, generator_card
from electra_model.errors import InputError, WorkError
from electra_model.generator_card import GeneratorCard

from .. import files
from ..config import PrepareConfig
from ..stages import Stage, Task, load_index
from ..units import Parts
from ..vocabularies import vocabulary
from . import examples, shards

_VERSION = 1

KEY = "dataset.replacements.generator"
SPLIT = "replaced"


def check_generator(config: PrepareConfig) -> GeneratorCard | None:
    """The generator's description, where the job names one; looked at before any work.

    Raises:
      InputError: there is no complete pretraining, it is the job's own, its checkpoint is gone, or
        its windows are shorter than the job's.
    """
    if config.dataset.replacements.generator is None:
        return None
    folder, card = _find(config)
    own = files.join(config.workdir, "pretrain")
    if folder == own or (
        not files.is_remote(own) and os.path.realpath(folder) == os.path.realpath(own)
    ):
        raise InputError(
            f"{KEY}: {config.dataset.replacements.generator} is this job's own work folder; "
            "name that of an earlier job"
        )
    if not files.exists(files.join(folder, card.checkpoint)):
        raise InputError(
            f"{KEY}: {files.join(folder, card.checkpoint)} is not there, which generator.json "
            "names; run `electra pretrain` of that job again"
        )
    if card.model.max_length < config.dataset.window_length:
        raise InputError(
            f"{KEY}: {folder} takes {card.model.max_length} tokens (its model.max_length), "
            f"dataset.window_length is {config.dataset.window_length}; lower that, or pretrain a "
            "generator with longer windows"
        )
    return card


def _find(config: PrepareConfig) -> tuple[str, GeneratorCard]:
    named = config.dataset.replacements.generator
    assert named is not None
    return generator_card.find(named, KEY, files.exists, files.read_bytes)


def temperature_of(number: int, count: int, temperature: tuple[float, float]) -> float:
    """Of file `number` of `count`: falls evenly from the first value to the last.

    A single file has the last one, at which training is meant to end.

    >>> [temperature_of(n, 3, (2.0, 1.0)) for n in range(3)]
    [2.0, 1.5, 1.0]
    """
    first, last = temperature
    if count == 1:
        return last
    return round(first + (last - first) * number / (count - 1), 6)


def plan(config: PrepareConfig) -> list[Task]:
    """One task per shard of windows and copy; all shards of a copy before those of the next.

    Raises:
      InputError: the generator knows another vocabulary.
    """
    card = check_generator(config)
    assert card is not None
    _check_vocabulary(config, card)
    settings = config.dataset.replacements
    windows = [
        receipt
        for receipt in load_index(config, shards.STAGE.name).receipts
        if receipt.facts["split"] == examples.PRETRAIN
    ]
    count = settings.copies * len(windows)
    tasks = []
    for number in range(count):
        copy, shard = divmod(number, len(windows))
        payload = {
            "version": _VERSION,
            "generator": card.to_json(),
            "seed": config.dataset.seed,
            "copy": copy,
            "shard": shard,
            "number": number,
            "count": count,
            "temperature": temperature_of(number, count, settings.temperature),
            "mask_fraction": settings.mask_fraction,
            "windows": {key: windows[shard].facts[key] for key in ("file", "sha256", "records")},
            "window_length": config.dataset.window_length,
            "compression": config.dataset.compression,
            "format_version": features.FORMAT_VERSION,
        }
        tasks.append(Task(f"{SPLIT}-{number:05d}", payload))
    return tasks


def _check_vocabulary(config: PrepareConfig, card: GeneratorCard) -> None:
    made = vocabulary.for_sides(vocabulary.made(config))["source"]
    found = made.facts["fingerprint"]
    if found != card.vocabulary_fingerprint:
        raise InputError(
            f"{KEY}: {config.dataset.replacements.generator} was pretrained with another "
            f"vocabulary ({card.vocabulary_fingerprint}) than the one of this job's text "
            f"({found}); give both jobs the same data, clean and vocabulary, or name another"
        )


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Writes one file into `dataset/`.

    Returns:
      {"split", "file", "records", "bytes", "sha256", "temperature", "copy", "windows": file it was
      made of, "tokens": {"text", "hidden", "replaced"}}.
    """
    payload = task.payload
    columns = _read_windows(config, payload["windows"])
    replaced, hidden = _replace(columns, _load_once(config, payload), payload)
    columns["replaced_token_ids"] = replaced, columns["token_ids"][1]
    name = f"{SPLIT}-{payload['number']:05d}-of-{payload['count']:05d}"
    originals = columns["token_ids"][0]
    return {
        "split": SPLIT,
        **shards.write_records(config, name, columns, payload["compression"]),
        "temperature": payload["temperature"],
        "copy": payload["copy"],
        "windows": payload["windows"]["file"],
        "tokens": {
            "text": len(originals),
            "hidden": hidden,
            "replaced": int(np.count_nonzero(replaced != originals)),
        },
    }


def _read_windows(config: PrepareConfig, described: dict[str, Any]) -> dict[str, features.Column]:
    """The columns of a shard of windows, of exactly the bytes that were planned with."""
    import tensorflow as tf

    path = files.join(config.workdir, "dataset", described["file"])
    data = files.read_bytes(path)
    if hashlib.sha256(data).hexdigest() != described["sha256"]:
        raise WorkError(f"{path}: was changed after it was written; remove it and run again")
    records = _unframed(gzip.decompress(data) if path.endswith(".gz") else data)
    parsed = features.parse_examples(tf.constant(records, tf.string), features.WINDOW)
    columns = {
        name: (column.values.numpy(), column.row_splits.numpy()) for name, column in parsed.items()
    }
    if len(records) != described["records"]:
        raise WorkError(f"{path}: holds {len(records)} records, not {described['records']}")
    return columns


def _unframed(data: bytes) -> list[bytes]:
    """The records of a TFRecord file; its bytes are known to be whole. See `shards.frames`."""
    records, position = [], 0
    while position < len(data):
        (size,) = struct.unpack_from("<Q", data, position)
        records.append(data[position + 12 : position + 12 + size])
        position += size + 16
    return records


def batch_seed(seed: int, copy: int, shard: int, batch: int) -> int:
    """A number in [0, 2 ** 32), another one for each batch of each copy of each shard."""
    digest = hashlib.sha256(f"{seed}/{copy}/{shard}/{batch}".encode()).digest()
    return int.from_bytes(digest[:4], "little")


def _replace(
    columns: dict[str, features.Column], loaded: _Loaded, payload: dict[str, Any]
) -> tuple[np.ndarray, int]:
    """The replaced ids of all windows laid end to end, int32 [m], and how many were hidden."""
    from electra_model import buckets

    length, rows = payload["window_length"], loaded.rows
    offsets = columns["token_ids"][1]
    count = len(offsets) - 1
    replaced, hidden = [np.zeros(0, np.int32)], 0
    for batch, start in enumerate(range(0, count, rows)):
        members = np.arange(start, min(start + rows, count))
        arrays = []
        for name in features.WINDOW:
            matrix = np.zeros((rows, length), np.int32)
            matrix[: len(members)] = buckets.pad(*columns[name], members, length)
            arrays.append(matrix)
        seed = batch_seed(payload["seed"], payload["copy"], payload["shard"], batch)
        drawn, number = loaded.sample(*arrays, seed, payload["temperature"])
        inside = np.arange(length)[None, :] < np.diff(offsets)[members][:, None]
        replaced.append(drawn[: len(members)][inside])
        hidden += int(number[: len(members)].sum())
    return np.concatenate(replaced), hidden


@dataclasses.dataclass(frozen=True)
class _Loaded:
    """A generator's compiled function and the rows that it takes."""

    sample: Callable[..., tuple[np.ndarray, np.ndarray]]
    rows: int


_loading = threading.Lock()


def _load_once(config: PrepareConfig, payload: dict[str, Any]) -> _Loaded:
    """The generator that was planned with: loaded and compiled once in each process."""
    folder, found = _find(config)
    card = GeneratorCard.from_json(payload["generator"])
    if found != card:
        raise WorkError(f"{folder}: holds another generator than when the run began; run again")
    with _loading:  # a worker may have several threads
        return _load(folder, card, payload["mask_fraction"], payload["window_length"])


@functools.lru_cache(maxsize=1)
def _load(folder: str, card: GeneratorCard, mask_fraction: float, length: int) -> _Loaded:
    from electra_model import generator

    path = files.join(folder, card.checkpoint)
    try:
        data = files.read_bytes(path)
    except OSError as error:
        raise InputError(f"{KEY}: {path} cannot be read ({error.strerror or error})") from None
    model = generator.load(card, data, path)
    rows = generator.batch_rows(card.vocabulary_size, length, mask_fraction)
    return _Loaded(generator.sampler(model, mask_fraction, rows, length), rows)


def described(config: PrepareConfig, windows: int) -> dict[str, Any]:
    """What `dataset_info.json` says of the files, by falling temperature.

    Args:
      windows: records of the split `pretrain`, of which every copy must have each once.

    Raises:
      WorkError: one has not.
    """
    facts = [receipt.facts for receipt in load_index(config, STAGE.name).receipts]
    settings = config.dataset.replacements
    records = sum(made["records"] for made in facts)
    if records != settings.copies * windows:
        raise WorkError(
            f"dataset: {records} windows with replacements for {settings.copies} copies of "
            f"{windows}; run the same command again"
        )
    card = _find(config)[1]
    tokens = {
        name: sum(made["tokens"][name] for made in facts) for name in ("text", "hidden", "replaced")
    }
    keys = ("file", "records", "bytes", "sha256", "temperature", "copy")
    return {
        "copies": settings.copies,
        "mask_fraction": settings.mask_fraction,
        "generator": {"sha256": card.sha256, "step": card.step},
        "records": records,
        "tokens": tokens,
        "shards": [{key: made[key] for key in keys} for made in facts],
    }


STAGE = Stage(
    "replacement",
    plan,
    work,
    (
        "dataset.replacements",
        "dataset.seed",
        "dataset.window_length",
        "dataset.compression",
    ),
    shards.written,
)
