"""`electra plan`: what `electra run` would do, from the job file and the files it names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from electra_model.config import LoopConfig
from pipelines import files

from . import stages
from .job import JobConfig
from .progress import clock


def show(job: JobConfig, write: Callable[[str], None]) -> dict[str, Any]:
    """Writes one line per stage; returns name -> "run", "skip" or "perhaps".

    "perhaps": the stage is complete, but a stage before it would run and may change its input.
    Raises `InputError` for a missing input, like the run itself.
    """
    from . import job_inputs

    job_inputs.check_texts(job)
    job_inputs.check_documents(job)
    earlier = _seconds(job)
    decided: dict[str, str] = {}
    languages = f"{job.source_lang}-{job.target_lang}"
    lines = [f"{languages}, work folder {job.workdir}, runner {_runner(job)}"]
    for stage in stages.STAGES:
        state = stages.look(stage, job)
        upstream_runs = any(decision != "skip" for decision in decided.values())
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
        parts = [reason, _size(stage.name, job) if decision != "skip" else ""]
        if stage.name in earlier and decision != "skip":
            parts.append(f"took {clock(earlier[stage.name])} before")
        shown = "; ".join(part for part in parts if part)
        lines.append(f"  {stage.name:<10} {decision:<8} {shown}")
    for line in lines:
        write(line)
    return {"workdir": job.workdir, "stages": decided}


def _runner(job: JobConfig) -> str:
    workers = job.runner.workers
    return f"{job.runner.name} with {workers} worker{'s' if workers > 1 else ''}"


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
        return (
            f"{_length(config)}, {config.batch_tokens} tokens an update, model {job.model.preset} "
            f"({sizes['num_layers']}+{sizes['num_decoder_layers']} layers of {sizes['d_model']})"
        )
    return ""


def _length(config: LoopConfig) -> str:
    if config.minutes is not None:
        return f"{config.minutes:g} minutes"
    return f"{config.updates} updates"


def _files(patterns: dict[str, tuple[str, ...]]) -> str:
    found = [path for key, some in patterns.items() if some for path in files.expand(some, key)]
    megabytes = sum(files.size(path) for path in found) / 1e6
    return f"{len(found)} file{'s' if len(found) != 1 else ''}, {megabytes:.1f} MB"


def _seconds(job: JobConfig) -> dict[str, float]:
    """Stage -> seconds it took when it was last complete."""
    try:
        recorded = json.loads(files.read_bytes(job.path("run.json")))["stages"]
        return {
            name: entry["seconds"]
            for name, entry in recorded.items()
            if entry.get("status") == "complete"
        }
    except (OSError, ValueError, KeyError, AttributeError):
        return {}
