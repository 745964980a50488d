"""`electra translate` without a job file: settings from options alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pydantic

from electra_model.errors import InputError
from pipelines import files, tasks
from pipelines.config import TranslateConfig

from ..engines import engines, launch
from ..engines.engines import RunnerConfig
from ..terminal.progress import say
from . import job_checks
from .job import JobConfig


def translate(options: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Translates with the options of the command line; returns the counts.

    Args:
      options: the options by name, None or () where one is not given.
      overrides: `--set` texts; only the sections `translate` and `runner` have a meaning here.

    Raises `InputError` for a missing option, a wrong value or a folder that is no model.
    """
    for name in ("model", "inputs", "output"):
        if not options[name]:
            option = name.removesuffix("s")
            raise InputError(
                f"--{option}: is needed to translate without a job file "
                "(electra translate --model DIR --input GLOB --output DIR)"
            )
    values: dict[str, Any] = {
        "translate": {
            "input": list(options["inputs"]),
            **_given(options, "model", "output", "text_field", "output_field", "beam_size"),
            **_given(options, "memory", "engine"),
        },
        "runner": {},
    }
    if options["runner"]:
        values["runner"]["name"] = options["runner"]
    if options["workers"]:
        values["runner"]["workers"] = options["workers"]
    origin = {
        "translate.beam_size": "--beam-size",
        "translate.memory": "--no-memory" if options["memory"] is False else "--memory",
        "translate.engine": "--engine",
        "runner.name": "--runner",
        "runner.workers": "--workers",
    }
    for text in overrides:
        key = job_checks.override(values, text, JobConfig)
        if key.partition(".")[0] not in ("translate", "runner"):
            raise InputError(f"--set {text}: only translate and runner have a meaning here")
        origin[key] = f"--set {text}"
    origins = job_checks.Origins("command line", origin)
    arranged = job_checks.arrange(values, JobConfig, origins)
    config = _config(TranslateConfig, arranged["translate"], "translate", origins)
    runner = _config(RunnerConfig, arranged["runner"], "runner", origins)
    engines.reach_stores(runner)
    if "output_field" not in arranged["translate"]:
        config = dataclasses.replace(config, output_field=_output_field(options["model"]))
    from ..terminal import remembering

    counts = launch.run_translate(config, runner)
    rejected = sum(counts["rejected"].values())
    say(
        f"translate: {counts['in']:,} in = {counts['out']:,} out + {rejected:,} rejected"
        f"{remembering.in_words(counts)}; the result is in {config.output}"
    )
    return {"output": config.output, **counts}


def _output_field(model: str) -> str:
    """What the new field is called where nobody says it: that of the model's task."""
    from pipelines import inference

    card = inference.read_model_card(model)
    return tasks.of(card.get("task"), f"{files.join(model, 'model.json')}: task").output_field


def _given(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if options[name] is not None}


def _config(config: Any, values: dict[str, Any], section: str, origins: job_checks.Origins) -> Any:
    try:
        return config(**values)
    except pydantic.ValidationError as error:
        raise InputError(job_checks.message(error, config, origins, f"{section}.")) from None
