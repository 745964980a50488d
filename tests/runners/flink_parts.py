"""What a Flink cluster on this machine needs: Flink from PyPI, Beam's job server from Maven
Central. `python -m tests.runners.flink_parts FOLDER` fetches what is not there yet.

`flink/jars.lock` names every jar of the job server with its checksum, so that only Java is needed
here, no Maven. The job server is an older Beam's than the Python one that uses it: pipelines,
workers and job servers speak a protocol that both know.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile

LOCKS = pathlib.Path(__file__).parent / "flink"
CENTRAL = "https://repo1.maven.org/maven2"
MAIN = "org.apache.beam.runners.flink.FlinkJobServerDriver"
_ATTEMPTS = 4


def fetch(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Flink's home, and a jar that starts the job server."""
    folder.mkdir(parents=True, exist_ok=True)
    return _flink(folder), _job_server(folder)


def _flink(folder: pathlib.Path) -> pathlib.Path:
    home = folder / "flink"
    if home.is_dir():
        return home
    download = folder / "download"
    shutil.rmtree(download, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    lock = str(LOCKS / "requirements.lock")
    subprocess.run([*command, "--dest", str(download), "-r", lock], check=True)
    (packed,) = download.iterdir()
    unpacked = folder / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(packed) as archive:
        archive.extractall(unpacked, filter="data")
    (deps,) = unpacked.glob("*/deps")
    deps.rename(home)
    for rest in (unpacked, download):
        shutil.rmtree(rest)
    return home


def _job_server(folder: pathlib.Path) -> pathlib.Path:
    place = folder / "job-server"
    place.mkdir(exist_ok=True)
    lines = (LOCKS / "jars.lock").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jars = list(pool.map(lambda row: _jar(place, *row), rows))
    # One jar that has nothing but their names: Beam starts a job server by `java -jar`.
    starter = place / "job-server.jar"
    text = f"Manifest-Version: 1.0\r\nMain-Class: {MAIN}\r\n" + _folded(
        "Class-Path: " + " ".join(jar.name for jar in jars)
    )
    with zipfile.ZipFile(starter, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", text)
    return starter


def _jar(place: pathlib.Path, path: str, sha256: str) -> pathlib.Path:
    target = place / path.rpartition("/")[2]
    if not target.is_file():
        data = _read(f"{CENTRAL}/{path}")
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise SystemExit(f"{path}: sha256 is {found}, and jars.lock has {sha256}")
        temporary = target.with_suffix(".tmp")
        temporary.write_bytes(data)
        os.replace(temporary, target)
    return target


def _read(address: str) -> bytes:
    for attempt in range(_ATTEMPTS):
        try:
            with urllib.request.urlopen(address, timeout=120) as answer:
                return answer.read()
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            gone = isinstance(error, urllib.error.HTTPError) and error.code == 404
            if gone or attempt == _ATTEMPTS - 1:
                raise SystemExit(f"{address}: {error}") from None
            time.sleep(2**attempt)
    raise AssertionError


def _folded(line: str) -> str:
    """A line of a manifest, whose lines have 72 bytes at most; the next ones begin with a blank."""
    parts = [line[:70], *(line[at : at + 69] for at in range(70, len(line), 69))]
    return "\r\n ".join(parts) + "\r\n\r\n"


if __name__ == "__main__":
    print(*fetch(pathlib.Path(sys.argv[1])), sep="\n")
