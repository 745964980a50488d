"""Serves a task manager that asks for Python workers: `worker_pool` is the program."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from typing import Any

import grpc
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
)
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
from google.protobuf import json_format

from ..terminal.progress import say
from . import local_workers

_PROVISION_SECONDS = 60.0
_STOP_SECONDS = 10.0


class WorkerPool(BeamFnExternalWorkerPoolServicer):
    """Starts and ends worker processes. Its methods are called by task managers."""

    threads = 1

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._running: dict[str, list[subprocess.Popen]] = {}

    def StartWorker(self, start_worker_request, unused_context):
        """One more worker; returns when its process is there. It connects by itself."""
        request = start_worker_request
        try:
            environment = local_workers.environment(
                request.control_endpoint,
                request.worker_id,
                _pipeline_options(request),
                self.threads,
            )
        except Exception as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=f"{type(error).__name__}: {error}")
        started = threading.Event()
        # The kernel ends a worker with the thread that started it: that must be one of its own.
        threading.Thread(
            target=self._run,
            args=(request.worker_id, environment, started),
            daemon=True,
            name=f"worker-process-{request.worker_id}",
        ).start()
        started.wait()
        return beam_fn_api_pb2.StartWorkerResponse()

    def _run(self, worker_id: str, environment: dict[str, str], started: threading.Event) -> None:
        try:
            process = local_workers.start(environment)
            self._running.setdefault(worker_id, []).append(process)
        finally:
            started.set()
        say(f"worker {worker_id}: started as process {process.pid}")
        status = process.wait()
        self._running[worker_id].remove(process)
        say(f"worker {worker_id}: process {process.pid} ended with status {status}")

    def StopWorker(self, stop_worker_request, unused_context):
        """Ends a worker that does not end by itself, as it does when it is not connected any more.

        Task managers number their workers, each for itself: where several share this pool, nobody
        can tell whose is meant, and they are left to end by themselves.
        """
        processes = [*self._running.get(stop_worker_request.worker_id, [])]
        if len(processes) == 1:
            with contextlib.suppress(subprocess.TimeoutExpired):
                processes[0].wait(timeout=_STOP_SECONDS)
            processes[0].kill()
        return beam_fn_api_pb2.StopWorkerResponse()


def _pipeline_options(request: beam_fn_api_pb2.StartWorkerRequest) -> str:
    """What the pipeline was started with, as JSON: {name: value}."""
    if not request.provision_endpoint.url:
        return "{}"
    with grpc.insecure_channel(request.provision_endpoint.url) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        answer = stub.GetProvisionInfo(
            beam_provision_api_pb2.GetProvisionInfoRequest(),
            timeout=_PROVISION_SECONDS,
            metadata=[("worker_id", request.worker_id)],  # Beam's services ask who it is for
        )
    return json.dumps(json_format.MessageToDict(answer.info.pipeline_options))
