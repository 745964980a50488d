"""Sixth stage: every distinct word of the corpus cut into pieces, once.

One task per partition of the words (see `words`). The pieces are written chunk by chunk, in the
order in which a chunk numbers its words, so that to encode a chunk is to look numbers up, and no
worker needs to remember words or, for that, TensorFlow.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from electra_model.tokenizer import EOS_ID, Tokenizer

from .. import files, records
from ..config import PrepareConfig
from ..stages import Stage, Task, part_path
from ..units import Parts, Receipt
from . import vocabulary, words

_VERSION = 2


def plan(config: PrepareConfig) -> list[Task]:
    """One task per partition of the words."""
    made = vocabulary.made(config)
    return [
        Task(
            receipt.unit_id,
            {
                "version": _VERSION,
                "name": name,
                "vocabulary": made[name].parts[vocabulary.MODEL_PART]["sha256"],
                "distinct": receipt.parts["distinct"]["sha256"],
                "rows": receipt.parts["rows"]["sha256"],
            },
        )
        for name in made
        for receipt in words.receipts_of(config, name)
    ]


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Cuts the words of a partition; adds the part `pieces` (`records.PIECES`).

    Returns:
      {"words": distinct words, "tokens": pieces of them}.
    """
    (receipt,) = (
        receipt
        for receipt in words.receipts_of(config, task.payload["name"])
        if receipt.unit_id == task.id
    )
    table = records.open_table(part_path(config, "words", receipt, "distinct"))
    distinct = table.get_batch(0).column("word")
    tokenizer = _tokenizer(config, task.payload["name"])
    values, offsets = tokenizer.segment_words(distinct)
    values = values.astype(records.id_type(tokenizer.size))
    ids = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))
    rows = records.open_table(part_path(config, "words", receipt, "rows"))
    parts.add(
        "pieces",
        records.to_bytes(
            pa.schema([(records.PIECES[0], ids.type)]),
            (
                pa.RecordBatch.from_arrays(
                    [ids.take(rows.get_batch(number).column(0))], names=records.PIECES
                )
                for number in range(rows.num_record_batches)
            ),
        ),
    )
    return {"words": len(distinct), "tokens": len(values)}


def of_chunk(config: PrepareConfig, number: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The pieces of a chunk's words, in its order.

    Args:
      number: of the chunk among all chunks.

    Returns:
      side -> (values [p], of `records.id_type`, and starts int64 [words + 2]): a table whose row 0
      is the end mark alone, and row i + 1 the pieces of word i.
    """
    return vocabulary.for_sides(
        {
            name: _table(config, words.receipts_of(config, name, "pieces"), number)
            for name in config.vocabulary.names
        }
    )


def _table(
    config: PrepareConfig, receipts: Sequence[Receipt], number: int
) -> tuple[np.ndarray, np.ndarray]:
    values, lengths = [np.array([EOS_ID], np.uint16)], [np.zeros(1, np.int64), np.ones(1, np.int64)]
    for receipt in receipts:
        path = part_path(config, "pieces", receipt, "pieces")
        ids = _open(path, receipt.parts["pieces"]["sha256"]).get_batch(number).column(0)
        values.append(ids.flatten().to_numpy())
        lengths.append(np.diff(ids.offsets.to_numpy()))
    return np.concatenate(values), np.cumsum(np.concatenate(lengths))


@functools.lru_cache(maxsize=256)
def _open(path: str, sha256: str) -> pa.ipc.RecordBatchFileReader:
    return records.open_table(path)


def _tokenizer(config: PrepareConfig, name: str) -> Tokenizer:
    receipt = vocabulary.made(config)[name]
    path = part_path(config, "vocabulary", receipt, vocabulary.MODEL_PART)
    sha256 = receipt.parts[vocabulary.MODEL_PART]["sha256"]
    return _load(receipt.facts["file"], path, sha256)


@functools.lru_cache(maxsize=2)
def _load(file_name: str, path: str, sha256: str) -> Tokenizer:
    """One per process; the checksum is there so that another vocabulary is loaded anew."""
    return Tokenizer.of(file_name, files.read_bytes(path))


STAGE = Stage("pieces", plan, work)
