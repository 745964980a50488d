"""`run.json`: with what, when, for how long and with how much memory a job was made.

The record is for people and for the report; what is complete is decided by `stages` alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import os
import platform
import resource
import threading
import time
from collections.abc import Iterator
from typing import Any

from electra_model.errors import WorkPutOff
from electra_model.threads import processors
from pipelines import files
from pipelines.units import fingerprint

from ..health import processor
from . import prometheus_file
from .job import JobConfig
from .job_yaml import plain

_DISTRIBUTIONS = (
    "electra-pipelines",
    "tensorflow",
    "tensorflow-text",
    "apache-beam",
    "pyarrow",
    "numpy",
    "sentencepiece",
    "sacrebleu",
)


class RunRecord:
    """The content of `workdir/run.json`, written again at each step.

    foretold: of the whole run (`Forecast.to_json`), if anything was.
    """

    def __init__(self, job: JobConfig, foretold: dict[str, Any] | None = None) -> None:
        self._workdir, self._path = job.workdir, job.path("run.json")
        stages = files.read_json(self._path).get("stages")
        self.stages: dict[str, Any] = stages if isinstance(stages, dict) else {}
        settings = _settings(job)
        self._facts = {
            "config_fingerprint": fingerprint(settings),
            "seeds": {name: settings[name]["seed"] for name in ("dataset", "pretrain", "train")},
            "versions": versions(),
            "machine": machine(),
        }
        self.foretold = foretold or {}
        if foretold:
            self._facts["foretold"] = foretold

    @contextlib.contextmanager
    def stage(
        self, name: str, foretold: tuple[float, float] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Records one stage. The caller puts `counts` into the dict that it is given.

        foretold: at least and at most how many seconds it was said to take, if anything was.
        """
        entry: dict[str, Any] = {"status": "running", "started": _now()}
        if foretold is not None:
            entry["foretold_seconds"] = [round(value, 1) for value in foretold]
        self.stages[name] = entry
        self._save()
        start = time.monotonic()
        memory = MemoryWatch()
        try:
            with memory:
                yield entry
            entry["status"] = "complete"
        except BaseException as error:
            entry["status"] = "failed"
            if isinstance(error, KeyboardInterrupt | WorkPutOff):
                entry["status"] = "stopped" if isinstance(error, KeyboardInterrupt) else "put off"
            if entry["status"] == "failed":
                entry["error"] = " ".join(str(error).split())
            raise
        finally:
            entry["seconds"] = round(time.monotonic() - start, 1)
            entry["peak_memory_bytes"] = memory.peak_bytes
            self._save()

    def _save(self) -> None:
        text = json.dumps({**self._facts, "stages": self.stages}, indent=2, default=str) + "\n"
        files.write_atomic(self._path, text.encode())
        prometheus_file.write(self._workdir, self.stages)


def fingerprint_of(job: JobConfig) -> str:
    """Of all settings of a job."""
    return fingerprint(_settings(job))


def _settings(job: JobConfig) -> dict[str, Any]:
    return plain({**dataclasses.asdict(job), "model": job.model.settings()})


class MemoryWatch:
    """The most memory that this process and its children had at once, looked at every half second.

    `peak_bytes` is the sum of their resident sizes, shared pages counted once per process.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._over = threading.Event()

    def __enter__(self) -> MemoryWatch:
        self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watch-memory")
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._look()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self._look()

    def _look(self) -> None:
        self.peak_bytes = max(self.peak_bytes, sum(map(_resident_bytes, _family(os.getpid()))))


def _family(process: int) -> list[int]:
    """A process and all that descend from it."""
    found = [process]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as stream:
                    found += [int(child) for child in stream.read().split()]
        except OSError:
            continue  # it has just ended, or this is not Linux
    return found


def _resident_bytes(process: int) -> int:
    try:
        with open(f"/proc/{process}/statm") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def versions() -> dict[str, str]:
    """Python's and those of the libraries that results may depend on."""
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": processor.model(),
        "cores": processors(),
        "memory_bytes": memory,
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
