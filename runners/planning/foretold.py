"""What `electra plan` foretold, beside what came of it: in `run.json`."""

from __future__ import annotations

import json
from typing import Any

from pipelines import files

from ..jobs import run_record
from ..jobs.job import JobConfig

_FILE = "plan.json"

# What a stage writes, below the work folder.
_FOLDERS = {
    "prepare": ("prepare", "dataset", "vocabulary"),
    "pretrain": ("pretrain",),
    "train": ("train", "model"),
}


def keep(job: JobConfig, forecast: dict[str, Any]) -> None:
    """Puts it (`Forecast.to_json`) into the work folder, for `kept`."""
    content = {"config_fingerprint": run_record.fingerprint_of(job), **forecast}
    files.write_atomic(job.path(_FILE), json.dumps(content, indent=1).encode())


def kept(job: JobConfig) -> dict[str, Any]:
    """What was last foretold of this very job; {} for nothing."""
    content = files.read_json(job.path(_FILE))
    made_for = content.pop("config_fingerprint", None)
    return content if made_for == run_record.fingerprint_of(job) else {}


def disk_bytes(job: JobConfig, stage: str) -> int | None:
    """What a stage has written; None where nothing is foretold of it, or in an object store."""
    folders = [job.path(name) for name in _FOLDERS.get(stage, ())]
    if stage == "translate" and job.translate.output:
        folders = [job.translate.output]
    if not folders or any(map(files.is_remote, folders)):
        return None
    return sum(map(files.tree_size, folders))
