"""What a translation run says and does about its memory when the work is over."""

from __future__ import annotations

from typing import Any

from pipelines.config import TranslateConfig
from pipelines.inference import METRICS
from pipelines.memory import memory, memory_compaction, memory_files
from pipelines.translation.translation_plan import TranslatePlan

from .progress import say


def counts(result: Any) -> dict[str, int]:
    """Segments of a run that were "remembered" and "translated", from the result of its
    pipeline."""
    from apache_beam.metrics.metric import MetricsFilter

    found = {"remembered": 0, "translated": 0}
    for counter in result.metrics().query(MetricsFilter().with_namespace(METRICS))["counters"]:
        if counter.key.metric.name in found:
            found[counter.key.metric.name] += counter.result or 0
    return found


def in_words(done: dict[str, Any]) -> str:
    """What of a run's `counts` is worth telling: "; 200 of 202 segments were in the memory"."""
    if not done.get("remembered"):
        return ""
    total = done["remembered"] + done["translated"]
    return f"; {done['remembered']:,} of {total:,} segments were in the memory"


def tidy(config: TranslateConfig, plan: TranslatePlan) -> None:
    """Makes the memory's small files one, and warns of files that are damaged."""
    place = memory.place_of(config, plan.output, plan.settings)
    if place is None:
        return
    memory_compaction.compact(place.path)
    for path in memory_files.damaged(place.path):
        say(f"translate: warning: {path}: is damaged, so that the memory lacks it; delete it")
