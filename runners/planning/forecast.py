"""What a run of a job will take: time, memory and disk, from some seconds of measuring on this
machine with the job's own inputs.

What cannot be measured is left out, and why is said.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Collection, Iterator
from typing import Any

from electra_model import threads
from electra_model.errors import InputError, WorkError
from pipelines import files, inference
from pipelines.foresight import prepare_sample, stage_costs, translation_sample
from pipelines.foresight.prepare_sample import PrepareSample
from pipelines.foresight.translation_sample import TranslationSample
from pipelines.prepare import PreparePlan
from pipelines.translation import translation_plan

from ..engines import engines
from ..engines.engine_config import RunnerConfig
from ..jobs import job_inputs, run_record
from ..jobs.job import JobConfig
from . import network_sizes, training_pace, translation_pace
from .durations import Seconds, exactly
from .translation_pace import TranslationPace

_TRAININGS = ("pretrain", "train")

# Where they were measured, on two cores: seconds until workers have their libraries; to compile a
# training, and more for each shape; of the report. Memory of what starts a pipeline.
_WORKERS_START = 14.0
_COMPILING = (40.0, 6.0)
_REPORT = (3.0, 10.0)
_PIPELINE_BYTES = 0.4e9


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured; None, or missing, where that was not wanted or not possible.

    Attributes:
      prepare: of the texts to learn from; prepare_bytes: memory of the process after it.
      updates: of "pretrain" and "train", at least and at most the seconds of an update.
      documents: of the documents to translate. translation: of the search.
      problems: why what was wanted is missing.
    """

    prepare: PrepareSample | None = None
    prepare_bytes: int = 0
    updates: dict[str, Seconds] = dataclasses.field(default_factory=dict)
    documents: TranslationSample | None = None
    translation: TranslationPace | None = None
    problems: tuple[str, ...] = ()


def measure(job: JobConfig, plan: PreparePlan | None, wanted: Collection[str]) -> Measured:
    """Does a little of what the stages `wanted` will do: for some ten seconds, elsewhere."""
    found: dict[str, Any] = {"updates": {}}
    problems: list[str] = []

    @contextlib.contextmanager
    def part(name: str) -> Iterator[None]:
        try:
            yield
        except (InputError, WorkError) as error:
            problems.append(f"{name} could not be measured: {error}")

    with tempfile.TemporaryDirectory(prefix="electra-plan-") as folder:
        if "prepare" in wanted and plan is not None:
            with part("prepare"):
                config = job_inputs.prepare_config(job)
                place = files.join(folder, "prepare")
                found["prepare"] = prepare_sample.measure(config, plan, place)
                found["prepare_bytes"] = run_record.peak_bytes()
        for stage in _TRAININGS:
            if stage in wanted and getattr(job, stage).updates is not None:
                found["updates"][stage] = training_pace.seconds_of_update(job, stage)
        if "translate" in wanted:
            with part("translate"):
                _measure_translation(job, files.join(folder, "translate"), found)
    return Measured(**found, problems=tuple(problems))


