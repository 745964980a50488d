"""What the stages of prepare cost, for progress and for a guess at the time beforehand.

Nothing but what is shown depends on these numbers. What counts is their relation to each other: it
divides the progress bar among the stages. They were measured on 64 MB of English documents in JSONL
on two cores (November 2026), those of near duplicates and of `held_out` by comparison with `clean`
on 42 MB of such documents and 11 MB of sentence pairs; that of `replacement` is a guess.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..units import Unit

# Seconds of one core for so many bytes of input.
_BYTES = 64e6
_SECONDS = {
    "clean": 0.85,
    "dedup": 0.10,
    "signatures": 1.3,
    "bands": 0.4,
    "near": 0.06,
    "held_out": 0.06,
    "split": 0.76,
    "words": 0.13,
    "pieces": 0.61,
    "encode": 0.40,
    "shards": 0.90,
    # A generator runs over every window, some times over: ten thousand tokens a second or so.
    "replacement": 2000.0,
}
# Seconds that do not hang on the size of the input.
_FIXED_SECONDS = {"vocabulary": 2.0, "shortlist": 20.0}

# Text to its compressed form: gzip makes a third of English, xz a quarter to a fifth.
UNFOLDING = 4

NAMES = (*_SECONDS, *_FIXED_SECONDS)
# The stages that every job has.
ALWAYS = ("clean", "dedup", "split", "words", "vocabulary", "pieces", "encode", "shards")

# Into how many tasks a stage is divided at most, where that is few.
_MOST_TASKS = {"dedup": 1, "near": 1, "vocabulary": 1, "shortlist": 1, "words": 4, "pieces": 4}

# All stages of a first run with two workers on two cores. The least is half of what
# `tests/benchmarks/RESULTS.md` has for 1,000 MB of documents, for a machine may be slow or busy;
# the most what the seconds above come to. Then what does not hang on the input: the command and
# every worker import libraries, and every stage begins. On other machines than the quiet one of
# those numbers small jobs took 23 to 41 seconds in all.
_MEGABYTES_PER_SECOND = (8.0, 20.0)
START_SECONDS = 10.0
MOST_START_SECONDS = 40.0
# Where the stages were measured: until the first begins, and what each takes besides its work.
STARTED_SECONDS = 3.5
STAGE_SECONDS = 0.4

# Of one core, where `clean.wrong_language` looks at the texts.
_IDENTIFIED_PER_SECOND = (1.0, 2.0)


@dataclasses.dataclass(frozen=True)
class StageCost:
    """A stage, and the seconds that it takes by the clock."""

    name: str
    seconds: float


def text_bytes(units: Sequence[Unit]) -> int:
    """About how many bytes of text the units hold: what is compressed is taken times four."""
    return sum(unit.size * (UNFOLDING if unit.compression else 1) for unit in units)


def grows(name: str) -> bool:
    """Whether what a stage takes depends on the size of the input."""
    return name in _SECONDS


def costs(names: Sequence[str], size: int, workers: int) -> list[StageCost]:
    """What each of the stages takes, by the clock, for so many bytes of text."""
    found = []
    for name in names:
        at_once = max(1, min(workers, _MOST_TASKS.get(name, workers)))
        seconds = _FIXED_SECONDS.get(name, 0.0) + _SECONDS.get(name, 0.0) * size / _BYTES / at_once
        found.append(StageCost(name, seconds))
    return found


def seconds_without_measure(size: int, workers: int) -> tuple[float, float]:
    """The least and the most seconds for all stages of so many bytes, where no run was timed."""
    slow, fast = (rate * workers / 2 * 1e6 for rate in _MEGABYTES_PER_SECOND)
    return size / fast, size / slow


def seconds_of_identifying(size: int, workers: int) -> tuple[float, float]:
    """The least and the most seconds that `clean.wrong_language` adds for so many bytes."""
    slow, fast = (rate * workers * 1e6 for rate in _IDENTIFIED_PER_SECOND)
    return size / fast, size / slow
