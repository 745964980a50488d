"""What a training depends on, and whether it is complete: `complete.json` in its folder, under a
fingerprint of everything that its result depends on."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

from electra_model import shortlist
from electra_model.config import LoopConfig
from electra_model.tokenizer import Tokenizer
from pipelines import files
from pipelines.units import fingerprint

from ..jobs.job import JobConfig
from .input_data import dataset_identity

FILE = "complete.json"

# What changes no step; the length of the training does, through the learning rate, and is put back.
_NOT_IN_STATE = (
    "steps",
    "minutes",
    "checkpoint_minutes",
    "keep_checkpoints",
    "log_every_steps",
    "validate_every_minutes",
    "bad_updates",
    "strategy",
)


def dataset_of(job: JobConfig) -> str:
    """The folder of a job's dataset."""
    return os.path.join(job.workdir, "dataset")


def vocabularies_of(job: JobConfig) -> tuple[Tokenizer, Tokenizer | None]:
    """Of both sides, or of the source and of the target. Raises InputError where they are not."""
    return Tokenizer.load_sides(os.path.join(job.workdir, "vocabulary"))


def facts_of(job: JobConfig, config: LoopConfig, stage: str, *upstream: Any) -> dict[str, str]:
    """Fingerprints: `dataset`; `state`, under which checkpoints are continued; `complete`, of the
    whole result."""
    dataset = dataset_identity(dataset_of(job), stage)
    settings = config.identity()
    state = {name: value for name, value in settings.items() if name not in _NOT_IN_STATE}
    model = job.model.resolved().settings()
    # A finished training is not a state to go on from: its learning rate has come down to nothing.
    length = [config.updates, config.minutes]
    state_print = fingerprint(dataset, model, state, length, upstream)
    lists = job.path("vocabulary", shortlist.FILE)
    # Exported with the model, and nothing that an update depends on.
    exported = [files.sha256(lists)] if stage == "train" and files.exists(lists) else []
    complete = fingerprint(state_print, exported) if exported else state_print
    return {"dataset": dataset, "state": state_print, "complete": complete}


def completed(folder: str, expected: str) -> dict[str, Any] | None:
    """The counts of a training that is complete under this fingerprint, else None."""
    try:
        done = json.loads(pathlib.Path(folder, FILE).read_text(encoding="utf-8"))
        return done["counts"] if done["fingerprint"] == expected else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: str, made_under: str, counts: dict[str, Any]) -> None:
    """Says that a training is complete."""
    text = json.dumps({"fingerprint": made_under, "counts": counts}, indent=2) + "\n"
    files.write_atomic(os.path.join(folder, FILE), text.encode())


def take_back(folder: str) -> None:
    """Before a training begins: it is not complete from here on."""
    files.remove(os.path.join(folder, FILE))