def _measure_translation(job: JobConfig, folder: str, found: dict[str, Any]) -> None:
    model = job.translate.model or job.path("model")
    there = files.exists(files.join(model, "model.json"))
    if there:
        card = inference.read_model_card(model)
    else:
        card = {name: getattr(job, name) for name in ("task", "source_lang", "target_lang")}
    config = dataclasses.replace(job.translate, model=model)
    found["documents"] = drawn = translation_sample.draw(config, card, folder)
    if not drawn.segments:
        raise InputError("translate.input: no text was found where it was looked for")
    if there:
        found["translation"] = translation_pace.of_model(config, card, drawn.segments, folder)
    else:
        found["translation"] = translation_pace.of_sizes(job, drawn.segments)


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Of a whole run, of what could be measured.

    Attributes:
      seconds: stage -> at least and at most. peak_bytes: the most memory at once.
      disk_bytes: stage -> what it will write.
    """

    seconds: dict[str, Seconds]
    peak_bytes: float
    disk_bytes: dict[str, float]

    @property
    def total_seconds(self) -> Seconds:
        """Of all stages."""
        least, most = zip(*self.seconds.values(), strict=True) if self.seconds else ((), ())
        return sum(least), sum(most)

    def to_json(self) -> dict[str, Any]:
        """Rounded, with the sums."""
        return {
            "seconds": {name: [*map(round, both)] for name, both in self.seconds.items()},
            "total_seconds": [*map(round, self.total_seconds)],
            "peak_memory_bytes": round(self.peak_bytes),
            "disk_bytes": {name: round(size) for name, size in self.disk_bytes.items()},
        }


def of(
    job: JobConfig,
    measured: Measured,
    wanted: Collection[str],
    seconds: dict[str, Seconds],
    plan: PreparePlan | None,
) -> Forecast:
    """What the stages `wanted` will take.

    seconds: stage -> what is known of it otherwise: of prepare, of trainings without compiling.
    """
    found = {name: seconds[name] for name in wanted if name in seconds}
    for stage in _TRAININGS:
        if stage not in wanted:
            continue
        if stage not in found and stage in measured.updates:
            updates = getattr(job, stage).updates
            least, most = (updates * one for one in measured.updates[stage])
            found[stage] = least, most
        if stage in found:
            compiling = _compile_seconds(job, stage)
            found[stage] = found[stage][0] + compiling, found[stage][1] + compiling
    pace, sample = measured.translation, measured.prepare
    if pace is not None and measured.documents is not None:
        work = measured.documents.all_segments / pace.per_second
        found["translate"] = exactly(_WORKERS_START + pace.start_seconds + work)
    if pace is not None and sample is not None and plan is not None and "evaluate" in wanted:
        rows = sum(u.size for u in plan.units if u.role == "test") * sample.records
        characters = sample.text_bytes / sample.records / 2
        rate = pace.per_second * pace.characters / characters
        # Behind a training the libraries are there.
        start = pace.start_seconds / (2 if "train" in wanted else 1)
        found["evaluate"] = exactly(start + rows / sample.text_bytes / rate)
    if "report" in wanted:
        found["report"] = _REPORT
    peak, disk = _peak(job, measured, wanted, plan), _disk(job, measured, wanted, plan)
    return Forecast(found, peak, disk)


def _compile_seconds(job: JobConfig, stage: str) -> float:
    """Until all shapes of a training are compiled."""
    shapes = 1 if stage == "pretrain" or job.dataset.pack_pairs else len(job.train.buckets)
    return _COMPILING[0] + _COMPILING[1] * shapes


def _peak(
    job: JobConfig, measured: Measured, wanted: Collection[str], plan: PreparePlan | None
) -> float:
    """Of the stage that takes the most. What a training has taken its process keeps."""
    trains = any(stage in wanted and not getattr(job, stage).skipped for stage in _TRAININGS)
    kept = network_sizes.training_bytes(job) if trains else 0.0
    found: list[float] = [kept]
    if plan is not None:
        runner = engines.for_prepare(job.runner, plan.units)
        found.append(measured.prepare_bytes * (1 + _workers(runner)))
    if measured.translation is not None and measured.documents is not None:
        unit_bytes = job.translate.unit_segments * translation_plan.BYTES_PER_SEGMENT
        runner = engines.for_translate(job.runner, measured.documents.all_bytes // unit_bytes)
        at_work = measured.translation.memory_bytes * _workers(runner)
        found.append(at_work + max(kept, _PIPELINE_BYTES))
    return max(found)


def _workers(runner: RunnerConfig) -> int:
    return runner.workers or threads.processors()


def _disk(
    job: JobConfig, measured: Measured, wanted: Collection[str], plan: PreparePlan | None
) -> dict[str, float]:
    found: dict[str, float] = {}
    if measured.prepare is not None and plan is not None:
        share = stage_costs.text_bytes(plan.units) / measured.prepare.text_bytes
        found["prepare"] = measured.prepare.written_bytes * share
    for stage in _TRAININGS:
        config = getattr(job, stage)
        if stage in wanted and not config.skipped:
            # Weights and two moments of each; behind the last one the model.
            kept = config.keep_checkpoints
            if config.minutes is not None:
                kept = min(kept, 1 + int(config.minutes / config.checkpoint_minutes) // 2)
            copies = 3 * kept + (stage == "train")
            found[stage] = 4 * network_sizes.parameters(job) * copies
    if measured.translation is not None and measured.documents is not None:
        found["translate"] = measured.documents.all_bytes * (1 + measured.translation.growth)
    return found
