"""How many updates a minute has, of each recipe: measured once, with nothing else on the machine.

A training of so many minutes then makes so many updates, however long they take it: a series of
hours may run beside other work, and gives what it would have given alone.
"""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from . import journal
from .job_settings import run_stage, told

MINUTES = 2


def updates(folder: pathlib.Path, name: str, minutes: float, measure: Callable[[], float]) -> int:
    """How many updates so many minutes have; `measure` gives the rate where it isn't known yet."""
    found = folder / "rates.jsonl"
    if journal.missing(found, [name]):
        journal.add(found, {"run": name, "updates_per_minute": measure()})
    return round(minutes * journal.read(found)[name]["updates_per_minute"])


def name_of(stage: str, vocabulary: int, settings: Mapping[str, Any]) -> str:
    """Of the rate of a stage of ours: what it depends on. Lengths of trainings are no part of
    it."""
    depends = {
        key: value for key, value in settings.items() if key.split(".")[0] in (stage, "model")
    }
    return f"{stage}, {vocabulary} pieces, {told(depends)}"


def of_ours(stage: str, work: pathlib.Path, settings: Mapping[str, Any]) -> float:
    """Updates a minute of `train` or `pretrain` with these settings."""
    lengths = {"pretrain.steps": 0, "train.minutes": MINUTES}
    if stage == "pretrain":
        lengths = {"pretrain.minutes": MINUTES, "train.minutes": MINUTES}
    run_stage(stage, work, {**lengths, **settings})
    counts = json.loads((work / stage / "complete.json").read_text())["counts"]
    return 60 * counts["steps"] / counts["seconds"]
