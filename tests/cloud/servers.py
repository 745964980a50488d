"""Object stores on this machine, each a real server, and a recorder of the Dataflow API."""

import contextlib
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from tests.cloud import environments

_WAIT_SECONDS = 60.0


@contextlib.contextmanager
def gcs(folder: pathlib.Path) -> Iterator[dict[str, str]]:
    """A Cloud Storage with one bucket, `bucket`; gives the variables that lead clients to it."""
    port = free_port()
    (folder / "bucket").mkdir(parents=True)
    command = [environments.gcs_server(), "-scheme", "http", "-host", "127.0.0.1"]
    options = {"-port": port, "-public-host": f"127.0.0.1:{port}", "-filesystem-root": folder}
    given = [str(part) for pair in options.items() for part in pair]
    with _server([*command, *given], f"http://127.0.0.1:{port}/storage/v1/b?project=p"):
        yield {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}


@contextlib.contextmanager
def s3(folder: pathlib.Path) -> Iterator[dict[str, str]]:
    """An S3 with one bucket, `bucket`; gives the variables that lead clients to it."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _server(command, f"{address}/moto-api/data.json"):
        urllib.request.urlopen(urllib.request.Request(f"{address}/bucket", method="PUT"))
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextlib.contextmanager
def _server(command: list[str], address: str) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{address} does not answer"
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(address, timeout=5).read()
                break
            time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class DataflowApi(http.server.ThreadingHTTPServer):
    """Takes jobs as Dataflow does, writes them down in `jobs`, and says that each is done."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("localhost", 0), _DataflowHandler)
        self.jobs: list[dict] = []

    @property
    def address(self) -> str:
        """For `runner.endpoint`."""
        return f"http://localhost:{self.server_port}"


class _DataflowHandler(http.server.BaseHTTPRequestHandler):
    server: DataflowApi

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.jobs.append(job)
        self._answer({**_done(job), "createTime": "2026-01-01T00:00:00Z"})

    def do_GET(self) -> None:
        if "/messages" in self.path or "/metrics" in self.path:
            self._answer({})
        else:
            self._answer(_done(self.server.jobs[-1]))

    def _answer(self, value: dict) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _done(job: dict) -> dict:
    kept = {name: job[name] for name in ("name", "projectId", "type", "location") if name in job}
    return {**kept, "id": "2026-01-01_00_00_00-1", "currentState": "JOB_STATE_DONE"}


@contextlib.contextmanager
def dataflow() -> Iterator[DataflowApi]:
    """A Dataflow that only writes down."""
    with DataflowApi() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
