"""Where pipelines run: the job file's section `runner` to Beam's options and runner.

`local` is Beam's in-process runner, named explicitly because Beam's own default may download a
program; with more than one worker each is a process of its own. `flink` and `dataflow` have files
of their own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
from collections.abc import Sequence
from typing import Any

from electra_model.errors import InputError
from electra_model.threads import processors
from pipelines import files
from pipelines.foresight import stage_costs
from pipelines.units import Unit

from . import dataflow, flink
from .engine_config import RunnerConfig as RunnerConfig

# What is worth one more process, which takes seconds to start: text to prepare, and units to
# translate, each of half a minute or so. And the memory that one may take.
_PREPARE_BYTES = 8_000_000
_TRANSLATE_UNITS = 3
_PROCESS_BYTES = 1.5e9


def for_prepare(config: RunnerConfig, units: Sequence[Unit]) -> RunnerConfig:
    """The runner with its workers chosen where the job file leaves that open."""
    return _with_workers(config, 1 + int(stage_costs.text_bytes(units) // _PREPARE_BYTES))


def for_translate(config: RunnerConfig, pending: int) -> RunnerConfig:
    """The runner with its workers chosen where the job file leaves that open.

    Args:
      pending: units that are yet to be translated.
    """
    return _with_workers(config, pending // _TRANSLATE_UNITS)


def _with_workers(config: RunnerConfig, worth: int) -> RunnerConfig:
    if config.name != "local" or config.workers is not None:
        return config
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = min(processors(), int(memory // _PROCESS_BYTES))
    return dataclasses.replace(config, workers=max(1, min(worth, most)))


def reach_stores(config: RunnerConfig) -> None:
    """Has object stores reached by the options of Beam that the runner is given, if any, from the
    first look at the inputs on. Raises `InputError` for an option that Beam does not know."""
    if config.options:
        pipeline_options(config)
        files.use_options(config.options)


def problems(config: RunnerConfig) -> list[str]:
    """What is in the way of using the engine from here, each with its remedy."""
    if config.name == "flink":
        return flink.problems(config)
    if config.name == "dataflow":
        return dataflow.problems(config)
    return []


def check(config: RunnerConfig) -> None:
    """Raises `InputError` for an engine that does not answer or cannot be used from here."""
    for problem in problems(config):
        raise InputError(problem)


def standing_by(config: RunnerConfig) -> contextlib.AbstractContextManager[RunnerConfig]:
    """Inside, what the engine needs on this machine runs; gives the configuration that names it.

    Raises `InputError` or `WorkError` for what cannot be started or ends too early.
    """
    if config.name == "flink":
        return flink.with_job_server(config)
    return contextlib.nullcontext(config)


def pipeline_options(config: RunnerConfig):
    """Beam's `PipelineOptions`. Raises `InputError` for an option that Beam does not know."""
    from apache_beam.options.pipeline_options import PipelineOptions

    _check_options(config, PipelineOptions)
    options: dict[str, Any] = {
        "pipeline_type_check": True,
        "default_sdk_harness_log_level": "WARN",  # Java, too, knows it by this name
    }
    if config.name == "local":
        options |= {"direct_num_workers": config.workers or 1}
    elif config.name == "flink":
        options |= flink.options(config)
    else:
        options |= dataflow.options(config)
    return PipelineOptions(flags=[], **(options | config.options))


def pipeline_runner(config: RunnerConfig):
    """The Beam runner itself. What it needs must be there (`check`)."""
    if config.name == "local":
        from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

        workers = config.workers or 1
        if workers == 1:
            return FnApiRunner()
        from .local_workers import LocalProcesses

        threads = max(1, processors() // workers)
        settings = {"options": config.options, "threads": threads}
        return FnApiRunner(default_environment=LocalProcesses(settings))
    return flink.runner() if config.name == "flink" else dataflow.runner()


def _check_options(config: RunnerConfig, options_class) -> None:
    if not config.options:
        return
    known = set(options_class(flags=[]).get_all_options())
    for name in config.options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"runner.options.{name}: Beam knows no such option{hint}")
