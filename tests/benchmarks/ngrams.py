"""What counting alone makes of a text: interpolated Kneser-Ney n-grams (Chen and Goodman 1999,
section 4.1.6), as a baseline for a model that goes on with a text."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

ORDER = 4


@dataclasses.dataclass(frozen=True)
class _Level:
    """The n-grams of one length, as numbers to the base of the vocabulary's size.

    Attributes:
      grams: int64 [n], rising. counts: float64 [n]; below the highest order, in how many ways each
        is preceded. contexts: int64 [m], rising. totals, kinds: float64 [m]: the sum of the counts
        behind each context, and how many n-grams that are. discount: taken off each count.
    """

    grams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray
    discount: float

    @classmethod
    def of(cls, grams: np.ndarray, counts: np.ndarray, size: int) -> _Level:
        contexts, starts = np.unique(grams // size, return_index=True)
        once, twice = np.sum(counts == 1), np.sum(counts == 2)
        return cls(
            grams,
            counts.astype(np.float64),
            contexts,
            np.add.reduceat(counts.astype(np.float64), starts),
            np.diff([*starts, len(grams)]).astype(np.float64),
            float(once / max(1, once + 2 * twice)),
        )


class KneserNey:
    """Probabilities of a token given the three before it.

    Args:
      windows: int [n, ORDER], each a token behind the three before it, as they occur in a text.
      size: tokens are below it.
    """

    def __init__(self, windows: np.ndarray, size: int):
        self.size = size
        grams, counts = np.unique(self.numbers(windows), return_counts=True)
        self._levels = [_Level.of(grams, counts, size)]
        for length in range(ORDER - 1, 0, -1):
            # Each kind of longer n-gram counts once.
            grams, counts = np.unique(grams % size**length, return_counts=True)
            self._levels.append(_Level.of(grams, counts, size))

    def numbers(self, windows: np.ndarray) -> np.ndarray:
        """int [..., n] -> int64 [...]: the tokens read as one number."""
        powers = self.size ** np.arange(windows.shape[-1] - 1, -1, -1, dtype=np.int64)
        return windows.astype(np.int64) @ powers

    def probabilities(self, windows: np.ndarray) -> np.ndarray:
        """int [n, ORDER] -> float64 [n], of the last token of each row given the others."""
        return self._of(self.numbers(windows), 0)

    def _of(self, grams: np.ndarray, level: int) -> np.ndarray:
        if level == ORDER:
            return np.full(len(grams), 1 / self.size)
        found = self._levels[level]
        shorter = self._of(grams % self.size ** (ORDER - level - 1), level + 1)
        counts = _looked_up(found.grams, found.counts, grams)
        contexts = grams // self.size
        totals = _looked_up(found.contexts, found.totals, contexts)
        kinds = _looked_up(found.contexts, found.kinds, contexts)
        seen = np.maximum(totals, 1)
        own = np.maximum(counts - found.discount, 0) / seen
        # A context that never occurred leaves all to the shorter one.
        left = np.where(totals > 0, found.discount * kinds / seen, 1.0)
        return own + left * shorter

    def likeliest(self, contexts: np.ndarray, never: Sequence[int]) -> np.ndarray:
        """int [n, ORDER - 1] -> int [n], the likeliest next token of each, `never` left out."""
        chosen = np.zeros(len(contexts), np.int64)
        allowed = np.setdiff1d(np.arange(self.size), never)
        for row, context in enumerate(contexts):
            windows = np.column_stack([np.tile(context, (len(allowed), 1)), allowed])
            chosen[row] = allowed[np.argmax(self.probabilities(windows))]
        return chosen


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each key that is wanted; 0 of one that is not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0.0)


def windows_of(context: Sequence[int], tokens: Sequence[int], start: int) -> np.ndarray:
    """int [tokens, ORDER]: each of the tokens behind the three before it, the first ones of them
    from the end of `context`, `start` where that is too short."""
    before = [start] * (ORDER - 1) + [*context]
    text = np.array([*before[len(before) - (ORDER - 1) :], *tokens])
    return np.lib.stride_tricks.sliding_window_view(text, ORDER)
