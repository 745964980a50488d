"""The stages of a job: in which order, what each depends on, and whether it is complete.

A complete stage has left a receipt, `workdir/.stages/<name>.json`, with the settings and the
identity of the data that it was made from. When either is different now, it is done again.
A stage depends on the content of what the stage before it made, not on whether that has run: shards
that are made again with the same bytes cost no second training.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

from electra_model import shortlist
from pipelines import files, tasks
from pipelines.formats import moses
from pipelines.units import fingerprint

from . import stage_checks, stage_products
from .job import JobConfig
from .job_yaml import plain


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
      name: as on the command line. title: what it does, for people.
      product: the file of the work folder that is written last.
      settings: the keys and sections of the job file that its result depends on.
      data: describes what else it depends on, as JSON values.
      absent: why the job has no such stage, or None. run: does it, and returns counts.
      missing: a file of what the stage has made that is not there any more, or None.
      check: looks at what the stage needs before anything is changed, and raises `InputError` for
        what is not there or cannot be used; `run` then takes what it returns as `checked`.
    """

    name: str
    title: str
    product: str
    settings: tuple[str, ...]
    data: Callable[[JobConfig], dict[str, Any]]
    absent: Callable[[JobConfig], str | None]
    run: Callable[..., dict[str, Any]]
    missing: Callable[[JobConfig], str | None] = lambda job: None
    check: Callable[[JobConfig], Any] | None = None


@dataclasses.dataclass(frozen=True)
class State:
    """Where a stage stands: "absent", "new", "complete" or "changed", and the words for it.

    `made_from` is what a receipt written now would say; `counts` those of the complete stage.
    """

    status: str
    reason: str
    made_from: dict[str, Any]
    counts: dict[str, Any]

    @property
    def runs(self) -> bool:
        """True when there is something to do."""
        return self.status in ("new", "changed")


def look(stage: Stage, job: JobConfig) -> State:
    """Where the stage stands. Raises `InputError` when an input of it is missing."""
    if reason := stage.absent(job):
        return State("absent", reason, {}, {})
    made_from = {"settings": _settings(stage, job), "data": stage.data(job)}
    try:
        receipt = json.loads(files.read_bytes(_receipt(stage, job)))
        before, counts = receipt["made_from"], receipt["counts"]
        changed = _differences(before, made_from)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return State("new", "not complete yet", made_from, {})
    missing = stage.product if not files.exists(product(stage, job)) else stage.missing(job)
    if missing:
        return State("new", f"{missing} is not there", made_from, {})
    if changed:
        shown = ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")
        return State("changed", f"changed since it was complete: {shown}", made_from, {})
    return State("complete", "complete", made_from, counts)


def begin(stage: Stage, job: JobConfig) -> None:
    """Takes the receipt back: what the stage has made is about to change."""
    files.remove(_receipt(stage, job))


def complete(stage: Stage, job: JobConfig, state: State, counts: dict[str, Any]) -> None:
    """Writes the receipt."""
    text = json.dumps({"made_from": state.made_from, "counts": counts}, indent=1, default=str)
    files.write_atomic(_receipt(stage, job), text.encode())


def product(stage: Stage, job: JobConfig) -> str:
    """The path of what the stage writes last."""
    if stage.name == "translate":
        return files.join(job.translate.output or "", stage.product)
    return job.path(stage.product)


def _receipt(stage: Stage, job: JobConfig) -> str:
    return job.path(".stages", f"{stage.name}.json")


