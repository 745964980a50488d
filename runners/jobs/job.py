"""The job file: YAML and `--set` to one frozen, validated `JobConfig`.

The order of work: read the text strictly (`job_yaml`), lay the `--set` values over it, check the
names of all keys (an unknown one is an error that names its nearest neighbour), then let the
dataclasses convert and check the values (`job_checks` words their complaints).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import pydantic
from pydantic import Field

from electra_model.config import (
    STRICT,
    ModelConfig,
    PretrainConfig,
    TrainConfig,
)
from electra_model.errors import InputError
from electra_model.presets import PRETRAINING_OF_PRESETS
from pipelines import files, tasks
from pipelines.config import (
    CleanConfig,
    DataConfig,
    DatasetConfig,
    TranslateConfig,
    VocabularyConfig,
)

from ..engines.engines import RunnerConfig
from . import job_checks, job_yaml

RESOLVED_NAME = "job.resolved.yaml"
_RESOLVED_HEADER = "# Written by electra: the job with every default spelled out.\n"
_LANGUAGE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$"


def _section(config: Any) -> Any:
    return Field(default_factory=config)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class JobConfig:
    """Everything that one job is.

    Attributes:
      task: what the model learns; some defaults go by it (`pipelines.tasks`).
      workdir: the folder of everything that the job makes.
      source_lang, target_lang: language codes such as `en`, `de`, `pt-BR`. Only a translation has
        two; in a job file of another task `target_lang` is left out.
      data, clean, vocabulary, dataset: of `prepare`.
      model, pretrain, train: of the network and its two trainings.
      translate: of `translate` and, for the decoding, of `evaluate`.
      runner: where pipelines run.
    """

    task: Literal["translate", "summarise", "generate"] = "translate"
    workdir: str = Field(min_length=1)
    source_lang: str = Field(pattern=_LANGUAGE)
    target_lang: str = Field(pattern=_LANGUAGE)
    data: DataConfig = _section(DataConfig)
    clean: CleanConfig = _section(CleanConfig)
    vocabulary: VocabularyConfig = _section(VocabularyConfig)
    dataset: DatasetConfig = _section(DatasetConfig)
    model: ModelConfig = _section(ModelConfig)
    pretrain: PretrainConfig = _section(PretrainConfig)
    train: TrainConfig = _section(TrainConfig)
    translate: TranslateConfig = _section(TranslateConfig)
    runner: RunnerConfig = _section(RunnerConfig)

    @pydantic.model_validator(mode="after")
    def _check_together(self) -> JobConfig:
        languages = list(dict.fromkeys((self.source_lang, self.target_lang)))
        task = tasks.of(self.task)
        if len(languages) < task.languages:
            raise ValueError(
                f"target_lang: {self.target_lang} is source_lang as well; a translation has two "
                "languages"
            )
        if len(languages) > task.languages:
            raise ValueError(
                f"target_lang: {self.target_lang} is not source_lang, {self.source_lang}; with "
                f"task: {self.task} there is one language, so leave target_lang out"
            )
        for language in self.data.monolingual:
            if language not in languages:
                one_of = (
                    "one of the job's languages" if len(languages) > 1 else "the job's language"
                )
                raise ValueError(
                    f"data.monolingual.{language}: must be {one_of}, {' or '.join(languages)}"
                )
        if self.dataset.long_sources == "cut" and self.task != "summarise":
            raise ValueError(
                "dataset.long_sources: cut is for task: summarise alone, for what is left of a "
                f"source does not fit its target with task: {self.task}; leave it out"
            )
        if self.translate.input and not self.translate.output:
            raise ValueError(
                "translate.output: is missing; name the folder for the translations of "
                "translate.input"
            )
        longest, bound = self.train.buckets[-1], self.model.max_length
        for key, length, bound_key, most in (
            ("train.buckets", longest, "model.max_length", bound),
            ("dataset.window_length", self.dataset.window_length, "model.max_length", bound),
            ("dataset.max_tokens", self.dataset.max_tokens, "the last of train.buckets", longest),
        ):
            if length > most:
                raise ValueError(
                    f"{key}: {length} is more than {bound_key}, {most}; lower it or raise that"
                )
        return self

    def path(self, *names: str) -> str:
        """A path below the work folder."""
        return files.join(self.workdir, *names)


def load_job(path: str, overrides: Sequence[str] = ()) -> JobConfig:
    """The job that the file and the `--set` values describe.

    Args:
      path: of the job file.
      overrides: texts `section.key=value`; later ones win.

    Raises:
      InputError: one line that names the file (or the `--set`) and the key, what was found and
        what is allowed.
    """
    values = job_yaml.read(path)
    job_checks.check_keys(values, path, JobConfig)
    origin: dict[str, str] = {}
    for text in overrides:
        key = job_checks.override(values, text, JobConfig)
        origin[key] = f"--set {text}"
    return make_job(values, path, origin)


def make_job(values: dict[str, Any], where: str, origin: dict[str, str] | None = None) -> JobConfig:
    """`JobConfig` of plain values. `origin`: key -> source, for those that are not of `where`."""
    origins = job_checks.Origins(where, origin or {})
    arranged = tasks.with_defaults(job_checks.arrange(values, JobConfig, origins))
    # What a published size was pretrained with, where the job does not say otherwise.
    preset = arranged.get("model", {}).get("preset")
    if isinstance(preset, str) and preset in PRETRAINING_OF_PRESETS:
        given = arranged.get("pretrain", {})
        arranged["pretrain"] = {**PRETRAINING_OF_PRESETS[preset], **given}
    try:
        return JobConfig(**arranged)
    except pydantic.ValidationError as error:
        raise InputError(job_checks.message(error, JobConfig, origins)) from None


def resolved_text(job: JobConfig) -> str:
    """The job with every default spelled out, as YAML that loads to the same job."""
    resolved = dataclasses.replace(job, model=job.model.resolved())
    values = job_yaml.plain(dataclasses.asdict(resolved))
    return _RESOLVED_HEADER + job_yaml.dump(values)


def save_resolved(job: JobConfig) -> str:
    """Writes `workdir/job.resolved.yaml`, all or nothing, and returns its path.

    Raises `InputError` when the work folder cannot be written to.
    """
    path = job.path(RESOLVED_NAME)
    try:
        files.write_atomic(path, resolved_text(job).encode())
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"workdir: cannot write to {job.workdir!r}: {reason}") from None
    return path
