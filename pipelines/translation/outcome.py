"""What a segment has become, and how sure the model is of several."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a segment has become.

    Attributes:
      translation: one line; empty where the model gave nothing.
      score: to 4 decimals; None where it is no number.
      flags: what is wrong with it, as slugs, in a fixed order.
      first_flags: the same of the first answer, where the segment was tried again.
      replaced: tokens, and how many of them look replaced, where that was asked (see
        `replaced_tokens`). The memory does not keep it.
    """

    translation: str
    score: float | None
    flags: tuple[str, ...] = ()
    first_flags: tuple[str, ...] = ()
    replaced: tuple[int, float] | None = None


def mean_score(scores: Sequence[float | None]) -> float | None:
    """The mean, to 4 decimals, of the scores that are finite numbers; None when there is none."""
    finite = [score for score in scores if score is not None and math.isfinite(score)]
    return round(math.fsum(finite) / len(finite), 4) if finite else None
