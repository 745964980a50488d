"""Are the files that a job names what it takes them for? Asked before hours of work, not after.

Looks at names, beginnings and headers; contents are read by the stages.
"""

from __future__ import annotations

from pipelines.cleaning import first_look
from pipelines.prepare import PrepareConfig, PreparePlan, plan_prepare

from .job import JobConfig


def prepare_config(job: JobConfig) -> PrepareConfig:
    """What the prepare pipeline is given of a job."""
    return PrepareConfig(
        workdir=job.workdir,
        source_lang=job.source_lang,
        target_lang=job.target_lang,
        task=job.task,
        data=job.data,
        clean=job.clean,
        vocabulary=job.vocabulary,
        dataset=job.dataset,
    )


def check_texts(job: JobConfig) -> PreparePlan | None:
    """What is to be read of `data`; None where it names nothing to learn from. Raises `InputError`
    for the first file that cannot be prepared.
    """
    if job.data.train or any(job.data.monolingual.values()):
        return plan_prepare(prepare_config(job))
    return None


def warnings_of(job: JobConfig, plan: PreparePlan | None) -> list[str]:
    """What the beginnings of those files show, where it is no error; see `first_look`."""
    return first_look.find(prepare_config(job), plan.units) if plan is not None else []


def check_documents(job: JobConfig) -> None:
    """Raises `InputError` for the first file of `translate.input` that cannot be translated."""
    from pipelines.memory import memory
    from pipelines.translation import translation_inputs

    if not job.translate.input:
        return
    assert job.translate.output is not None
    paths = translation_inputs.find_inputs(job.translate.input)
    names = translation_inputs.output_names(paths)
    translation_inputs.check_places(job.translate.input, paths, job.translate.output, names)
    memory.check_place(job.translate, job.translate.output, paths)
    for path in paths:
        translation_inputs.check(path, job.translate.text_field, job.translate.output_field)
