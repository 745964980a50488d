"""A Flink cluster: Beam's options, and whether its parts answer.

The command hands the pipeline to a Beam job server (a Java program, one that runs already or one
that is started here), which submits it to Flink's job manager. Each task manager asks the pool of
workers beside it (`runners.engines.worker_pool`) for Python workers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from electra_model.errors import InputError, WorkError

from .engine_config import RunnerConfig

_ANSWER_SECONDS = 5.0


# Key -> Beam's option.
NAMED = {
    "workers": "parallelism",
    "master": "flink_master",
    "worker_pool": "environment_config",
    "job_server": "job_endpoint",
    "job_server_jar": "flink_job_server_jar",
}


def options(config: RunnerConfig) -> dict[str, Any]:
    """Of Beam, for this cluster."""
    found = {option: getattr(config, key) for key, option in NAMED.items()}
    given = {option: value for option, value in found.items() if value is not None}
    return {"runner": "FlinkRunner", "environment_type": "EXTERNAL", **given}


@contextlib.contextmanager
def with_job_server(config: RunnerConfig) -> Iterator[RunnerConfig]:
    """Inside, a job server runs, and the configuration that is given back names it.

    Raises `InputError` where it cannot be fetched, and `WorkError` where it ended before the work
    was done.
    """
    if config.job_server:
        yield config
        return
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.flink_runner import FlinkJarJobServer, FlinkRunner

    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as artifacts:
        given = options(config) | {
            "flink_master": FlinkRunner.add_http_scheme(config.master),
            "artifacts_dir": artifacts,
        }
        server = FlinkJarJobServer(PipelineOptions(flags=[], **given))
        try:
            command, address = server.subprocess_cmd_and_endpoint()
        except Exception as error:
            raise InputError(
                f"runner.job_server_jar: Beam's job server cannot be fetched ({error}); name its "
                "file"
            ) from None
        process = subprocess.Popen(
            [sys.executable, "-m", "runners.engines.tied", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield dataclasses.replace(config, job_server=address, job_server_jar=None)
        except Exception:
            if process.poll() is None:
                raise
            log.seek(0)
            said = log.read().decode(errors="replace").strip().splitlines() or ["nothing"]
            raise WorkError(f"Beam's job server ended by itself; it said: {said[-1]}") from None
        finally:
            process.kill()
            process.wait()


def runner():
    """Beam's runner."""
    from apache_beam.runners.portability.flink_runner import FlinkRunner

    return FlinkRunner()


def problems(config: RunnerConfig) -> list[str]:
    """What of this cluster cannot be reached from here, each with its remedy. The task managers and
    their pools of workers are reached by the job manager, not from here."""
    assert config.master is not None
    found = [
        f"runner.{key}: nothing answers at {address} ({reason}); {remedy}"
        for key, address, remedy in (
            ("master", config.master, "start the cluster, or name its job manager"),
            ("job_server", config.job_server, "start the job server, or leave the key out"),
        )
        if address and (reason := _silent(address))
    ]
    if config.job_server:
        return found
    jar = config.job_server_jar
    if jar and "://" not in jar and not os.path.isfile(jar):
        found.append(f"runner.job_server_jar: {jar!r} is no file; name Beam's Flink job server")
    if shutil.which("java") is None:
        found.append(
            "runner.name: flink starts Beam's job server, which needs Java 11 or later (`java`); "
            "install it, or name a job server that runs in runner.job_server"
        )
    return found


def _silent(address: str) -> str:
    """Why nothing answers at `host:port`; "" where something does."""
    bare = address.partition("://")[2] or address
    host, _, port = bare.strip("/").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS):
            return ""
    except (OSError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)
