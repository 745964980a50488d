"""`electra plan`: what `electra run` would do, from the job file and the files it names."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

from electra_model.config import LoopConfig
from electra_model.errors import printable
from pipelines import files, tasks
from pipelines.foresight import foresight
from pipelines.foresight.foresight import Outlook
from pipelines.prepare import PreparePlan

from ..engines import engines
from ..jobs import job_inputs, stages
from ..jobs.job import JobConfig
from ..terminal.progress import clock, counted, say, size
from . import durations, foretold
from .durations import Seconds

# A prepare that has done less of its megabytes went on with another one, or did little again.
_WHOLE = 0.9

# Where prepare was stopped behind its last step.
_ALL_DONE = "all of it is done; what is left is to say so"


@dataclasses.dataclass
class _Row:
    """A stage as it is shown. guess: seconds, as far as they are known without measuring."""

    stage: str
    decision: str
    reason: str
    guess: Seconds | None = None


def show(job: JobConfig, write: Callable[[str], None], *, measures: bool = False) -> dict[str, Any]:
    """Writes what would be done and why, a line for each stage; of prepare also for its own.

    measures: also how long it would take and what it would need, from some ten seconds of measuring
    (`forecast`), which is kept in the work folder.

    Raises `InputError` for a missing input, like the run itself.

    Returns:
      {"workdir", "stages": {name: "run", "skip" or "perhaps"}, "prepare": [{"stage", "todo",
      "total", "why"}] (see `pipelines.foresight.foresight`), "seconds": {name: [least, most]} of
      stages whose time can be told, "warnings": of the inputs}, and "foretold" where it was
      measured (`Forecast.to_json`). "perhaps": the stage is complete, but a stage before it would
      run and may change its input.
    """
    engines.reach_stores(job.runner)
    plan = job_inputs.check_texts(job)
    warnings = job_inputs.warnings_of(job, plan)
    job_inputs.check_documents(job)
    rows, outlooks = _decided(job, plan)
    seconds = {row.stage: row.guess for row in rows if row.guess is not None}
    told: dict[str, Any] = {}
    if measures:
        measured, found = _forecast(job, plan, rows, outlooks, seconds)
        warnings = [*warnings, *measured.problems]
        told = {"foretold": found.to_json()}
        seconds |= found.seconds
    what = tasks.in_words(job.task, job.source_lang, job.target_lang)
    lines = [f"{what}, work folder {job.workdir}, runner {_runner(job)}"]
    earlier = _seconds(job)
    for row in rows:
        time = _told_time(row, job, seconds.get(row.stage), measures)
        parts = [row.reason, *_details(row, job, earlier), time]
        shown = "; ".join(part for part in parts if part)
        lines.append(f"  {row.stage:<10} {row.decision:<8} {shown}")
        if row.stage == "prepare" and row.reason != _ALL_DONE:
            lines += [f"    {line}" for line in in_words(outlooks)]
    if measures:
        lines += _in_all(found)
    for line in [*lines, *(f"  warning: {warning}" for warning in warnings)]:
        write(printable(line))
    return {
        "workdir": job.workdir,
        "stages": {row.stage: row.decision for row in rows},
        "prepare": [one.to_json() for one in outlooks],
        "seconds": {name: [round(value) for value in both] for name, both in seconds.items()},
        "warnings": warnings,
        **told,
    }


def _decided(job: JobConfig, plan: PreparePlan | None) -> tuple[list[_Row], list[Outlook]]:
    """What becomes of each stage, and of the stages of prepare where it runs."""
    rows: list[_Row] = []
    outlooks: list[Outlook] = []
    upstream_runs = False
    for stage in stages.STAGES:
        state = stages.look(stage, job)
        if state.runs:
            row = _Row(stage.name, "run", state.reason)
        elif state.status == "complete" and upstream_runs:
            row = _Row(stage.name, "perhaps", "complete; again only if its input changes")
        else:
            row = _Row(stage.name, "skip", state.reason)
        rows.append(row)
        if stage.name == "prepare" and row.decision == "run" and plan is not None:
            outlooks = foresight.foresee(job_inputs.prepare_config(job), plan)
            if all(one.todo == 0 for one in outlooks):
                row.reason = _ALL_DONE
                continue
        upstream_runs = upstream_runs or row.decision != "skip"
        if row.decision != "skip" and (guess := _guess(stage.name, job, outlooks, plan)):
            row.guess = guess if row.decision == "run" else (0.0, guess[1])
    return rows, outlooks


def _details(row: _Row, job: JobConfig, earlier: dict[str, float]) -> list[str]:
    if row.decision == "skip" or row.reason == _ALL_DONE:
        return []
    before = f"took {clock(earlier[row.stage])} before" if row.stage in earlier else ""
    return [_size(row.stage, job), before]


def _told_time(row: _Row, job: JobConfig, seconds: Seconds | None, measures: bool) -> str:
    if seconds is None or (not measures and seconds == _named_minutes(row.stage, job)):
        return ""
    known = measures or row.stage != "prepare" or durations.tells_much(durations.pace_of(job))
    return _time(*seconds, measured=known)


def _forecast(
    job: JobConfig,
    plan: PreparePlan | None,
    rows: Sequence[_Row],
    outlooks: Sequence[Outlook],
    seconds: dict[str, Seconds],
) -> tuple[Any, Any]:
    """What was measured, and the forecast, which is kept."""
    from . import forecast

    say("plan: measuring for some ten seconds (--no-measure leaves it out)")
    wanted = [row.stage for row in rows if row.decision == "run" and row.reason != _ALL_DONE]
    measured = forecast.measure(job, plan, wanted)
    if measured.prepare is not None and plan is not None:
        workers = engines.for_prepare(job.runner, plan.units).workers or 1
        seconds = seconds | {
            "prepare": durations.of_prepare_measured(
                outlooks, plan.units, workers, measured.prepare
            )
        }
    found = forecast.of(job, measured, wanted, seconds, plan)
    foretold.keep(job, found.to_json())
    return measured, found


def _in_all(forecast: Any) -> list[str]:
    parts = []
    least, most = forecast.total_seconds
    if most:
        parts.append(_time(least, most, measured=True).removeprefix("will take "))
    if forecast.peak_bytes:
        parts.append(f"up to {size(forecast.peak_bytes)} of memory")
    if disk := sum(forecast.disk_bytes.values()):
        parts.append(f"about {size(disk)} on the disk")
    return [f"  in all     {', '.join(parts)}"] if parts else []


def foretold_seconds(name: str, job: JobConfig, plan: PreparePlan | None) -> Seconds | None:
    """The seconds that `show` tells of a stage that is about to run, for `run.json`; None where
    nothing is known. Of prepare, whose `plan` it is given, it says what it goes on from."""
    if plan is None:
        return _guess(name, job, [], None)
    outlooks = foresight.foresee(job_inputs.prepare_config(job), plan)
    if left := foresight.left_off(outlooks):
        say(f"prepare: goes on from what is there: {left_off(left)}")
    return _guess(name, job, outlooks, plan)


def _guess(
    name: str, job: JobConfig, outlooks: Sequence[Outlook], plan: PreparePlan | None
) -> Seconds | None:
    if name == "prepare" and plan is not None:
        pace = durations.pace_of(job)
        identifies = job.clean.wrong_language is not False
        workers = engines.for_prepare(job.runner, plan.units).workers or 1
        return durations.of_prepare(outlooks, plan.units, workers, pace, identifies=identifies)
    return durations.of_training(job, name) if name in ("pretrain", "train") else None


def _named_minutes(name: str, job: JobConfig) -> Seconds | None:
    """The time that the job file itself gives a training; what is left of it may be less."""
    minutes = getattr(job, name).minutes if name in ("pretrain", "train") else None
    return None if minutes is None else (minutes * 60, minutes * 60)


def _time(least: float, most: float, *, measured: bool) -> str:
    """Both ends in words, the same if there is little between them."""
    if not measured:
        return f"a guess: {clock(least)} to {clock(most)}"
    if most - least < max(1.0, 0.1 * most):
        return f"will take about {clock(most)}"
    return f"will take {clock(least)} to {clock(most)}"


def left_off(outlooks: Sequence[Outlook]) -> str:
    """What is done of `foresight.left_off`, in words; "" where that is [].

    >>> left_off([Outlook("clean", 0, 9, ""), Outlook("split", 5, 12, foresight.LEFT)])
    'clean is done, and 7 of 12 units of split'
    """
    done = [one.stage for one in outlooks if one.todo == 0]
    rest = [one for one in outlooks if one.todo != 0]
    if len(done) > 1:
        done = [f"{', '.join(done[:-1])} and {done[-1]}"]
    parts = [f"{done[0]} {'are' if ' and ' in done[0] else 'is'} done"] if done else []
    for one in rest:
        if one.todo is not None and one.total is not None and one.todo < one.total:
            count = f"{one.total - one.todo:,} of {one.total:,} units of {one.stage}"
            parts.append(f"and {count}" if parts else f"{count} are done")
    return ", ".join(parts)


def in_words(outlooks: Sequence[Outlook]) -> list[str]:
    """A line for each stage of prepare; one for stages in a row of which the same is to be said.

    >>> in_words([Outlook("clean", 0, 9, ""), Outlook("split", 5, 12, foresight.LEFT)])
    ['clean: nothing', 'split: 5 of 12 units left']
    """
    grouped = itertools.groupby(outlooks, key=_what)
    return [f"{', '.join(one.stage for one in group)}: {what}" for what, group in grouped]


def _what(one: Outlook) -> str:
    if one.todo == 0:
        return "nothing" + (f" ({one.why})" if one.why else "")
    if one.why.startswith(foresight.CANNOT):
        return one.why
    if one.todo is None or one.stage == foresight.PUBLISH:
        if one.why == foresight.FIRST:
            return "to be done"
        return f"again{_because(one.why)}"
    units = "unit" if one.total == 1 else "units"
    if one.why == foresight.LEFT:
        return f"{one.todo:,} of {one.total:,} {units} left"
    if one.why == foresight.FIRST:
        return f"{one.todo:,} {units}"
    if one.todo == one.total:
        return f"again{_because(one.why)}"
    return f"{one.todo:,} of {one.total:,} {units}{_because(one.why)}"


def _because(why: str) -> str:
    if why.startswith("if "):
        return f" {why}"
    return f", {why}" if why.startswith("since ") else f" ({why})"


def _runner(job: JobConfig) -> str:
    workers = job.runner.workers
    if workers is None:
        return f"{job.runner.name} with as many workers as the input is worth"
    return f"{job.runner.name} with {counted(workers, 'worker')}"


def _size(name: str, job: JobConfig) -> str:
    """How much the stage has to do, in words."""
    if name == "prepare":
        data = job.data
        patterns = {"data.train": data.train, "data.valid": data.valid, "data.test": data.test}
        patterns |= {f"data.monolingual.{k}": v for k, v in data.monolingual.items()}
        return _files(patterns)
    if name == "translate":
        return _files({"translate.input": job.translate.input})
    if name in ("pretrain", "train"):
        config = job.pretrain if name == "pretrain" else job.train
        sizes = job.model.sizes()
        tokens = durations.tokens_of_update(config)
        return (
            f"{_length(config)}, {tokens} tokens an update, model {job.model.preset} "
            f"({sizes['num_layers']}+{sizes['num_decoder_layers']} layers of {sizes['d_model']})"
        )
    return ""


def _length(config: LoopConfig) -> str:
    if config.minutes is not None:
        return f"{config.minutes:g} minute{'' if config.minutes == 1 else 's'}"
    return "1 update" if config.updates == 1 else f"{config.updates} updates"


def _files(patterns: dict[str, tuple[str, ...]]) -> str:
    found = [path for key, some in patterns.items() if some for path in files.expand(some, key)]
    return f"{counted(len(found), 'file')}, {size(sum(map(files.size, found)))}"


def _seconds(job: JobConfig) -> dict[str, float]:
    """Stage -> seconds it took when it was last complete, where it was not begun by another run."""
    try:
        recorded = json.loads(files.read_bytes(job.path("run.json")))["stages"]
        return {
            name: float(entry["seconds"])
            for name, entry in recorded.items()
            if entry.get("status") == "complete" and _was_whole(entry.get("counts", {}))
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _was_whole(counts: dict[str, Any]) -> bool:
    """Whether a stage did all of its work in its last run, as far as it tells."""
    pace = counts.get("pace")
    return pace is None or pace.get("done", 0.0) >= _WHOLE * pace["megabytes"]
