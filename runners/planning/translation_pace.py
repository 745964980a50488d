"""How fast this machine translates: measured for some seconds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipelines import translate
from pipelines.config import TranslateConfig
from pipelines.foresight import sampling
from pipelines.inference import UnitText
from pipelines.translation import translation_plan

from ..jobs import run_record
from ..jobs.job import JobConfig

# Translated first, so that everything is loaded and traced; then so many to find out how many
# there are time for.
_WARM = 16
_FEW = 48
_SECONDS = 4.0

# Characters of a token; tokens of an output for each of its source.
_CHARACTERS = 4.0
_LONGER = 1.1


@dataclasses.dataclass(frozen=True)
class TranslationPace:
    """What was measured, on all cores.

    Attributes:
      start_seconds: until the first translation: importing, loading, tracing.
      per_second: segments. characters: of the mean segment that was translated, of its source.
      growth: bytes of a translation for each of its source.
      memory_bytes: of the process that translates.
    """

    start_seconds: float
    per_second: float
    characters: float
    growth: float
    memory_bytes: int


def of_model(
    config: TranslateConfig, card: dict[str, Any], segments: Sequence[str], folder: str
) -> TranslationPace:
    """By the model that is there, as a run would have it translate.

    card: what its `model.json` says; folder: an empty local one.
    """
    config = dataclasses.replace(config, memory=False)
    settings = translation_plan.settings_of(config, card)
    began = time.monotonic()
    handler = translate.handler_of(config, settings, folder)
    model = handler.load_model()

    def translated(some: Sequence[str]) -> int:
        (unit,) = handler.run_inference([UnitText(tuple(some), None)], model)
        return sum(len((outcome.translation or "").encode()) for outcome in unit.outcomes)

    return _measured(segments, translated, began)


def of_sizes(job: JobConfig, segments: Sequence[str]) -> TranslationPace:
    """By a model of the job's sizes that has learned nothing, whose outputs are a little longer
    than their sources."""
    began = time.monotonic()
    import tensorflow as tf

    from electra_model.decoding import Decoding
    from electra_model.electra import Electra
    from electra_model.inference import traced_search

    model = Electra.from_config_and_vocabulary(job.model, job.vocabulary.size)
    decoding = Decoding(job.translate.beam_size, job.translate.length_penalty)
    run = traced_search(model, decoding).get_concrete_function()
    draw = np.random.default_rng(1)

    def translated(some: Sequence[str]) -> int:
        most = job.model.max_length
        lengths = np.array([min(most, 1 + int(len(text) / _CHARACTERS)) for text in some])
        lengths = np.sort(lengths)[::-1]
        ids = draw.integers(8, job.vocabulary.size, (len(some), lengths[0]))
        ids[np.arange(lengths[0]) >= lengths[:, None]] = 0
        limits = np.minimum(most, np.ceil(lengths * _LONGER))
        none = np.zeros((len(some), 0))
        given = ((ids, tf.int32), (limits, tf.int32), (none, tf.float32), (none, tf.int32))
        run(*(tf.constant(part, dtype) for part, dtype in given))[0].numpy()
        return round(_LONGER * sum(len(text.encode()) for text in some))

    return _measured(segments, translated, began)


def _measured(
    segments: Sequence[str], translated: Callable[[Sequence[str]], int], began: float
) -> TranslationPace:
    """translated: does so, and returns the bytes of the translations."""
    mixed = [segments[place] for place in sampling.order(len(segments))]
    translated(mixed[:_WARM])
    start_seconds = time.monotonic() - began
    some = mixed[:_FEW]
    seconds, size = _timed(translated, some)
    if seconds < _SECONDS / 2 and len(mixed) > _FEW:
        some = mixed[: int(_FEW / seconds * _SECONDS)]
        seconds, size = _timed(translated, some)
    return TranslationPace(
        start_seconds=start_seconds,
        per_second=len(some) / seconds,
        characters=sum(map(len, some)) / len(some),
        growth=size / max(1, sum(len(text.encode()) for text in some)),
        memory_bytes=run_record.peak_bytes(),
    )


def _timed(translated: Callable[[Sequence[str]], int], some: Sequence[str]) -> tuple[float, int]:
    began = time.monotonic()
    size = translated(some)
    return time.monotonic() - began, size
