"""Where pipelines run: the job file's section `runner` to Beam's options and runner.

`local` is Beam's in-process runner, named explicitly because Beam's own default may download a
program; with more than one worker each is a process of its own. This is the engine that the tests
run. `flink` and `dataflow` build Beam's options for those engines and hand the pipeline over: no
test of this project has run on them yet.
"""

from __future__ import annotations

import difflib
import importlib.util
from typing import Any, Literal

import pydantic
from pydantic import Field

from electra_model.config import STRICT
from electra_model.errors import InputError
from electra_model.threads import processors

# What each engine cannot do without; the values go below `runner.options`.
_REQUIRED = {
    "local": (),
    "flink": ("flink_master",),
    "dataflow": ("project", "region", "temp_location"),
}


# Of one machine: each is a Python process with Beam in it.
_MOST_PROCESSES = 512


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class RunnerConfig:
    """Where and how wide pipelines run.

    Attributes:
      name: the engine. workers: processes (local), parallelism (flink), most machines (dataflow).
      options: further options, by Beam's names, such as `{flink_master: "host:8081"}`.
    """

    name: Literal["local", "flink", "dataflow"] = "local"
    workers: int = Field(default=1, ge=1, le=10_000)
    options: dict[str, Any] = Field(default_factory=dict)

    @pydantic.model_validator(mode="after")
    def _check_required(self) -> RunnerConfig:
        if self.name == "local" and self.workers > _MOST_PROCESSES:
            raise ValueError(
                f"runner.workers: found {self.workers}; of the runner local it should be from 1 to "
                f"{_MOST_PROCESSES}, one for each processor"
            )
        missing = [name for name in _REQUIRED[self.name] if not self.options.get(name)]
        if missing:
            raise ValueError(f"runner.options.{missing[0]}: is needed for the runner {self.name}")
        return self


def pipeline_options(config: RunnerConfig):
    """Beam's `PipelineOptions`. Raises `InputError` for an option that Beam does not know."""
    from apache_beam.options.pipeline_options import PipelineOptions

    _check_options(config, PipelineOptions)
    options: dict[str, Any] = {
        "pipeline_type_check": True,
        "default_sdk_harness_log_level": "WARNING",
    }
    if config.name == "local":
        options |= {"direct_num_workers": config.workers}
    elif config.name == "flink":
        options |= {"runner": "FlinkRunner", "parallelism": config.workers}
    else:
        options |= {"runner": "DataflowRunner", "max_num_workers": config.workers}
    return PipelineOptions(flags=[], **(options | config.options))


def pipeline_runner(config: RunnerConfig):
    """The Beam runner itself. Raises `InputError` when what it needs is not installed."""
    if config.name == "local":
        from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

        if config.workers == 1:
            return FnApiRunner()
        from .local_workers import LocalProcesses

        threads = max(1, processors() // config.workers)
        settings = {"options": config.options, "threads": threads}
        return FnApiRunner(default_environment=LocalProcesses(settings))
    if config.name == "flink":
        from apache_beam.runners.portability.flink_runner import FlinkRunner

        return FlinkRunner()
    if not _has("google.cloud.storage"):
        raise InputError(
            "runner.name: dataflow needs further packages: pip install 'electra-pipelines[gcp]'"
        )
    from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner

    return DataflowRunner()


def _has(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _check_options(config: RunnerConfig, options_class) -> None:
    if not config.options:
        return
    known = set(options_class(flags=[]).get_all_options())
    for name in config.options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"runner.options.{name}: Beam knows no such option{hint}")
