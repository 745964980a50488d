"""Worker processes of the engine `local`: an environment for Beam's in-process runner.

Beam has such an environment, but one that waits for ever for a worker that dies, and for one that
was still starting when the pipeline failed. Here a dead worker fails the pipeline, and no worker is
waited for longer than a few seconds once the work is over: what it did is committed by then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from apache_beam.portability.api import endpoints_pb2
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    GrpcWorkerHandler,
    WorkerHandler,
)
from apache_beam.transforms.environments import Environment, python_sdk_capabilities
from google.protobuf import text_format

from electra_model.errors import WorkError

# What is wrong with workers of this process that died before their work was done. Beam does not
# notice one that dies before it is connected, so whoever waits for a pipeline looks here as well.
deaths: list[WorkError] = []

URN = "electra:environment:local_processes:v1"
_STOP_SECONDS = 5.0


def environment(
    control: endpoints_pb2.ApiServiceDescriptor, worker_id: str, options: str, threads: int
) -> dict[str, str]:
    """The variables that a worker process is started with.

    Args:
      control: where it asks for work. options: of the pipeline, JSON as Beam's worker reads it.
      threads: of its libraries.
    """
    return {
        # Side by side, workers share the cores; each would otherwise take all of them.
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        **os.environ,
        "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(control),
        "PIPELINE_OPTIONS": options,
        "WORKER_ID": worker_id,
        "ELECTRA_PARENT": str(os.getpid()),
    }


def start(variables: dict[str, str]) -> subprocess.Popen:
    """One worker process, which lives no longer than the thread that calls this."""
    return subprocess.Popen(
        [sys.executable, "-m", "runners.engines.worker"], env=variables, stdin=subprocess.DEVNULL
    )


class LocalProcesses(Environment):
    """One process per worker, started as `python -m runners.engines.worker`.

    Args:
      settings: `{"options": Beam options for the workers, "threads": per worker}`.
    """

    def __init__(
        self, settings: dict[str, Any], capabilities=None, artifacts=(), resource_hints=None
    ) -> None:
        capabilities = python_sdk_capabilities() if capabilities is None else capabilities
        super().__init__(capabilities, artifacts, resource_hints)
        self.settings = settings

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self.settings == getattr(other, "settings", None)

    def __hash__(self) -> int:
        return hash((super().__hash__(), json.dumps(self.settings, sort_keys=True)))

    def to_runner_api_parameter(self, context):
        """What Beam's pipeline proto carries of this environment."""
        return URN, json.dumps(self.settings, sort_keys=True).encode()

    @staticmethod
    def from_runner_api_parameter(payload, capabilities, artifacts, resource_hints, context):
        """The reverse of `to_runner_api_parameter`."""
        return LocalProcesses(json.loads(payload), capabilities, artifacts, resource_hints)


class LocalProcessHandler(GrpcWorkerHandler):
    """Starts, watches and ends one worker process. Its methods are called by Beam's runner."""

    def __init__(self, payload: bytes, state, provision_info, grpc_server) -> None:
        super().__init__(state, provision_info, grpc_server)
        self._settings = json.loads(payload)
        self._process: subprocess.Popen | None = None
        self._started = threading.Event()
        self._stopping = False

    def start_worker(self) -> None:
        """Returns when the process is there; it connects by itself."""
        # The kernel ends a worker with the thread that started it: that must be one of its own.
        threading.Thread(
            target=self._run, daemon=True, name=f"worker-process-{self.worker_id}"
        ).start()
        self._started.wait()

    def _run(self) -> None:
        try:
            control = endpoints_pb2.ApiServiceDescriptor(url=self.control_address)
            options = json.dumps({"options": self._settings["options"]})
            self._process = start(
                environment(control, self.worker_id, options, self._settings["threads"])
            )
        finally:
            self._started.set()
        status = self._process.wait()
        error = WorkError(f"a worker process ended with status {status} before its work was done")
        if status == -9:
            error = WorkError(f"{error}; if memory ran out, lower runner.workers and run again")
        if not self._stopping and status:
            deaths.append(error)
        while (
            not self._stopping
        ):  # again and again, for instructions that are given after its death
            self.control_conn.abort(error)
            time.sleep(0.1)

    def close(self) -> None:
        """Ends the connections, whereupon the process ends by itself: that is no death."""
        self._stopping = True
        super().close()

    def stop_worker(self) -> None:
        """Waits a little for the process to end, then ends it."""
        self._stopping = True
        if self._process is None:
            return
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


# As statements: as decorators they would hide the classes' types.
Environment.register_urn(URN, bytes)(LocalProcesses)
WorkerHandler.register_environment(URN, bytes)(LocalProcessHandler)