def _settings(stage: Stage, job: JobConfig) -> dict[str, Any]:
    """Key -> value, sections spread out."""
    values = {**dataclasses.asdict(job), "model": job.model.resolved().settings()}
    values |= {name: getattr(job, name).identity() for name in ("dataset", "pretrain", "train")}
    values = plain(values)
    flat: dict[str, Any] = {}
    for key in stage.settings:
        value: Any = values
        for name in key.split("."):
            value = value[name]
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": part for name, part in value.items()}
        else:
            flat[key] = value
    return flat


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs, by the names that a user knows."""
    found = []
    for part in ("settings", "data"):
        # Another task changes defaults of many keys: it is what to name.
        for key in sorted(set(before[part]) | set(now[part]), key=lambda key: (key != "task", key)):
            if before[part].get(key) != now[part].get(key):
                found.append(key)
    return found


# --- what the stages depend on -------------------------------------------------------------------


def _identity(patterns: tuple[str, ...], key: str, languages: tuple[str, str] | None = None) -> str:
    """Fingerprint of the names, sizes and times of input files, second files of pairs included."""
    described = []
    paths = files.expand(patterns, key)
    if languages is not None:
        partners = moses.pair_up(paths, *languages).values()
        paths = list(dict.fromkeys([*paths, *(path for path in partners if path is not None)]))
    for path in paths:
        time = None if files.is_remote(path) else os.stat(path).st_mtime_ns
        described.append([path, files.size(path), time])
    return fingerprint(described)


def _content(path: str) -> str | None:
    """Fingerprint of a small file's bytes; None when it is not there yet."""
    return files.sha256(path)[:16] if files.exists(path) else None


def _texts(job: JobConfig) -> dict[str, Any]:
    data = job.data
    named = {"train": data.train, "valid": data.valid, "test": data.test}
    languages = (job.source_lang, job.target_lang)
    found = {
        f"files of data.{key}": _identity(patterns, f"data.{key}", languages)
        for key, patterns in named.items()
        if patterns
    }
    for language, patterns in data.monolingual.items():
        key = f"data.monolingual.{language}"
        found[f"files of {key}"] = _identity(patterns, key)
    if job.dataset.replacements.generator is not None:
        found["the generator of dataset.replacements"] = _generator(job)
    return found


def _generator(job: JobConfig) -> str:
    from pipelines.dataset import replacement

    from . import job_inputs

    card = replacement.check_generator(job_inputs.prepare_config(job))
    return fingerprint(card and card.to_json())


def _dataset(job: JobConfig) -> dict[str, Any]:
    return {"the dataset": _content(job.path("dataset", "dataset_info.json"))}


def _texts_of(job: JobConfig, stage: str) -> dict[str, Any]:
    """What a training reads of the dataset: other test data cost no second training."""
    from ..training.input_data import dataset_identity

    there = files.exists(job.path("dataset", "dataset_info.json"))
    return {"the dataset": dataset_identity(job.path("dataset"), stage) if there else None}


def _for_pretraining(job: JobConfig) -> dict[str, Any]:
    return _texts_of(job, "pretrain")


def _for_training(job: JobConfig) -> dict[str, Any]:
    found = _texts_of(job, "train")
    if lists := _content(job.path("vocabulary", shortlist.FILE)):
        found["the shortlist"] = lists
    if job.pretrain.skipped or not job.train.warm_start:
        return {**found, "pretraining": None}
    return {**found, "pretraining": _content(job.path(".stages", "pretrain.json"))}


def _model(job: JobConfig) -> dict[str, Any]:
    return {**_dataset(job), "the model": _content(job.path("model", "model.json"))}


def _documents(job: JobConfig) -> dict[str, Any]:
    model = job.translate.model or job.path("model")
    return {
        "files of translate.input": _identity(job.translate.input, "translate.input"),
        "the model": _content(files.join(model, "model.json")),
    }


def _everything(job: JobConfig) -> dict[str, Any]:
    names = ("prepare", "pretrain", "train", "evaluate", "translate")
    receipts = {name: _content(job.path(".stages", f"{name}.json")) for name in names}
    scores = _content(job.path("evaluation", "scores.json"))
    return {f"the stage {name}": print_ for name, print_ in receipts.items()} | {"scores": scores}


# --- the stages ----------------------------------------------------------------------------------
# What runs them is imported when they run: TensorFlow and Beam take seconds.


def _prepare(job: JobConfig, checked: Any) -> dict[str, Any]:
    from ..engines import launch

    return launch.run_prepare(job, checked)


