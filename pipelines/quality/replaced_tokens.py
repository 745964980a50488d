"""What the model's own discriminator says of translations: which of their tokens look replaced.

A model folder whose pretraining was kept has one (see `electra_model.discriminator`). It needs no
reference. Of each segment it gives how many tokens it judged, and how many of these it takes for
replaced: the sum of their probabilities. Protected spans are left out, for they are no language.
What is remembered is judged as well; what is flagged so is not tried again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ..config import TranslateConfig
from ..texts import protected_spans
from ..translation.outcome import Outcome
from . import quality

FLAG = "replaced_tokens"

# Of the sum of probabilities that is written down.
DECIMALS = 4


def asked_for(config: TranslateConfig, card: dict[str, Any]) -> bool:
    """Whether a run judges translations; card: the model's `model.json`."""
    checks = config.checks
    wanted = checks.enabled and checks.replaced_tokens is not False
    return wanted and config.engine == "tensorflow" and "discriminator" in card


def judged(
    model: Any, segments: Sequence[str], outcomes: Sequence[Outcome], *, bound: float
) -> list[Outcome]:
    """The outcomes with what was found, and flagged where the mean probability is over `bound`.

    model: an `electra_model.export.LoadedModel` with a discriminator.
    """
    pairs = {
        (segment, one.translation): None
        for segment, one in zip(segments, outcomes, strict=True)
        if one.translation
    }
    sides = [
        [" ".join(protected_spans.around(pair[side]).split()) for pair in pairs] for side in (0, 1)
    ]
    found = {
        pair: (len(tokens), round(float(tokens.sum(dtype="float64")), DECIMALS))
        for pair, tokens in zip(
            pairs, model.discriminator.replaced(model.tokenizer, *sides), strict=True
        )
    }
    return [
        _with(one, found.get((segment, one.translation)), bound)
        for segment, one in zip(segments, outcomes, strict=True)
    ]


def _with(outcome: Outcome, found: tuple[int, float] | None, bound: float) -> Outcome:
    if found is None:
        return outcome
    tokens, replaced = found
    flags = outcome.flags
    if replaced > bound * tokens:
        flags = quality.in_order({*flags, FLAG})
    return dataclasses.replace(outcome, replaced=found, flags=flags)
