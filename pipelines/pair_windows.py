"""Translation pairs as texts of the pretraining windows (`dataset.pair_windows`).

Cross-lingual replaced-token detection (XLM-E, Chi et al. 2022, arXiv:2106.16138, section 3):
a sentence and its translation are one input, so that the encoder can look for a hidden or replaced
word in the other language too. A pair is one segment of its window: its sides see each other, and
positions run on from the first side to the second.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from electra_model.errors import InputError

from .config import PrepareConfig

KEY = "dataset.pair_windows"


def check(config: PrepareConfig) -> None:
    """Looked at before any work.

    Raises:
      InputError: each side has a vocabulary of its own, so that ids of both would be mixed in one
        window; or there are no training pairs.
    """
    if not config.dataset.pair_windows:
        return
    if config.vocabulary.sides == "separate":
        raise InputError(
            f"{KEY}: true puts both sides of a pair into one window, and with "
            "vocabulary.sides: separate their ids mean different pieces; choose joint, or false"
        )
    if not config.data.train:
        raise InputError(
            f"{KEY}: true is for training pairs, and data.train names none; name pairs, or "
            "leave it false"
        )


def target_first(draws: np.ndarray) -> np.ndarray:
    """Hashes, uint64 [n] -> bool [n]: whether the target precedes the source; half of them do."""
    return (draws >> np.uint64(63)).astype(bool)


def join_sides(source: pa.ListArray, target: pa.ListArray, swapped: np.ndarray) -> pa.ListArray:
    """Both sides of each pair as one list of ids.

    Args:
      source, target: n lists of int32 without nulls, each with its end mark, which stays.
      swapped: bool [n], whether the target comes first.

    >>> source, target = (pa.array([ids], pa.list_(pa.int32())) for ids in ([7, 3], [8, 9, 3]))
    >>> join_sides(source, target, np.array([True])).to_pylist()
    [[8, 9, 3, 7, 3]]
    """
    count = len(source)
    places = np.arange(count)
    order = np.empty(2 * count, np.int64)
    order[0::2] = np.where(swapped, places + count, places)
    order[1::2] = np.where(swapped, places, places + count)
    sides = pa.concat_arrays([source, target]).take(pa.array(order))
    offsets = sides.offsets.to_numpy()
    starts = np.ascontiguousarray(offsets[0::2] - offsets[0])
    return pa.ListArray.from_arrays(pa.array(starts), sides.flatten())
