"""What the stages of prepare cost, for progress and for a guess at the time beforehand.

Nothing but what is shown depends on these numbers. They were measured on 64 MB of English text in
JSONL on one core at 2 to 3 GHz (2026-11); what counts is their relation to each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .units import Unit

# Seconds of one core for so many bytes of input.
_BYTES = 64e6
_SECONDS = {
    "clean": 0.85,
    "dedup": 0.10,
    "signatures": 6.0,
    "bands": 1.0,
    "near": 0.3,
    "held_out": 0.10,
    "split": 0.76,
    "words": 0.13,
    "pieces": 0.61,
    "encode": 0.40,
    "shards": 0.90,
    # A generator runs over every window: some thousand tokens a second and core.
    "replacement": 2000.0,
}
# Seconds that do not hang on the size of the input.
_FIXED_SECONDS = {"vocabulary": 2.0}

# Text to its compressed form: gzip makes a third of English, xz a quarter to a fifth.
_UNFOLDING = 4

# Into how many tasks a stage is divided at most, where that is few.
_MOST_TASKS = {"dedup": 1, "near": 1, "vocabulary": 1, "words": 4, "pieces": 4}

# All stages of a first run, with two workers: text of JSONL, one core each; and pairs of
# sentences, with all of the rules of pairs. Then what comes before the first unit.
_MEGABYTES_PER_SECOND = (8.0, 20.0)
START_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class StageCost:
    """A stage and the seconds that it takes by the clock, as a share of a whole."""

    name: str
    seconds: float


def text_bytes(units: Sequence[Unit]) -> int:
    """About how many bytes of text the units hold: what is compressed is taken times four."""
    return sum(unit.size * (_UNFOLDING if unit.compression else 1) for unit in units)


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
