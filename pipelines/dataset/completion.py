"""Whether a dataset and its vocabulary are complete, and of which work.

`prepare/complete.json` names what was published, by name and size. It and `dataset_info.json` are
written last, and taken back before anything of what they speak of is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .. import files
from ..config import PrepareConfig
from ..stages import INFO_FILE

COMPLETE_FILE = "complete.json"
# Instead of it, what a run that its own rules failed has to say (see `failure`).
FAILED_FILE = "failed.json"


def write(config: PrepareConfig, fingerprint: str, names: Iterable[str]) -> None:
    """Says that the work of this plan is complete; `names`: of its files, below the work folder."""
    sizes = {name: files.size(files.join(config.workdir, name)) for name in sorted(names)}
    text = json.dumps({"fingerprint": fingerprint, "files": sizes}, indent=2)
    forget_failure(config)
    files.write_atomic(_path(config.workdir), text.encode())


def take_back(config: PrepareConfig) -> None:
    """Before what was published changes: it is not complete from here on."""
    files.remove(_path(config.workdir))
    files.remove(files.join(config.workdir, "dataset", INFO_FILE))


def forget_failure(config: PrepareConfig) -> None:
    """Once nothing is left of a run that failed."""
    files.remove(files.join(config.workdir, "prepare", FAILED_FILE))


def exists(config: PrepareConfig) -> bool:
    """Whether any work is said to be complete."""
    return files.exists(_path(config.workdir))


def read(config: PrepareConfig, fingerprint: str) -> dict[str, Any] | None:
    """`dataset_info.json` if the work of this plan is complete and its files are there."""
    try:
        made_by = json.loads(files.read_bytes(_path(config.workdir)))["fingerprint"]
        if made_by != fingerprint or missing_file(config.workdir) is not None:
            return None
        return json.loads(files.read_bytes(files.join(config.workdir, "dataset", INFO_FILE)))
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def missing_file(workdir: str) -> str | None:
    """The name of a file of a complete dataset or vocabulary that is not there, or not of its size;
    None when all are."""
    try:
        sizes = json.loads(files.read_bytes(_path(workdir)))["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"prepare/{COMPLETE_FILE}"
    for name, size in sizes:
        path = files.join(workdir, name)
        if not files.exists(path) or files.size(path) != size:
            return name
    return None


def _path(workdir: str) -> str:
    return files.join(workdir, "prepare", COMPLETE_FILE)
