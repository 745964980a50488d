"""Pairs to compare among the members of large bands: of thousands, those that are likely similar.

Texts with much of their wording in common, such as a licence or the navigation of a site, have
equal bands by the thousand, of slots that this wording decides. Which of them are near copies tell
the other slots. So the members of a band are put into several orders, in each of which near copies
are likely to stand close, and each is compared with its neighbours there: the sorted neighbourhood
method (Hernandez and Stolfo 1995). Members are ordered as in an LSH forest (Bawa, Condie and
Ganesan 2005), by some slots in a random sequence, another one for each order and band, so that
those stand close that agree in as many of the first ones as a band of this size needs. Values that
a large share of the members have tell nothing and are passed over.

Two copies that agree in four of five slots, half of these with the whole band, agree in the first
two that count in 4 of 9 orders, whatever the size of the band; others agree in both by chance, 1 in
65,536. It is fewer orders where copies have little in common beyond what the band shares, and most
of what is missed are such.

What is chosen depends on keys, signatures and the order of places, and on no other band. On paper:
165 bytes and 10 to 20 microseconds for each place in a large band, and 100 MB.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import minhash

# Orders of a band, and neighbours behind each member that it is compared with in each.
ORDERS = 8
NEIGHBOURS = 4

# A value of a slot that more than one in so many members have is passed over.
_COMMON = 4
# By so many slots members are ordered: 16 bits each, which slot it is and its value.
_SLOTS_OF_KEY = 4
_FIRST_SLOT = np.uint64(1 << 48)
# Members that are looked at at once, and about as many in smaller bands: 100 MB.
_AT_ONCE = 1 << 12

# Behind all ranks of slots: one that is passed over.
_PASSED = 255


def candidates(
    keys: np.ndarray, record: np.ndarray, signatures: np.ndarray, window: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of places with equal keys, in portions of at most n: places that are more than `window`
    apart, and of which neither is the first with its key.

    Args:
      keys: uint64 [n], rising. record: int64 [n], of each place the row of its signature.
      signatures: uint8 or uint32 [m, slots], of which the lowest 8 bits count.
    """
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, len(keys)))
    large = sizes > window + 1
    if not large.any():
        return
    starts, sizes = starts[large], sizes[large]
    band = np.repeat(np.arange(len(starts)), sizes)
    first = starts[band]
    place = np.arange(len(band)) + (starts - np.cumsum(sizes) + sizes)[band]
    for sort_key in _sort_keys(keys[starts], sizes, record[place], signatures):
        # Of equal sort keys, the places rise.
        order = np.lexsort((sort_key, band))
        ordered, sort_key = place[order], sort_key[order]
        for step in range(1, NEIGHBOURS + 1):
            left, right = ordered[:-step], ordered[step:]
            low, high = np.minimum(left, right), np.maximum(left, right)
            wanted = (band[step:] == band[:-step]) & (high - low > window) & (low != first[step:])
            # At least in the first slot that counts.
            wanted &= (sort_key[step:] ^ sort_key[:-step]) < _FIRST_SLOT
            yield low[wanted], high[wanted]


def _sort_keys(
    keys: np.ndarray, sizes: np.ndarray, record: np.ndarray, signatures: np.ndarray
) -> np.ndarray:
    """uint64 [ORDERS, n]: of the members of bands, one band after the other, what to order them by.

    Args:
      keys: uint64 [bands]. sizes: int64 [bands], of n members together. record: int64 [n].
    """
    found = np.empty((ORDERS, len(record)), np.uint64)
    ends = np.cumsum(sizes)
    portion = ends // _AT_ONCE
    bounds = np.flatnonzero(np.diff(portion, prepend=-1, append=-1))
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        begin, end = int(ends[start] - sizes[start]), int(ends[stop - 1])
        band = np.repeat(np.arange(stop - start), sizes[start:stop])
        common = _common_values(sizes[start:stop], band, record[begin:end], signatures)
        ranks = _ranks(keys[start:stop], signatures.shape[1])
        for at in range(0, end - begin, _AT_ONCE):
            some = slice(begin + at, min(begin + at + _AT_ONCE, end))
            values = signatures[record[some]].astype(np.uint8)
            of = band[at : at + _AT_ONCE]
            passed = common[_cells(of, stop - start, values)]
            for order in range(ORDERS):
                rank = ranks[order, of]
                rank[passed] = _PASSED
                found[order, some] = _first_slots(rank, values)
    return found


def _cells(band: np.ndarray, bands: int, values: np.ndarray) -> np.ndarray:
    """int64 [n, slots]: a number for each slot, band and value, uint8 [n, slots]."""
    slots = np.arange(values.shape[1]) * bands
    return ((slots + band[:, np.newaxis]) << 8) + values


def _common_values(
    sizes: np.ndarray, band: np.ndarray, record: np.ndarray, signatures: np.ndarray
) -> np.ndarray:
    """bool [slots * bands * 256]: by number (see `_cells`), which values too many members have."""
    bands, slots = len(sizes), signatures.shape[1]
    counts = np.zeros(slots * bands << 8, np.int64)
    for at in range(0, len(record), _AT_ONCE):
        values = signatures[record[at : at + _AT_ONCE]].astype(np.uint8)
        cells = _cells(band[at : at + _AT_ONCE], bands, values)
        counts += np.bincount(cells.ravel(), minlength=len(counts))
    by_band = counts.reshape(slots, bands, 256)
    return (by_band > (sizes // _COMMON)[:, np.newaxis]).ravel()


def _ranks(keys: np.ndarray, slots: int) -> np.ndarray:
    """uint8 [ORDERS, bands, slots]: random sequences of the slots; of equal ranks the first is
    first, and all are below `_PASSED`.
    """
    salts = minhash.mix(np.arange(1, ORDERS * slots + 1, dtype=np.uint64))
    salts = salts.reshape(ORDERS, 1, slots)
    drawn = minhash.mix(salts ^ keys[:, np.newaxis]) >> np.uint64(56)
    return np.minimum(drawn, np.uint64(_PASSED - 1)).astype(np.uint8)


def _first_slots(rank: np.ndarray, values: np.ndarray) -> np.ndarray:
    """uint64 [n]: of each row the slots with the smallest ranks and their values, uint8 [n, slots]
    both. `rank` is written to.
    """
    row = np.arange(len(rank))
    found = np.zeros(len(rank), np.uint64)
    for _ in range(_SLOTS_OF_KEY):
        slot = rank.argmin(axis=1)
        # A slot that is passed over stands for none, the same whichever it is.
        item = np.where(rank[row, slot] == _PASSED, 0xFFFF, (slot << 8) + values[row, slot])
        found = (found << np.uint64(16)) + item.astype(np.uint64)
        rank[row, slot] = _PASSED
    return found
