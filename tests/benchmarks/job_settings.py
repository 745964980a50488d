"""Settings of a job file, `section.key` -> value, that differ from run to run."""

import pathlib
import sys
from collections.abc import Collection, Mapping
from typing import Any

from .measuring import run


def run_stage(stage: str, work: pathlib.Path, settings: Mapping[str, Any]) -> None:
    """One command of ours on the job file of a work folder, with these settings."""
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    run([sys.executable, "-m", "runners", stage, str(work / "job.yaml"), *options])


def told(settings: Mapping[str, Any], usual: Collection[str] = ()) -> str:
    """The settings as a cell of a table, without those that are named as usual."""
    return ", ".join(f"{name} {settings[name]}" for name in settings if name not in usual) or "-"