def _pretrain(job: JobConfig, checked: None = None) -> dict[str, Any]:
    from ..training import training

    return training.pretrain(job)


def _train(job: JobConfig, checked: None = None) -> dict[str, Any]:
    from ..training import training

    return training.train(job)


def _evaluate(job: JobConfig, checked: None = None) -> dict[str, Any]:
    from ..evaluation import evaluation
    from ..terminal.progress import Progress

    what = "texts" if tasks.of(job.task).whole_texts else "sentences"
    with Progress("evaluate", unit=what) as bar:
        return evaluation.evaluate(job, progress=bar.update)["test"]


def _translate(job: JobConfig, checked: None) -> dict[str, Any]:
    from ..engines import launch

    return launch.run_translate(job.translate, job.runner, job)


def _report(job: JobConfig) -> dict[str, Any]:
    from ..report import report

    return report.write_report(job)


def _always(job: JobConfig) -> str | None:
    return None


NO_DATA = "the job file names no data"


def _no_text(job: JobConfig) -> str | None:
    named = job.data.train or any(job.data.monolingual.values())
    return None if named else NO_DATA


def _no_dataset(job: JobConfig) -> str | None:
    return None if files.exists(job.path("dataset", "dataset_info.json")) else _no_text(job)


def _no_pretraining(job: JobConfig) -> str | None:
    return "the job file asks for no pretraining" if job.pretrain.skipped else _no_dataset(job)


def _no_training(job: JobConfig) -> str | None:
    if job.train.skipped:
        return "the job file asks for no training"
    if any(job.data.monolingual.values()) and not job.data.train:
        return "data.train names no pairs to train on"
    return _no_dataset(job)


def _no_model(job: JobConfig) -> str | None:
    return None if files.exists(job.path("model", "model.json")) else _no_training(job)


def _no_documents(job: JobConfig) -> str | None:
    return None if job.translate.input else "the job file names no translate.input"


_LANGUAGES = ("task", "source_lang", "target_lang")
_PRETRAIN = ("model", "pretrain", "dataset.window_length")
_DECODING = (
    *("translate.beam_size", "translate.length_penalty", "translate.max_length"),
    *("translate.min_length", "translate.no_repeat_ngram"),
)

STAGES: tuple[Stage, ...] = (
    Stage(
        "prepare",
        "cleaning the text, learning the vocabulary, writing the dataset",
        "dataset/dataset_info.json",
        (*_LANGUAGES, "data", "clean", "vocabulary", "dataset"),
        _texts,
        _no_text,
        _prepare,
        stage_products.of_prepare,
        stage_checks.texts,
    ),
    Stage(
        "pretrain",
        "pretraining the encoder by replaced-token detection",
        "pretrain/metrics.jsonl",
        _PRETRAIN,
        _for_pretraining,
        _no_pretraining,
        _pretrain,
        stage_products.of_pretrain,
        stage_checks.dataset,
    ),
    Stage(
        "train",
        "training the encoder-decoder",
        "model/model.json",
        (*_LANGUAGES, "model", "train"),
        _for_training,
        _no_training,
        _train,
        stage_products.of_train,
        stage_checks.training,
    ),
    Stage(
        "evaluate",
        "scoring the model on the held-out pairs",
        "evaluation/scores.json",
        (*_LANGUAGES, *_DECODING),
        _model,
        _no_model,
        _evaluate,
        stage_products.of_evaluate,
        stage_checks.held_out,
    ),
    Stage(
        "translate",
        "translating documents",
        "_electra/manifest.json",
        ("source_lang", "target_lang", "translate"),
        _documents,
        _no_documents,
        _translate,
        stage_products.of_translate,
        stage_checks.documents,
    ),
    Stage("report", "writing the report", "report.html", (), _everything, _always, _report),
)
# Those that are pipelines: where they run, the section `runner` says.
PIPELINES = ("prepare", "translate")
BY_NAME = {stage.name: stage for stage in STAGES}
