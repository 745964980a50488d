"""What the report says of the shards of a dataset: their sizes, the lengths that pairs are sorted
by, where the tokens came from, and windows with replaced tokens.
"""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import files
from pipelines.dataset import packing

# A chart of fewer shards says no more than a line of numbers.
CHARTED = 8

# Larger files of provenance are not read for a page.
_LARGEST_FILE = 64 << 20
_NAMED_FILES = 8


def describe(name: str, split: dict[str, Any]) -> dict[str, Any]:
    """Sizes of one split: of its shards in bytes as well; "balance" is that of the largest shard to
    the mean one.
    """
    tokens = split.get("tokens", {})
    shards = split.get("shards", [])
    records = packing.count(split)
    sizes = [shard.get("bytes", 0) for shard in shards]
    total = sum(sizes)
    return {
        "name": name,
        "records": records,
        "tokens": tokens,
        "mean_tokens": {side: count / max(1, records) for side, count in tokens.items()},
        "shards": len(shards),
        "bytes": total,
        "sizes": sizes,
        "smallest": min(sizes, default=0),
        "largest": max(sizes, default=0),
        "balance": max(sizes) * len(sizes) / total if total else None,
        "fewest": min((packing.count(shard) for shard in shards), default=0),
        "most": max((packing.count(shard) for shard in shards), default=0),
        "buckets": buckets(shards),
    }


def buckets(shards: list[dict[str, Any]]) -> list[tuple[int, int, float]]:
    """(length, records, share) of the lengths that a split's pairs are sorted by, rising; [] where
    they are not.
    """
    counts: dict[int, int] = {}
    for shard in shards:
        for length, (start, stop) in shard.get("buckets", {}).items():
            counts[int(length)] = counts.get(int(length), 0) + stop - start
    total = max(1, sum(counts.values()))
    return [(length, count, count / total) for length, count in sorted(counts.items())]


def origins(workdir: str, splits: dict[str, Any]) -> list[dict[str, Any]]:
    """For splits with provenance {"split", "lines", "bytes", "shard", "files", "rest"}; "files" are
    (name, share of the tokens) in the first shard, which is a sample of the split, the largest
    first, and "rest" is the share of those that are not named. [] where it cannot be read.
    """
    found = []
    for name, split in splits.items():
        traced = [shard["provenance"] for shard in split.get("shards", []) if "provenance" in shard]
        if traced:
            shares = _shares_of_files(files.join(workdir, "dataset", traced[0]["file"]))
            found.append(
                {
                    "split": name,
                    "lines": sum(one["lines"] for one in traced),
                    "bytes": sum(one["bytes"] for one in traced),
                    "shard": os.path.basename(traced[0]["file"]),
                    "files": shares[:_NAMED_FILES],
                    "rest": sum(share for _, share in shares[_NAMED_FILES:]),
                }
            )
    return found


def _shares_of_files(path: str) -> list[tuple[str, float]]:
    try:
        if files.size(path) > _LARGEST_FILE:
            return []
        lines = pq.read_table(pa.BufferReader(files.read_bytes(path)), columns=["file", "length"])
    except (OSError, pa.ArrowException):
        return []
    sums = lines.group_by("file").aggregate([("length", "sum")]).to_pylist()
    total = max(1, sum(row["length_sum"] for row in sums))
    shares = [(os.path.basename(row["file"]), row["length_sum"] / total) for row in sums]
    return sorted(shares, key=lambda share: (-share[1], share[0]))


def replacements(info: dict[str, Any]) -> dict[str, Any] | None:
    """Of windows with replaced tokens: how many, of how much text, and what was replaced."""
    made = info.get("replacements")
    if not made or not made.get("shards"):
        return None
    tokens = made["tokens"]
    temperatures = [shard["temperature"] for shard in made["shards"]]
    return {
        "copies": made["copies"],
        "records": made["records"],
        "hidden": tokens["hidden"] / max(1, tokens["text"]),
        "replaced": tokens["replaced"] / max(1, tokens["text"]),
        "first": temperatures[0],
        "last": temperatures[-1],
        "shards": len(made["shards"]),
        "bytes": sum(shard["bytes"] for shard in made["shards"]),
        "step": made["generator"]["step"],
    }
