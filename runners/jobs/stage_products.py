"""What of a stage's products is not there any more, so that it is to be done again.

Each function gives the name of one such file, or None.
"""

from __future__ import annotations

import json

from pipelines import files

from .job import JobConfig


def of_prepare(job: JobConfig) -> str | None:
    """Of the dataset and the vocabulary, by name and size."""
    from pipelines.dataset import completion

    return completion.missing_file(job.workdir)


def of_pretrain(job: JobConfig) -> str | None:
    """Of the checkpoints and the generator."""
    from electra_model import checkpoint
    from electra_model.generator_card import NAME

    from ..training.replaced_data import has_replacements

    if not checkpoint.list_checkpoints(job.path("pretrain", "checkpoints")):
        return "the checkpoint"
    if has_replacements(job.path("dataset")) or files.exists(job.path("pretrain", NAME)):
        return None
    return NAME


def of_train(job: JobConfig) -> str | None:
    """Of the model folder."""
    from electra_model.model_folder import missing_part

    return missing_part(lambda name: files.exists(job.path("model", name)))


def of_evaluate(job: JobConfig) -> str | None:
    """Of the evaluation."""
    return None if files.exists(job.path("evaluation", "test.hyp.txt")) else "test.hyp.txt"


def of_translate(job: JobConfig) -> str | None:
    """Of the translated documents."""
    folder = job.translate.output or ""
    try:
        manifest = json.loads(files.read_bytes(files.join(folder, "_electra", "manifest.json")))
        names = [entry["name"] for entry in manifest["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return "_electra/manifest.json"
    return next((name for name in names if not files.exists(files.join(folder, name))), None)
