"""What a stage looks at before it changes anything: what cannot be used is refused first.

What is imported takes seconds, so that it is imported when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .job import JobConfig

if TYPE_CHECKING:
    from pipelines.prepare import PreparePlan


def texts(job: JobConfig) -> PreparePlan | None:
    """Of prepare: the plan of what is read. Raises `InputError` for a file that cannot be."""
    from . import job_inputs

    return job_inputs.check_texts(job)


def dataset(job: JobConfig) -> None:
    """Of pretrain. Raises `InputError` where there is no dataset that can be read."""
    from ..training.input_data import read_dataset_info

    read_dataset_info(job.path("dataset"))


def training(job: JobConfig) -> None:
    """Of train. Raises `InputError` where there is no dataset, or no pretraining to start from."""
    dataset(job)
    from ..training import warm_start

    warm_start.find(job)


def held_out(job: JobConfig) -> None:
    """Of evaluate. Raises `InputError` where there are no pairs to score, or no model."""
    from ..evaluation import evaluation

    evaluation.check(job.workdir)


def documents(job: JobConfig) -> None:
    """Of translate. Raises `InputError` for a file that cannot be translated, a folder named as
    the model that is none, or an engine that cannot run the model.
    """
    from . import job_inputs

    job_inputs.check_documents(job)
    if job.translate.model is None and job.translate.engine == "tensorflow":
        return
    from pipelines import inference
    from pipelines.translation import translation_engine

    card: dict[str, Any] = {"model": job.model.resolved().settings()}
    if job.translate.model is not None:
        card = inference.read_model_card(job.translate.model)
    translation_engine.check(job.translate, card)
