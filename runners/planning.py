"""`electra plan`: what `electra run` would do, from the job file and the files it names."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

from electra_model.config import LoopConfig
from electra_model.errors import printable
from pipelines import files, foresight, tasks
from pipelines.foresight import Outlook
from pipelines.prepare import PreparePlan

from . import durations, engines, job_inputs, stages
from .durations import Seconds
from .job import JobConfig
from .progress import clock, counted, say, size

# A prepare that has done less of its megabytes went on with another one, or did little again.
_WHOLE = 0.9

# Where prepare was stopped behind its last step.
_ALL_DONE = "all of it is done; what is left is to say so"


def show(job: JobConfig, write: Callable[[str], None]) -> dict[str, Any]:
    """Writes what would be done and why, a line for each stage; of prepare also for its own.

    Raises `InputError` for a missing input, like the run itself.

    Returns:
      {"workdir", "stages": {name: "run", "skip" or "perhaps"}, "prepare": [{"stage", "todo",
      "total", "why"}] (see `pipelines.foresight`), "seconds": {name: [least, most]} of stages whose
      time can be told, "warnings": of the inputs}. "perhaps": the stage is complete, but a stage
      before it would run and may change its input.
    """
    engines.reach_stores(job.runner)
    plan = job_inputs.check_texts(job)
    warnings = job_inputs.warnings_of(job, plan)
    job_inputs.check_documents(job)
    earlier = _seconds(job)
    decided: dict[str, str] = {}
    prepare: list[Outlook] = []
    seconds: dict[str, Seconds] = {}
    upstream_runs = False
    what = tasks.in_words(job.task, job.source_lang, job.target_lang)
    lines = [f"{what}, work folder {job.workdir}, runner {_runner(job)}"]
    for stage in stages.STAGES:
        state = stages.look(stage, job)
        if state.runs:
            decision = "run"
        elif state.status == "complete" and upstream_runs:
            decision = "perhaps"
        else:
            decision = "skip"
        decided[stage.name] = decision
        reason = state.reason
        if decision == "perhaps":
            reason = "complete; again only if its input changes"
        if stage.name == "prepare" and decision == "run" and plan is not None:
            prepare = foresight.foresee(job_inputs.prepare_config(job), plan)
            if all(one.todo == 0 for one in prepare):
                lines.append(f"  {stage.name:<10} {decision:<8} {_ALL_DONE}")
                continue
        upstream_runs = upstream_runs or decision != "skip"
        guessed = None if decision == "skip" else _guess(stage.name, job, prepare, plan)
        if guessed is not None:
            least, most = guessed
            seconds[stage.name] = guessed if decision == "run" else (0.0, most)
        parts = [reason, _size(stage.name, job) if decision != "skip" else ""]
        if stage.name in earlier and decision != "skip":
            parts.append(f"took {clock(earlier[stage.name])} before")
        if guessed is not None and guessed != _named_minutes(stage.name, job):
            measured = stage.name != "prepare" or durations.tells_much(durations.pace_of(job))
            parts.append(_time(*guessed, measured=measured))
        shown = "; ".join(part for part in parts if part)
        lines.append(f"  {stage.name:<10} {decision:<8} {shown}")
        if stage.name == "prepare":
            lines += [f"    {line}" for line in in_words(prepare)]
    for line in [*lines, *(f"  warning: {warning}" for warning in warnings)]:
        write(printable(line))
    return {
        "workdir": job.workdir,
        "stages": decided,
        "prepare": [one.to_json() for one in prepare],
        "seconds": {name: [round(value) for value in both] for name, both in seconds.items()},
        "warnings": warnings,
    }


def foretold(name: str, job: JobConfig, plan: PreparePlan | None) -> Seconds | None:
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
        return f"{config.minutes:g} minutes"
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
