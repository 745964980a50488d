"""`electra doctor`: what is wrong with this machine, this job file, this model; and the remedy."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from electra_model import ctranslate2_format
from electra_model.errors import InputError, printable
from pipelines import files, tasks

from ..engines import engines
from ..jobs import stage_checks
from ..jobs.job import JobConfig, load_job
from ..planning import network_sizes
from ..terminal.progress import counted, size
from . import machine_checks
from .machine_checks import Finding

_LEAST_DISK = 5e9  # of a job of the smallest size, measured


def examine(
    job_file: str | None,
    overrides: Sequence[str],
    model: str | None,
    write: Callable[[str], None],
) -> dict[str, Any]:
    """Writes one line per check. Returns the number of checks, warnings and failures."""
    counts = {"checks": 0, "warnings": 0, "failed": 0, "input_failed": 0}
    for state, name, found in _all(job_file, overrides, model):
        write(printable(f"{'fail' if state == 'wrong' else state:<5} {name:<16} {found}"))
        counts["checks"] += 1
        counts["warnings"] += state == "warn"
        counts["failed"] += state in ("fail", "wrong")
        counts["input_failed"] += state == "wrong"
    return counts


def _all(job_file: str | None, overrides: Sequence[str], model: str | None) -> Iterator[Finding]:
    job = None
    if job_file is not None:
        try:
            job = load_job(job_file, overrides)
            yield "ok", "job file", f"{job_file} is valid"
        except InputError as error:
            yield "wrong", "job file", str(error)
    if job is not None:
        yield from _inputs(job)
    yield from _folder(job.workdir if job else ".")
    yield from machine_checks.findings()
    yield _pipeline()
    if job is not None:
        yield from _engine(job)
        folder = job.path("model")
        if files.exists(folder):
            yield from _same_vocabulary(job, folder)
            model = model or folder
    if model is not None:
        yield _model(model)


def _pipeline() -> Finding:
    """One element through Beam's local runner and a worker process."""
    from ..engines.engines import RunnerConfig
    from ..engines.launch import run_pipeline

    try:
        import apache_beam as beam

        run_pipeline(
            lambda pipeline: pipeline | "One" >> beam.Create([1]) | "Same" >> beam.Map(int),
            RunnerConfig(workers=2),
            label="doctor",
            receipts=os.devnull,
        )
    except Exception as error:
        return "fail", "pipelines", f"a pipeline with worker processes fails: {error}"
    return "ok", "pipelines", "the runner local works, with worker processes"


def _folder(folder: str) -> Iterator[Finding]:
    if files.is_remote(folder):
        yield "ok", "work folder", f"{folder} is an object store; it is not looked at"
        return
    existing = os.path.abspath(folder)
    while not os.path.exists(existing):
        existing = os.path.dirname(existing)
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            pass
        yield "ok", "work folder", f"{folder} can be written to"
    except OSError as error:
        yield "wrong", "work folder", f"cannot write to {folder}: {error.strerror}"
    free = shutil.disk_usage(existing).free
    text = f"{free / 1e9:.1f} GB free"
    if free < _LEAST_DISK:
        yield "warn", "disk", f"{text}; a job needs some {_LEAST_DISK / 1e9:.0f} GB"
    else:
        yield "ok", "disk", text


def _inputs(job: JobConfig) -> Iterator[Finding]:
    named = {"data.train": job.data.train, "data.valid": job.data.valid, "data.test": job.data.test}
    named |= {f"data.monolingual.{key}": value for key, value in job.data.monolingual.items()}
    named["translate.input"] = job.translate.input
    all_there = True
    for key, patterns in named.items():
        if patterns:
            try:
                paths = files.expand(patterns, key)
                yield (
                    "ok",
                    key,
                    f"{counted(len(paths), 'file')}, {size(sum(map(files.size, paths)))}",
                )
            except InputError as error:
                all_there = False
                yield "wrong", key, str(error)
    if not all_there:
        return
    try:
        from ..jobs import job_inputs
    except Exception:  # of a library that is broken, which is told further below
        return

    try:
        plan = job_inputs.check_texts(job)
        yield from (("warn", "data", warning) for warning in job_inputs.warnings_of(job, plan))
    except InputError as error:
        yield "wrong", "data", str(error)
    try:
        stage_checks.documents(job)
    except InputError as error:
        yield "wrong", "translate", str(error)


def _engine(job: JobConfig) -> Iterator[Finding]:
    """Whether what the pipelines run on answers, and has the memory."""
    runner, free = job.runner, machine_checks.free_memory()
    problems = engines.problems(runner)
    yield from (("wrong", "runner", problem) for problem in problems)
    if runner.name != "local":
        if not problems:
            yield "ok", "runner", f"{runner.name} can be used from here"
    else:
        workers = runner.workers or 1
        needed = workers * network_sizes.WORKER_BYTES
        if free and needed > free:
            yield (
                "warn",
                "runner",
                f"{counted(workers, 'worker')} may take {size(needed)}, and {size(free)} are free; "
                "lower runner.workers",
            )
    needed = network_sizes.training_bytes(job)
    if free and job.data.train and needed > free:
        yield (
            "warn",
            "training",
            f"a model of preset {job.model.preset} may take {size(needed)}, and {size(free)} are "
            "free; lower model.preset or train.batch_tokens",
        )


def _same_vocabulary(job: JobConfig, folder: str) -> Iterator[Finding]:
    """Whether the model of the work folder goes with its vocabulary."""
    model = files.read_json(files.join(folder, "model.json")).get("vocabulary")
    own = files.read_json(job.path("vocabulary", "vocabulary.json")).get("fingerprint")
    trained = model.get("fingerprint") if isinstance(model, dict) else None
    if own and trained and own != trained:
        yield (
            "wrong",
            "vocabulary",
            f"{folder} was trained with another vocabulary ({trained}) than that of "
            f"{job.path('vocabulary')} ({own}); run `electra run` to train it anew",
        )


def _model(folder: str) -> Finding:
    from pipelines.inference import read_model_card

    try:
        card = read_model_card(folder)
    except InputError as error:
        return "wrong", "model", str(error)
    try:
        if ctranslate2_format.is_exported(card):
            from pipelines.translation.translation_engine import load_ctranslate2

            load_ctranslate2(folder)
        else:
            from electra_model.export import load_model

            load_model(folder)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return "wrong", "model", f"{folder} cannot be loaded: {reason}"
    what = tasks.in_words(card.get("task"), card.get("source_lang"), card.get("target_lang"))
    return "ok", "model", f"{folder}: {what}, fingerprint {card['fingerprint']}"
