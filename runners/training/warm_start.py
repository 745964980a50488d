"""What a training takes over from the job's pretraining."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
from typing import Any

from electra_model import checkpoint
from electra_model.discriminator import Discriminator
from electra_model.errors import InputError, WorkError
from electra_model.tokenizer import Tokenizer
from pipelines import files

from ..jobs.job import JobConfig
from ..terminal.progress import say
from . import training_receipts

_BLOCK = re.compile(r"encoder/block_(\d+)/")
_AFTER_BLOCKS = "encoder/final_norm/"


def find(job: JobConfig) -> dict[str, Any] | None:
    """The receipt of the job's pretraining, where training is to start from it. Raises InputError
    where that is not complete."""
    if not job.train.warm_start or job.pretrain.skipped:
        return None
    path = pathlib.Path(job.workdir, "pretrain", training_receipts.FILE)
    expected = training_receipts.facts_of(job, job.pretrain, "pretrain")["complete"]
    if training_receipts.completed(str(path.parent), expected) is None:
        raise InputError(
            f"{path}: there is no complete pretraining under these settings; "
            "run `electra pretrain`, "
            "or set train.warm_start to false or pretrain.steps to 0"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def network_of(job: JobConfig) -> checkpoint.Checkpoint:
    """What the pretraining ended with, without the optimizer's state."""
    source = os.path.join(job.workdir, "pretrain", "checkpoints")
    found = checkpoint.load_newest(source, warn=say)
    if found is None:
        raise WorkError(f"{source}: holds no readable checkpoint; run `electra pretrain` again")
    expected = training_receipts.facts_of(job, job.pretrain, "pretrain")["state"]
    if found.state.get("fingerprint") != expected:
        raise WorkError(
            f"{source}: the newest checkpoint is of other settings; run `electra pretrain` again"
        )
    # Only the network: the optimizer's moments and the heads have no counterpart.
    network = {
        name: value for name, value in found.tensors.items() if not name.startswith("optimizer/")
    }
    return dataclasses.replace(found, tensors=network)


def start(variables: Any, network: checkpoint.Checkpoint, layers: int | None) -> dict[str, Any]:
    """Assigns the variables of a model that are to be as pretrained; returns the report, which
    names every tensor once (see `checkpoint.warm_start`).

    layers: so many blocks of the encoder, from its first on, are taken over; None takes all.
    """
    taken, left = {}, []
    for name, value in network.tensors.items():
        if layers is not None and _is_above(name, layers):
            reason = f"train.warm_start_layers is {layers}"
            left.append({"name": name, "shape": list(value.shape), "reason": reason})
        else:
            taken[name] = value
    report = checkpoint.warm_start(variables, taken, f"pretrain step {network.step}")
    skipped = sorted([*report["skipped"], *left], key=lambda one: one["name"])
    return {**report, "skipped": skipped}


def _is_above(name: str, layers: int) -> bool:
    """Whether a tensor is of a later block, or of what stands on the last one."""
    block = _BLOCK.match(name)
    return int(block[1]) >= layers if block else name.startswith(_AFTER_BLOCKS)


def tell(report: dict[str, Any], folder: str, writes: bool) -> None:
    """Says what was taken over, and writes `warm_start.json`."""
    if writes:
        text = json.dumps(report, indent=2) + "\n"
        files.write_atomic(os.path.join(folder, "warm_start.json"), text.encode())
    counts = {key: len(report[key]) for key in ("restored", "fresh", "skipped")}
    say(
        f"train: warm start from {report['source']}: {counts['restored']} tensors taken over, "
        f"{counts['fresh']} begun anew, {counts['skipped']} not needed; "
        f"see {os.path.join(folder, 'warm_start.json')}"
    )


def discriminator_of(
    job: JobConfig, tokenizer: Tokenizer, network: checkpoint.Checkpoint | None
) -> Discriminator | None:
    """The pretrained one, which goes with the model to judge its outputs."""
    if network is None:
        return None
    judge = Discriminator(job.model, tokenizer.size, job.dataset.pair_windows)
    return judge.restore(network.tensors)
