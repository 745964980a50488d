"""How many training pairs share a source or a target with an earlier one, though they are kept.

`clean.duplicate` drops equal pairs (or equal sources); what it leaves may still say one thing in
many ways. Nothing is dropped here: the numbers are for `dataset_info.json` and the report.

A pair is looked at where the hash of its side is below a bound, the same for the whole corpus. So
all pairs with the same side are looked at or none is, and the share of those that repeat one is
that of the corpus (Gibbons 2001, "Distinct sampling for highly-accurate answers to distinct values
queries", VLDB). Corpora of up to `MOST` training pairs are counted whole, and larger ones need no
more memory than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from electra_model.tokenizer import SIDES

from .. import records
from ..cleaning import clean
from ..config import PrepareConfig
from ..stages import load_index, part_path
from ..units import Parts

# Pairs that are looked at, by each side: 8 bytes each on disk and in memory.
MOST = 1 << 18

PART = "repeated-sides"
HASHES = pa.schema([pa.field("hash", pa.uint64(), nullable=False)])


def bound_of(config: PrepareConfig) -> int:
    """Below which hashes are looked at: of 2^64 the share that gives `MOST` training pairs."""
    kept = sum(
        facts["kept"]
        for chunk, facts in zip(clean.chunks(config), clean.chunk_facts(config), strict=True)
        if chunk.role == "train"
    )
    return (1 << 64) * MOST // max(MOST, kept)


def add_part(parts: Parts, pairs: pa.RecordBatch, bound: int, *, by_place: bool = True) -> None:
    """Writes the hashes of a chunk's training pairs that are looked at.

    Args:
      pairs: `records.KEPT` of the pairs. A source's hash is its `place`, that of the reduced text
        (see `normalize.reduce_sources`); a target is hashed as it is.
      bound: as of `bound_of`. by_place: False where `place` is that of the text which a source was
        cut from; then sources are hashed like targets.
    """
    sources = pairs.column("place").to_numpy() if by_place else _hashed(pairs, "source")
    batches = [
        pa.RecordBatch.from_arrays(
            [pa.array(hashes[hashes <= np.uint64(bound - 1)])], schema=HASHES
        )
        for hashes in (sources, _hashed(pairs, "target"))
    ]
    parts.add(PART, records.to_bytes(HASHES, batches))


def _hashed(pairs: pa.RecordBatch, side: str) -> np.ndarray:
    texts = pairs.column(side).cast(pa.binary()).to_pylist()
    return np.fromiter(map(xxhash.xxh3_64_intdigest, texts), np.uint64, len(texts))


def count(config: PrepareConfig) -> dict[str, dict[str, int]]:
    """Side -> {"looked_at": training pairs, "repeated": those of them whose side is that of an
    earlier one}; of the pairs that all rules but `max_tokens` have left.
    """
    found = {}
    receipts = [r for r in load_index(config, "split").receipts if PART in r.parts]
    for number, side in enumerate(SIDES):
        hashes = [np.empty(0, np.uint64)]
        for receipt in receipts:
            table = records.open_table(part_path(config, "split", receipt, PART))
            hashes.append(table.get_batch(number).column("hash").to_numpy().copy())
        joined = np.concatenate(hashes)
        repeated = len(joined) - len(np.unique(joined))
        found[side] = {"looked_at": len(joined), "repeated": repeated}
    return found


def described(config: PrepareConfig) -> dict[str, Any]:
    """What `dataset_info.json` says of duplicates: the settings of their rules (None where one is
    off), and what is repeated nevertheless.
    """
    rules = ("duplicate", "leak", "near_duplicate", "overlap")
    settings = {rule: getattr(config.clean, rule) for rule in rules}
    return {
        "rules": {rule: None if value is False else value for rule, value in settings.items()},
        "repeated": count(config),
    }
