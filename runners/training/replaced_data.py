"""Windows whose replacements were made beforehand -> batches, by falling temperature.

The batch of step N is a pure function of the seed, of the length of the training in steps, and of
N. Files of one temperature are read one after the other, so that only one is in memory.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_model import buckets as bucketing
from electra_model import features

from .input_data import Columns, in_batches, read_dataset_info, read_shards

# From so many passes over each file it is worth while to make more files.
_MANY_PASSES = 1.5


def has_replacements(dataset: str) -> bool:
    """Whether pretraining on a dataset needs no generator. Raises InputError like
    `read_dataset_info`."""
    return "replacements" in read_dataset_info(dataset)


class FallingPlan:
    """Which records of which file are in the batch of a step.

    With `updates`, every file gets its share of them, whether that is more or less than one pass
    over it: the training begins with the first file and ends with the last. Without (a training by
    the clock), each file is read once, and then the last copy of all windows over and over.

    Args:
      records: of each file, in the order of falling temperature. last_copy: number of the first
        file of the last copy. rows: of a batch. updates: of the training, or None. seed: of the
        shuffles.
    """

    def __init__(
        self, records: Sequence[int], last_copy: int, rows: int, updates: int | None, seed: int
    ):
        self._records, self._rows, self._seed = list(records), rows, seed
        self._batches = np.array([-(-count // rows) for count in records], np.int64)
        self._ends = np.cumsum(self._batches)
        self.batches = int(self._batches.sum())
        self._last_copy = last_copy
        self._updates = updates

    @property
    def passes(self) -> float | None:
        """How often each file is gone over; None where the clock decides."""
        return None if self._updates is None else self._updates / self.batches

    def place(self, step: int) -> tuple[int, int, int]:
        """(file, which pass over it, which batch of that pass) of update number `step`, from 0."""
        if self._updates is not None:
            # In whole numbers, so that no rounding moves a border.
            ends = self._ends * self._updates // self.batches
            file = int(np.searchsorted(ends, min(step, self._updates - 1), side="right"))
            first = int(ends[file - 1]) if file else 0
            return (file, *divmod(step - first, int(self._batches[file])))
        repeat = 0
        if step >= self.batches:
            first = int(self._ends[self._last_copy - 1]) if self._last_copy else 0
            again, step = divmod(step - self.batches, self.batches - first)
            repeat, step = again + 1, step + first
        file = int(np.searchsorted(self._ends, step, side="right"))
        return file, repeat, step - int(self._ends[file] - self._batches[file])

    def batch(self, step: int) -> tuple[int, np.ndarray]:
        """The file and the rows in it, int [rows]; -1 is an empty row."""
        file, repeat, index = self.place(step)
        return file, self._shuffled(file, repeat)[index]

    @functools.lru_cache(maxsize=2)  # noqa: B019 - a plan lives as long as its training
    def _shuffled(self, file: int, repeat: int) -> np.ndarray:
        draws = np.random.default_rng([self._seed, file, repeat])
        return in_batches(draws.permutation(self._records[file]), self._rows)


class ReplacedData:
    """The files `replaced-*` of a dataset.

    Args:
      length: of a window. updates: of the training, None where the clock decides its length.
    """

    def __init__(
        self, dataset: str, length: int, batch_tokens: int, updates: int | None, seed: int
    ):
        self._dataset, self._length = dataset, length
        described = read_dataset_info(dataset)["replacements"]
        # An empty file can be one of many; it has no batch to give.
        self._shards: list[dict[str, Any]] = [s for s in described["shards"] if s["records"]]
        self.copies = int(described["copies"])
        self.windows = sum(shard["records"] for shard in self._shards) // self.copies
        last_copy = sum(shard["copy"] < self.copies - 1 for shard in self._shards)
        self.plan = FallingPlan(
            [shard["records"] for shard in self._shards],
            last_copy,
            bucketing.rows_for(length, batch_tokens),
            updates,
            seed,
        )

    def summary(self) -> str:
        """How the training goes through the files, in words."""
        first, last = (self._shards[place]["temperature"] for place in (0, -1))
        told = f"{self.copies} copies of {self.windows} windows, temperature {first:g} to {last:g}"
        passes = self.plan.passes
        if passes is None:
            return f"{told}, read once, then the last copy again and again until the time is over"
        if passes < _MANY_PASSES:
            return told
        wanted = round(passes * self.copies)
        return f"{told}, each read {passes:.1f} times; set dataset.replacements.copies to {wanted}"

    def temperature(self, step: int) -> float:
        """At which the replacements of a step's batch were drawn."""
        return self._shards[self.plan.place(step)[0]]["temperature"]

    def arrays(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """int32 [rows, length] each: token ids, the same with replacements, segment ids.

        Raises InputError naming a file that is missing, cut or damaged.
        """
        file, rows = self.plan.batch(step)
        columns = self._read(file)
        tokens, segments, replaced = (
            columns.rows(name, rows, self._length) for name in features.REPLACED
        )
        return tokens, replaced, segments

    @functools.lru_cache(maxsize=1)  # noqa: B019 - as long as its training
    def _read(self, file: int) -> Columns:
        return read_shards(self._dataset, [self._shards[file]], features.REPLACED)
