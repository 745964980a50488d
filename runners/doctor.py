"""`electra doctor`: what is wrong with this machine, this job file, this model; and the remedy."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from electra_model import ctranslate2_format
from electra_model.errors import InputError, WorkError, printable
from pipelines import files, tasks

from . import processor, stage_checks
from .job import JobConfig, load_job
from .progress import counted, size
from .run_record import machine

# What a job of the smallest size needs, measured; more is better.
_LEAST_MEMORY = 4e9
_LEAST_DISK = 5e9

# (state, name, what was found): "ok", "warn", "fail" or, for the user's own files, "wrong".
Finding = tuple[str, str, str]


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
    yield _python()
    yield _owners()
    for name in ("tensorflow", "tensorflow_text", "apache_beam", "pyarrow", "sentencepiece"):
        yield _library(name)
    yield _crc32c()
    yield _processor()
    yield _memory()
    yield _pipeline()
    if job is not None:
        folder = job.path("model")
        model = model or (folder if files.exists(folder) else None)
    if model is not None:
        yield _model(model)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return "fail", "Python", f"{version}; 3.11, 3.12 or 3.13 is needed"
    return "ok", "Python", f"{version} ({sys.executable})"


def _owners() -> Finding:
    from .cli import check_owners

    try:
        check_owners(importlib.metadata.packages_distributions())
    except WorkError as error:
        return "fail", "packages", str(error)
    return "ok", "packages", "electra_model, pipelines and runners belong to electra-pipelines only"


def _library(name: str) -> Finding:
    distribution = name.replace("_", "-")
    try:
        importlib.import_module(name)
        return "ok", distribution, importlib.metadata.version(distribution)
    except Exception as error:  # a library that is broken may raise anything
        reason = " ".join(str(error).split())[:200]
        return "fail", distribution, f"cannot be imported: {reason}; install the lock file again"


def _crc32c() -> Finding:
    try:
        module = importlib.import_module("google_crc32c")
    except ImportError:
        return "fail", "google-crc32c", "is not installed; pip install google-crc32c"
    if module.implementation != "c":
        return "warn", "google-crc32c", "is the slow Python version; writing shards will be slow"
    return "ok", "google-crc32c", "compiled"


def _processor() -> Finding:
    facts = machine()
    text = f"{facts['processor']}, {facts['cores']} cores"
    flags = processor.flags()
    known = [name for name in ("avx2", "fma", "avx512f", "amx_tile", "asimd") if name in flags]
    if flags and not {"avx2", "asimd"} & flags:
        return "warn", "processor", f"{text}; no AVX2, so training will be several times slower"
    return "ok", "processor", f"{text}, {' '.join(known)}"


def _memory() -> Finding:
    available = 0
    with contextlib.suppress(OSError, ValueError), open("/proc/meminfo") as stream:
        for line in stream:
            if line.startswith("MemAvailable"):
                available = int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):  # a container may allow less than there is
        with (
            open("/sys/fs/cgroup/memory.max") as limit,
            open("/sys/fs/cgroup/memory.current") as used,
        ):
            available = min(available, int(limit.read()) - int(used.read()))
    text = f"{available / 1e9:.1f} GB free"
    if 0 < available < _LEAST_MEMORY:
        return "warn", "memory", f"{text}; {_LEAST_MEMORY / 1e9:.0f} GB are needed at least"
    return "ok", "memory", text


def _pipeline() -> Finding:
    """One element through Beam's local runner and a worker process."""
    from .engines import RunnerConfig
    from .launch import run_pipeline

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
        from . import job_inputs
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


def _model(folder: str) -> Finding:
    from pipelines.inference import read_model_card

    try:
        card = read_model_card(folder)
    except InputError as error:
        return "wrong", "model", str(error)
    try:
        if ctranslate2_format.is_exported(card):
            from pipelines.translation_engine import load_ctranslate2

            load_ctranslate2(folder)
        else:
            from electra_model.export import load_model

            load_model(folder)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return "wrong", "model", f"{folder} cannot be loaded: {reason}"
    what = tasks.in_words(card.get("task"), card.get("source_lang"), card.get("target_lang"))
    return "ok", "model", f"{folder}: {what}, fingerprint {card['fingerprint']}"
