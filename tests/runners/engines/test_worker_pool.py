"""Workers as a task manager asks for them, over the network."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

SECONDS = 60.0


@contextlib.contextmanager
def running_pool():
    """Its process, and what task managers call."""
    command = [sys.executable, "-m", "runners.engines.worker_pool", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as pool:
        try:
            port = re.search(r"localhost:(\d+)", pool.stderr.readline())[1]
            with grpc.insecure_channel(f"localhost:{port}") as channel:
                yield pool, beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        finally:
            pool.kill()


def test_workers_come_and_go_with_the_pool():
    with running_pool() as (pool, stub):
        request = beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1")
        request.control_endpoint.url = "localhost:9"  # nobody will answer the worker
        answer = stub.StartWorker(request, timeout=SECONDS)
        assert answer.error == ""
        worker = int(re.search(r"process (\d+)", pool.stderr.readline())[1])
        os.kill(worker, 0)
        pool.send_signal(signal.SIGKILL)
        pool.wait()
        deadline = time.monotonic() + SECONDS
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(worker, 0)
                time.sleep(0.1)
            raise AssertionError("the worker outlives its pool")


def test_a_worker_that_cannot_be_provided_for_is_told():
    with running_pool() as (_, stub):
        request = beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1")
        request.provision_endpoint.url = "localhost:9"
        answer = stub.StartWorker(request, timeout=SECONDS)
        assert "UNAVAILABLE" in answer.error
