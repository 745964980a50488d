"""The Jaccard index of two texts from all of their shingles: columns in, arrays out.

A text's set is kept as 32 bits of each of its different shingles' hashes, rising. Two shingles of
texts of 1,000 words each meet by accident in 1 of 4,000 such pairs of texts, and then the index is
off by 0.001 at most: this is exact for all that a bound in a job file can tell.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from .minhash import Shingles

SETS = pa.list_(pa.field("item", pa.uint32(), nullable=False))

# Shingles of pairs that are compared at once: some 150 MB.
_COMPARED_AT_ONCE = 1 << 22

_HALF = np.uint64(32)


def to_sets(shingles: Shingles) -> pa.ListArray:
    """The set of each text, `SETS` [n]; an empty one for a text without words."""
    texts = len(shingles.counts)
    tagged, owners = _different(shingles.hashes.astype(np.uint32), shingles.counts)
    offsets = np.searchsorted(owners, np.arange(texts + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(tagged), type=SETS)


def _different(hashes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different hashes, uint32, of each text, rising, and the numbers of their texts, int64."""
    owner = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    tagged = np.sort(owner << _HALF | hashes)
    new = np.ones(len(tagged), bool)
    new[1:] = tagged[1:] != tagged[:-1]
    tagged = tagged[new]
    return tagged.astype(np.uint32), (tagged >> _HALF).astype(np.int64)


def similarity(first: pa.ListArray, second: pa.ListArray) -> np.ndarray:
    """float64 [n]: the Jaccard index of the sets, `SETS` [n] each, row by row; 0 of empty ones."""
    sizes = [side.value_lengths().to_numpy().astype(np.int64) for side in (first, second)]
    pairs = np.arange(len(first), dtype=np.uint64)
    tagged = np.concatenate(
        [
            np.repeat(pairs, size) << _HALF | side.flatten().to_numpy()
            for side, size in zip((first, second), sizes, strict=True)
        ]
    )
    tagged.sort()
    # Within a side all are different, so what is there twice is in both.
    both = tagged[1:][tagged[1:] == tagged[:-1]] >> _HALF
    shared = np.bincount(both.astype(np.int64), minlength=len(first))
    return shared / np.maximum(sizes[0] + sizes[1] - shared, 1)


def similarity_of(
    first: np.ndarray,
    second: np.ndarray,
    sizes: np.ndarray,
    read: Callable[[np.ndarray], pa.ListArray],
) -> np.ndarray:
    """float64 [n]: the Jaccard index of pairs of records, read in portions of bounded size.

    Args:
      first, second: int64 [n], records. sizes: int64 [n], about how many shingles each pair has.
      read: rising and different records, int64 [m] -> their sets, `SETS` [m].
    """
    found = np.zeros(len(first))
    portion = np.cumsum(sizes) // _COMPARED_AT_ONCE
    bounds = np.flatnonzero(np.diff(portion, prepend=-1, append=-1))
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        some = slice(int(start), int(stop))
        records, places = np.unique(
            np.concatenate([first[some], second[some]]), return_inverse=True
        )
        sets = read(records)
        left, right = (pa.array(side) for side in np.split(places, 2))
        found[some] = similarity(sets.take(left), sets.take(right))
    return found
