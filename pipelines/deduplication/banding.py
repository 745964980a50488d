"""Which of many signatures are similar, without comparing all with all; and the clusters of such.

A signature is cut into bands of a few slots each; only texts that have all slots of a band in
common are compared (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4). Of
two texts with similarity s that happens in at least one of b bands of r slots with probability
1 - (1 - s^r)^b. That a band is equal makes a pair a candidate and no more. Signatures dismiss the
candidates that are far below the bound, and all shingles of the others decide.

Everything here is a function on arrays whose result does not depend on the order of its rows.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from . import large_bands, minhash, shingle_sets

# Of pairs at the very bound of similarity, the share that must become candidates. Texts of few
# shingles fill a signature with copies, so that bands are not independent and up to twice as many
# are missed: still less than 1 in 100.
_RECALL = 0.995

# Within the records of an equal band each is compared with so many that follow it, and with the
# first: a band that a million records share for a bad reason does not become 10^12 comparisons.
# Where there are more, others are chosen by the rest of their signatures (see `large_bands`).
WINDOW = 32

# Candidates whose estimate is so many standard deviations below the bound are dismissed: of pairs
# at the bound 1 in 30,000.
_DEVIATIONS = 4

# Pairs of signatures that are compared at once.
_COMPARED_AT_ONCE = 1 << 15


def choose_bands(similarity: float, slots: int) -> tuple[int, int]:
    """How many bands, and slots in each.

    As many slots in a band as possible, which makes false candidates few, such that pairs of this
    similarity become candidates with a probability of 0.995; and no more bands than that takes.

    Raises:
      ValueError: not even bands of one slot are enough.
    """
    for rows in range(slots, 0, -1):
        equal = similarity**rows
        # To within rounding: of equal texts, one band is enough.
        bands = 1 if equal >= _RECALL else math.ceil(math.log(1 - _RECALL) / math.log1p(-equal))
        if bands * rows <= slots:
            return bands, rows
    raise ValueError(f"no bands of {slots} slots find pairs of similarity {similarity}")


def band_keys(signatures: np.ndarray, bands: int, rows: int, kind: str) -> np.ndarray:
    """uint64 [n, bands]: equal where signatures, uint32 [n, slots], are equal in all slots of a
    band. Keys of different bands or kinds never meet.
    """
    name = int.from_bytes(hashlib.blake2b(kind.encode(), digest_size=8).digest(), "big")
    salts = minhash.mix(np.arange(bands, dtype=np.uint64) ^ np.uint64(name))
    keys = np.broadcast_to(salts, (len(signatures), bands))
    for row in range(rows):
        keys = minhash.mix(keys + signatures[:, row : bands * rows : rows])
    return keys


def link(
    keys: np.ndarray,
    ids: np.ndarray,
    read_signatures: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    read_sets: Callable[[np.ndarray], pa.ListArray],
    similarity: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Similar records among those that have a key in common.

    Args:
      keys: uint64 [n], ids: int64 [n], of records; a record may have many keys.
      read_signatures: rising ids, int64 [m] -> their signatures, uint8 or uint32 [m, slots], and
        how many different shingles each has, int32 [m].
      read_sets: rising ids, int64 [m] -> their shingles, `shingle_sets.SETS` [m].
      similarity: the least.

    Returns:
      pairs of ids (see `forest`) that connect what is similar, directly or through others.
    """
    order = np.lexsort((ids, keys))
    keys, ids = keys[order], ids[order]
    shared = np.zeros(len(keys), bool)
    equal = keys[1:] == keys[:-1]
    shared[1:] = equal
    shared[:-1] |= equal
    keys, ids = keys[shared], ids[shared]
    records, record = np.unique(ids, return_inverse=True)
    signatures, sizes = read_signatures(records)
    roots = np.arange(len(records))
    further = large_bands.candidates(keys, record, signatures, WINDOW)
    for left, right in itertools.chain(candidates(keys), further):
        left, right = record[left], record[right]
        # What is connected already is not compared again.
        apart = roots[left] != roots[right]
        left, right = left[apart], right[apart]
        likely = np.zeros(len(left), bool)
        for begin in range(0, len(left), _COMPARED_AT_ONCE):
            some = slice(begin, begin + _COMPARED_AT_ONCE)
            estimate = minhash.similarity(signatures[left[some]], signatures[right[some]])
            fewest = np.minimum(sizes[left[some]], sizes[right[some]])
            likely[some] = estimate >= similarity - margin(similarity, fewest, signatures.shape[1])
        left, right = left[likely], right[likely]
        exact = shingle_sets.similarity_of(
            records[left], records[right], sizes[left].astype(np.int64) + sizes[right], read_sets
        )
        similar = exact >= similarity
        roots = join(roots, left[similar], right[similar])
    members = np.flatnonzero(roots != np.arange(len(roots)))
    return records[roots[members]], records[members]


def margin(similarity: float, sizes: np.ndarray, slots: int) -> np.ndarray:
    """float64 [n]: how far below the bound an estimate may be of a pair that is at the bound.

    Args:
      sizes: shingles of the smaller text of each pair. Fewer of them than slots decide all slots,
        so that an estimate is no better than one of so many slots.
    """
    drawn = np.clip(sizes, 1, slots)
    return _DEVIATIONS * np.sqrt(similarity * (1 - similarity) / drawn)


def candidates(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of places with equal keys, for rising keys, uint64 [n], in portions of at most n: all
    of bands that `WINDOW` reaches over.
    """
    if len(keys) == 0:
        return
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(new)
    first = np.repeat(starts, np.diff(np.append(starts, len(keys))))
    place = np.arange(len(keys))
    for step in range(1, WINDOW + 1):
        right = place[place - first >= step]
        if not len(right):
            return
        yield right - step, right
    far = place[place - first > WINDOW]
    yield first[far], far


def join(roots: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Connects left with right: union-find on arrays, by hooking and shortcutting (Shiloach and
    Vishkin 1982).

    Args:
      roots: int64 [n], of each node the smallest that it is connected with.
      left, right: int64 [m], nodes.

    Returns:
      the roots with these connections too, a new array.
    """
    roots = roots.copy()
    while True:
        ends = roots[left], roots[right]
        low, high = np.minimum(*ends), np.maximum(*ends)
        apart = low != high
        if not apart.any():
            return roots
        left, right = left[apart], right[apart]
        np.minimum.at(roots, high[apart], low[apart])
        while True:
            shorter = roots[roots]
            if (shorter == roots).all():
                break
            roots = shorter


def forest(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Connections between ids, int64 [m] each -> for every id that is not the smallest of what it
    is connected with, this smallest one and itself, int64 [k] each, the latter rising.
    """
    ids, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    roots = join(np.arange(len(ids)), places[: len(first)], places[len(first) :])
    members = np.flatnonzero(roots != np.arange(len(ids)))
    return ids[roots[members]], ids[members]
