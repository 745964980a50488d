"""Wheels as data: downloaded by pip with the user's own settings, checked by checksum, read in memory.

Nothing is installed or run, and nothing is unpacked to the disk. A wheel lands in the cache only whole and
checked, so that an interrupted download costs that one wheel and nothing else.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence

from electra_model.errors import InputError, WorkError
from pipelines import files

from .corpus_recipe import PackageConfig

MAX_MEMBER_BYTES = 16 << 20  # the largest catalogue known is 2 MB
MAX_TOTAL_BYTES = 512 << 20  # of all members read from one wheel
MAX_SECONDS = 900  # for one wheel
_STALE_SECONDS = 3600
_PARALLEL = 4


def fetch_wheels(
    packages: Sequence[PackageConfig],
    cache: str,
    python_version: str,
    report: Callable[[str], None] = lambda message: None,
) -> dict[str, str]:
    """Makes sure that every wheel lies in `cache` with the checksum of the recipe. Package name -> path.

    What is there and right is not fetched again; what is there and wrong is. Raises `InputError` when the cache
    cannot be a folder and `WorkError`, with pip's last line, when pip fails.
    """
    try:
        os.makedirs(cache, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"{cache}: the cache must be a folder, found a file; name another one"
        ) from None
    _remove_stale(cache)
    paths = {package.name: os.path.join(cache, package.wheel) for package in packages}
    missing = [package for package in packages if not _is_right(paths[package.name], package)]
    if not missing:
        return paths
    megabytes = sum(package.bytes for package in missing) / 1e6
    report(f"downloading {len(missing)} packages, {megabytes:.0f} MB, into {cache}")
    running: set[subprocess.Popen] = set()
    with concurrent.futures.ThreadPoolExecutor(_PARALLEL) as pool:
        # The largest first: it takes as long as all the others together.
        largest_first = sorted(missing, key=lambda package: -package.bytes)
        fetches = {
            pool.submit(_fetch, package, cache, python_version, running): package
            for package in largest_first
        }
        try:
            for done, fetched in enumerate(concurrent.futures.as_completed(fetches), 1):
                fetched.result()
                report(f"downloaded {done} of {len(missing)}: {fetches[fetched].wheel}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in tuple(running):
                process.terminate()
            raise
    return paths


def _is_right(path: str, package: PackageConfig) -> bool:
    return (
        os.path.isfile(path)
        and os.path.getsize(path) == package.bytes
        and files.sha256(path) == package.sha256
    )


def _remove_stale(cache: str) -> None:
    """Removes what killed runs left; a young folder may belong to a run beside this one."""
    for folder in pathlib.Path(cache).glob(".fetch-*"):
        try:
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # gone meanwhile


def _fetch(
    package: PackageConfig, cache: str, python_version: str, running: set[subprocess.Popen]
) -> None:
    """Downloads one wheel into a folder of its own, checks it, and moves it to its place."""
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as folder:
        requirement = os.path.join(folder, "requirement.txt")
        pathlib.Path(requirement).write_text(
            f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8"
        )
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]
        command += [
            "--no-deps",
            "--only-binary=:all:",
            "--python-version",
            python_version,
            "--require-hashes",
        ]
        command += ["--dest", folder, "--requirement", requirement]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.add(process)
        try:
            output, _ = process.communicate(timeout=MAX_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            output = f"no answer within {MAX_SECONDS} seconds"
        finally:
            running.discard(process)
        wheel = os.path.join(folder, package.wheel)
        if process.returncode != 0:
            raise WorkError(
                f"pip could not download {package.name}=={package.version}: {_last_line(output)}; check the network "
                "and pip's own settings and run again (what has been downloaded is kept)"
            )
        if not _is_right(wheel, package):
            found = sorted(name for name in os.listdir(folder) if name != "requirement.txt")
            raise WorkError(
                f"pip downloaded {', '.join(found) or 'nothing'} for {package.name}=={package.version}, not "
                f"{package.wheel} of {package.bytes} bytes as in the recipe; correct the recipe"
            )
        os.replace(wheel, os.path.join(cache, package.wheel))


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it said nothing"])[-1]


class Wheel:
    """A wheel's members, read in memory with bounds on their sizes.

    Attributes: path; names: of all files in it, sorted. Use as a context manager. Raises `WorkError` for
    anything that is not a sound zip file.
    """

    def __init__(self, path: str):
        self.path = path
        self._read_bytes = 0
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise WorkError(
                f"{path}: not a wheel: {error}; remove the file and run again"
            ) from None
        self.names = sorted({info.filename for info in self._zip.infolist() if not info.is_dir()})

    def __enter__(self) -> Wheel:
        return self

    def __exit__(self, *unused) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        """The bytes of one member. Reads no more than the bounds allow, whatever the archive says of its size."""
        limit = min(MAX_MEMBER_BYTES, MAX_TOTAL_BYTES - self._read_bytes)
        try:
            with self._zip.open(name) as member:
                data = member.read(limit + 1)
        except (KeyError, OSError, RuntimeError, NotImplementedError, EOFError) as error:
            raise WorkError(f"{self.path}: cannot read {name}: {error}") from None
        except (zipfile.BadZipFile, zlib.error, ValueError) as error:
            raise WorkError(
                f"{self.path}: {name} is damaged: {error}; remove the file and run again"
            ) from None
        if len(data) > limit:
            raise WorkError(
                f"{self.path}: {name} has more than {limit} bytes; this is no catalogue, correct the recipe"
            )
        self._read_bytes += len(data)
        return data
