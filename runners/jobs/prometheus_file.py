"""`workdir/metrics.prom`: how the stages of a job went, for Prometheus.

A textfile collector (that of `node_exporter`, such as by a link in its folder) reads it; it is the
content of `run.json` in numbers, written whenever that is.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from pipelines import files

NAME = "metrics.prom"

# Metric -> what it is, and its labels beside `workdir` and `stage`.
_METRICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "electra_stage_state": ("1 for the state that the stage is in.", ("state",)),
    "electra_stage_start_timestamp_seconds": ("When the stage was last begun.", ()),
    "electra_stage_end_timestamp_seconds": ("When the stage last ended, well or not.", ()),
    "electra_stage_duration_seconds": ("How long it took.", ()),
    "electra_stage_peak_memory_bytes": ("Most memory of its processes together.", ()),
    "electra_stage_records": ("Records that went in and came out.", ("direction",)),
    "electra_stage_rejected_records": ("Records that were rejected.", ("rule",)),
    "electra_stage_flagged_records": ("Rows whose translation is flagged.", ()),
    "electra_stage_segments": ("Segments, new ones and remembered ones.", ("source",)),
    "electra_stage_updates": ("Updates of a training.", ()),
    "electra_stage_tokens": ("Tokens of a training.", ()),
}


def write(workdir: str, stages: dict[str, Any]) -> None:
    """Writes the file, all or nothing.

    Args:
      stages: name -> entry, as in `run.json`.
    """
    files.write_atomic(files.join(workdir, NAME), exposition(workdir, stages))


def exposition(workdir: str, stages: dict[str, Any]) -> bytes:
    """The file's content."""
    registry = CollectorRegistry()
    registry.register(_Collector(workdir, stages))
    return generate_latest(registry)


class _Collector:
    def __init__(self, workdir: str, stages: dict[str, Any]) -> None:
        self._workdir, self._stages = workdir, stages

    def collect(self) -> Iterator[Metric]:
        """One family for each metric that has a value."""
        families = {
            name: GaugeMetricFamily(name, text, labels=["workdir", "stage", *labels])
            for name, (text, labels) in _METRICS.items()
        }
        for stage, entry in self._stages.items():
            for name, labels, value in _values(entry):
                families[name].add_metric([self._workdir, stage, *labels], float(value))
        yield from (family for family in families.values() if family.samples)


def _values(entry: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Metric, labels, value."""
    yield "electra_stage_state", (entry["status"],), 1
    began = datetime.datetime.strptime(entry["started"], "%Y-%m-%dT%H:%M:%S%z").timestamp()
    yield "electra_stage_start_timestamp_seconds", (), began
    if "seconds" in entry:
        yield "electra_stage_end_timestamp_seconds", (), began + entry["seconds"]
        yield "electra_stage_duration_seconds", (), entry["seconds"]
        yield "electra_stage_peak_memory_bytes", (), entry["peak_memory_bytes"]
    counts = entry.get("counts", {})
    for direction in ("in", "out"):
        if direction in counts:
            yield "electra_stage_records", (direction,), counts[direction]
    for rule, number in counts.get("rejected", {}).items():
        yield "electra_stage_rejected_records", (rule,), number
    if "flagged" in counts:
        yield "electra_stage_flagged_records", (), counts["flagged"]
    for source in ("translated", "remembered"):
        if source in counts:
            yield "electra_stage_segments", (source,), counts[source]
    for key, name in (("steps", "electra_stage_updates"), ("tokens", "electra_stage_tokens")):
        if key in counts:
            yield name, (), counts[key]
