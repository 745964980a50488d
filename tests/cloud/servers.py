"""Object stores on this machine, each a real server, and a recorder of the Dataflow API."""

import contextlib
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.free_ports import free_ports

Server = TypeVar("Server", bound=http.server.ThreadingHTTPServer)

_WAIT_SECONDS = 60.0


@contextlib.contextmanager
def gcs(folder: pathlib.Path) -> Iterator[dict[str, str]]:
    """A Cloud Storage with one bucket, `bucket`, and an account; gives the variables that lead
    clients to them."""
    (port,), folder = free_ports(1), folder / "store"
    folder.mkdir()
    program = pathlib.Path(sys.executable).with_name("gcp-storage-emulator")
    command = [str(program), f"--data-dir={folder}", "start", "--host=127.0.0.1", f"--port={port}"]
    address = f"http://127.0.0.1:{port}"
    with (
        _server([*command, "--default-bucket=bucket"], f"{address}/storage/v1/b/bucket"),
        _tokens() as token_uri,
    ):
        account = folder.with_name("account.json")
        account.write_text(json.dumps(_account(token_uri)))
        yield {"STORAGE_EMULATOR_HOST": address, "GOOGLE_APPLICATION_CREDENTIALS": str(account)}


def _account(token_uri: str) -> dict[str, str]:
    """A service account as its key file has it, with a key of its own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoded = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "some-project",
        "client_email": "electra@some-project.iam.gserviceaccount.com",
        "private_key": encoded.decode(),
        "token_uri": token_uri,
    }


@contextlib.contextmanager
def _tokens() -> Iterator[str]:
    """Where accounts get a token, whoever they are."""

    class Handler(_Handler):
        def do_POST(self) -> None:
            self.answer({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})

    with _serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}/token"


@contextlib.contextmanager
def s3(folder: pathlib.Path) -> Iterator[dict[str, str]]:
    """An S3 with one bucket, `bucket`; gives the variables that lead clients to it."""
    (port,) = free_ports(1)
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
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class _Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, value: dict) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def _serving(server: Server) -> Iterator[Server]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


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


class _DataflowHandler(_Handler):
    server: DataflowApi

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.jobs.append(job)
        self.answer({**_done(job), "createTime": "2026-01-01T00:00:00Z"})

    def do_GET(self) -> None:
        if "/messages" in self.path or "/metrics" in self.path:
            self.answer({})
        else:
            self.answer(_done(self.server.jobs[-1]))


def _done(job: dict) -> dict:
    kept = {name: job[name] for name in ("name", "projectId", "type", "location") if name in job}
    return {**kept, "id": "2026-01-01_00_00_00-1", "currentState": "JOB_STATE_DONE"}


def dataflow() -> contextlib.AbstractContextManager[DataflowApi]:
    """A Dataflow that only writes down."""
    return _serving(DataflowApi())
