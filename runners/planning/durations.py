"""How long stages may take: from what a former run has measured, else a range, else nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from electra_model.config import LoopConfig, TrainConfig
from electra_model.errors import InputError
from pipelines import files
from pipelines.foresight import stage_costs
from pipelines.foresight.foresight import Outlook
from pipelines.foresight.prepare_sample import PrepareSample
from pipelines.units import Unit

from ..jobs.job import RESOLVED_NAME, JobConfig, load_job
from ..training.metrics import read_metrics

Seconds = tuple[float, float]  # at least and at most

# A former prepare says little of the pace if it has done less than this.
_LEAST_SECONDS = 2.0
_LEAST_SHARE = 0.2

# Seconds or megabytes; not a number, an infinity or more is no measure of ours.
_MOST = 1e12

_PACE = ("prepare", "pace.json")


def of_prepare(
    outlooks: Sequence[Outlook],
    units: Sequence[Unit],
    workers: int,
    pace: dict[str, Any],
    *,
    identifies: bool = False,
) -> Seconds:
    """Seconds of what is to be done: at least what is sure, at most what may come on top.

    Args:
      pace: of a former run (`PrepareProgress.pace`); where it says too little (`tells_much`), or is
        {}, the ranges of `stage_costs` are taken. identifies: whether `clean.wrong_language` is on,
        which a pace that says enough has met already.
    """
    size = stage_costs.text_bytes(units)
    fast, slow = _factors(pace, size, workers)
    extra = (0.0, 0.0)
    if identifies and not tells_much(pace):
        extra = stage_costs.seconds_of_identifying(size, workers)

    def seconds_of(name: str, usual: float) -> Seconds:
        more = extra if name == "clean" else (0.0, 0.0)
        return usual * fast + more[0], usual * slow + more[1]

    return _of_stages(outlooks, size, workers, _start(pace), seconds_of)


def _of_stages(
    outlooks: Sequence[Outlook],
    size: int,
    workers: int,
    start: Seconds,
    seconds_of: Callable[[str, float], Seconds],
) -> Seconds:
    """The start, and of every stage the part that is to be done of its `seconds_of`: its name and
    its usual seconds (`stage_costs.costs`) to at least and at most."""
    stages = [one for one in outlooks if one.stage in stage_costs.NAMES]
    costs = stage_costs.costs([one.stage for one in stages], size, workers)
    least, most = start
    for one, cost in zip(stages, costs, strict=True):
        fast, slow = seconds_of(one.stage, cost.seconds)
        least += fast * _share(one) * one.sure
        most += slow * _share(one)
    return least, most


def _share(one: Outlook) -> float:
    """Of a stage, what is to be done."""
    if one.todo == 0:
        return 0.0
    return one.todo / one.total if one.todo is not None and one.total else 1.0


def of_prepare_measured(
    outlooks: Sequence[Outlook],
    units: Sequence[Unit],
    workers: int,
    sample: PrepareSample,
) -> Seconds:
    """As `of_prepare`, from a part of the input that was prepared a moment ago."""
    growing = [name for name in sample.seconds if stage_costs.grows(name)]
    usually = sum(cost.seconds for cost in stage_costs.costs(growing, sample.text_bytes, 1))
    factor = sum(map(sample.seconds.__getitem__, growing)) / usually

    def seconds_of(name: str, usual: float) -> Seconds:
        grows = stage_costs.grows(name)
        seconds = usual * factor if grows else sample.seconds.get(name, usual)
        return exactly(seconds + stage_costs.STAGE_SECONDS)

    start = exactly(stage_costs.STARTED_SECONDS)
    return _of_stages(outlooks, stage_costs.text_bytes(units), workers, start, seconds_of)


def _start(pace: dict[str, Any]) -> Seconds:
    """What does not hang on the input."""
    start = pace.get("start_seconds", stage_costs.START_SECONDS)
    return start, start if tells_much(pace) else max(stage_costs.MOST_START_SECONDS, start)


def _factors(pace: dict[str, Any], size: int, workers: int) -> Seconds:
    """By what the seconds of `stage_costs` are multiplied."""
    if tells_much(pace):
        factor = pace["seconds"] / pace["expected_seconds"]
        return factor, factor
    usual = sum(cost.seconds for cost in stage_costs.costs(stage_costs.ALWAYS, size, workers))
    fast, slow = stage_costs.seconds_without_measure(size, workers)
    return fast / usual, slow / usual


def tells_much(pace: dict[str, Any]) -> bool:
    """Whether a former prepare did enough to tell the pace of the next one."""
    try:
        return (
            pace["seconds"] >= _LEAST_SECONDS
            and pace["done"] >= _LEAST_SHARE * pace["megabytes"]
            and pace["expected_seconds"] > 0
        )
    except (KeyError, TypeError):
        return False


def keep_pace(job: JobConfig, pace: dict[str, Any]) -> None:
    """Keeps what a prepare has measured of itself, unless it has done too little to say much and
    one before it had done more.
    """
    if tells_much(pace) or ("start_seconds" in pace and not tells_much(pace_of(job))):
        files.write_atomic(job.path(*_PACE), json.dumps(pace).encode())


def pace_of(job: JobConfig) -> dict[str, Any]:
    """What was kept of the former prepares of the job (`keep_pace`); {} where there is nothing,
    or something else."""
    try:
        kept = json.loads(files.read_bytes(job.path(*_PACE)))
    except (OSError, ValueError, IndexError):
        return {}
    if not isinstance(kept, dict) or not all(map(_is_amount, kept.values())):
        return {}
    return kept


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= _MOST


def of_training(job: JobConfig, name: str) -> Seconds | None:
    """Seconds that "pretrain" or "train" trains for, compiling apart; None where nobody knows.

    Updates are counted with the seconds that one took in a former run of the job with the same
    model and batches, as `metrics.jsonl` has them; what such a run under all of the same settings
    has done already is not done again.
    """
    config = getattr(job, name)
    former = _former(job)
    if former is not None and former.model.resolved() != job.model.resolved():
        former = None
    same = former is not None and getattr(former, name) == config
    lines = read_metrics(job.path(name, "metrics.jsonl"))
    timed = [line for line in lines if line.get("elapsed_seconds") and line.get("step")]
    last = timed[-1] if timed else {"step": 0, "elapsed_seconds": 0.0}
    if config.minutes is not None:
        seconds = config.minutes * 60
        return exactly(seconds - last["elapsed_seconds"] if same else seconds)
    if not timed or former is None:
        return None
    if tokens_of_update(getattr(former, name)) != tokens_of_update(config):
        return None
    steps = (config.updates or 0) - (last["step"] if same else 0)
    return exactly(steps * last["elapsed_seconds"] / last["step"])


def tokens_of_update(config: LoopConfig) -> int:
    """Padded tokens of one update, of all of its batches."""
    return config.batch_tokens * (config.accumulate if isinstance(config, TrainConfig) else 1)


def exactly(seconds: float) -> Seconds:
    """At least and at most so many."""
    return max(0.0, seconds), max(0.0, seconds)


def _former(job: JobConfig) -> JobConfig | None:
    """The job as it was when any of its stages was last run."""
    path = job.path(RESOLVED_NAME)
    try:
        return None if files.is_remote(path) else load_job(path)
    except InputError:
        return None
