"""`python -m runners.engines.beam_job --job JOB.yaml --stage translate --runner=FlinkRunner ...`:
one stage of a job, asked for as other programs ask for Beam pipelines.

Airflow's Beam provider starts Python pipelines with Beam's own options on the command line. Here
they become the section `runner` of the job file; everything else is `electra STAGE JOB.yaml`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import click

from .. import cli
from . import dataflow, flink
from .engine_config import RunnerConfig

_ENGINES = {"DirectRunner": "local", "FlinkRunner": "flink", "DataflowRunner": "dataflow"}
# Beam's option -> our key, where they are not called the same.
_KEYS = {option: key for named in (flink.NAMED, dataflow.NAMED) for key, option in named.items()}
_KEYS["direct_num_workers"] = "workers"
_OWN = tuple(RunnerConfig.__dataclass_fields__)


def arguments_of(options: Sequence[str], job: str, stage: str, runner: str) -> list[str]:
    """The command line of `electra` that does the same.

    Airflow gives labels to every runner, and Dataflow alone has any.

    >>> arguments_of(["--flink_master=host:8081", "--labels=a=b"], "j.yaml", "run", "FlinkRunner")
    ['run', 'j.yaml', '--set', 'runner.name=flink', '--set', 'runner.master="host:8081"']
    """
    if runner not in _ENGINES:
        raise click.UsageError(f"--runner: found {runner!r}; allowed are {', '.join(_ENGINES)}")
    found = [f"runner.name={_ENGINES[runner]}"]
    for option in options:
        name, equals, value = option.removeprefix("--").partition("=")
        if not option.startswith("--"):
            raise click.UsageError(f"{option}: write options of Beam as --name=value")
        if name in ("no_use_public_ips", "use_public_ips"):
            found.append(f"runner.public_ips={json.dumps(not name.startswith('no_'))}")
        elif name in ("labels", "label"):
            label, _, text = value.partition("=")
            if runner == "DataflowRunner":
                found.append(f"runner.labels.{label}={json.dumps(text)}")
        else:
            key = _KEYS.get(name, name)
            key = key if key in _OWN else f"options.{key}"
            text = json.dumps(value) if equals and not value.isdecimal() else value or "true"
            found.append(f"runner.{key}={text}")
    return [stage, job, *(part for text in found for part in ("--set", text))]


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.option("--job", required=True, metavar="JOB.yaml")
@click.option("--stage", default="run", show_default=True, help="A command of electra.")
@click.option("--runner", default="DirectRunner", show_default=True, help="Beam's name of it.")
@click.pass_context
def main(context: click.Context, job: str, stage: str, runner: str) -> None:
    """Does one stage of a job, with options of Beam."""
    sys.exit(cli.main(arguments_of(context.args, job, stage, runner)))


if __name__ == "__main__":
    main()
