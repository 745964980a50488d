"""What `electra doctor` looks at whatever the job: this machine, and what is installed on it."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import locale
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator

from packaging.requirements import Requirement

from electra_model.errors import WorkError

from ..jobs.run_record import machine
from . import owners, processor

# (state, name, what was found): "ok", "warn", "fail" or, for the user's own files, "wrong".
Finding = tuple[str, str, str]

# What a job of the smallest size needs, measured; more is better.
_LEAST_MEMORY = 4e9
_LEAST_TEMPORARY = 1e9

_LIBRARIES = ("tensorflow", "tensorflow_text", "apache_beam", "pyarrow", "sentencepiece")


def findings() -> Iterator[Finding]:
    """All of them, one after the other."""
    yield _python()
    yield _owners()
    for name in _LIBRARIES:
        yield _library(name)
    yield _versions()
    yield _crc32c()
    yield _processor()
    yield memory()
    yield _temporary()
    yield _locale()
    yield _clock()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return "fail", "Python", f"{version}; 3.11, 3.12 or 3.13 is needed"
    return "ok", "Python", f"{version} ({sys.executable})"


def _owners() -> Finding:
    try:
        owners.check()
    except WorkError as error:
        return "fail", "packages", str(error)
    return "ok", "packages", "electra_model, pipelines and runners belong to electra-pipelines only"


def _library(name: str) -> Finding:
    distribution = name.replace("_", "-")
    try:
        importlib.import_module(name)
        return "ok", distribution, importlib.metadata.version(distribution)
    except Exception as error:  # a library that is broken may raise anything
        reason = " ".join(str(error).split())[:200]
        return "fail", distribution, f"cannot be imported: {reason}; install the lock file again"


def _versions() -> Finding:
    """What this project and TensorFlow Text ask of others, against what is there."""
    wrong = [*_unfit(owners.DISTRIBUTION), *_unfit("tensorflow-text"), *_unfit("apache-beam")]
    if wrong:
        text = "; ".join(wrong[:3]) + (f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else "")
        return "fail", "versions", f"{text}; install the lock file again"
    return "ok", "versions", "the libraries fit together"


def _unfit(distribution: str) -> Iterator[str]:
    try:
        wanted = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return
    for requirement in map(Requirement, wanted):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{distribution} needs {requirement.name}, which is not installed"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield (
                f"{distribution} needs {requirement.name} {requirement.specifier}, and {found} is "
                "installed"
            )


def _crc32c() -> Finding:
    try:
        module = importlib.import_module("google_crc32c")
    except ImportError:
        return "fail", "google-crc32c", "is not installed; pip install google-crc32c"
    if module.implementation != "c":
        return "warn", "google-crc32c", "is the slow Python version; writing shards will be slow"
    return "ok", "google-crc32c", "compiled"


def _processor() -> Finding:
    facts = machine()
    text = f"{facts['processor']}, {facts['cores']} cores"
    flags = processor.flags()
    if flags and not {"avx", "asimd"} & flags:
        return "fail", "processor", f"{text}; no AVX, without which TensorFlow does not start"
    if flags and not {"avx2", "asimd"} & flags:
        return "warn", "processor", f"{text}; no AVX2, so training will be several times slower"
    known = [name for name in ("avx2", "fma", "avx512f", "amx_tile", "asimd") if name in flags]
    return "ok", "processor", f"{text}, {' '.join(known)}"


def free_memory() -> int:
    """Bytes that may still be taken of this machine, or of what a container allows; 0: unknown."""
    available = 0
    with contextlib.suppress(OSError, ValueError), open("/proc/meminfo") as stream:
        for line in stream:
            if line.startswith("MemAvailable"):
                available = int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):
        with (
            open("/sys/fs/cgroup/memory.max") as limit,
            open("/sys/fs/cgroup/memory.current") as used,
        ):
            available = min(available, int(limit.read()) - int(used.read()))
    return available


def memory() -> Finding:
    """How much of it is free."""
    available = free_memory()
    text = f"{available / 1e9:.1f} GB free"
    if 0 < available < _LEAST_MEMORY:
        return "warn", "memory", f"{text}; {_LEAST_MEMORY / 1e9:.0f} GB are needed at least"
    return "ok", "memory", text


def _temporary() -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    text = f"{folder}: {free / 1e9:.1f} GB free"
    if free < _LEAST_TEMPORARY:
        return "warn", "temporary files", f"{text}; free some, or set TMPDIR to a larger folder"
    return "ok", "temporary files", text


def _locale() -> Finding:
    encodings = {sys.getfilesystemencoding().lower(), locale.getencoding().lower()}
    if encodings - {"utf-8", "utf8"}:
        found = ", ".join(sorted(encodings))
        return "warn", "locale", f"file names and text are {found} here; set LC_ALL=C.UTF-8"
    return "ok", "locale", "UTF-8"


def _clock() -> Finding:
    """Certificates, schedules and the ages of files go by it."""
    now, installed = time.time(), os.stat(__file__).st_mtime
    shown = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(now))
    if now < installed - 60:
        return "warn", "clock", f"{shown}, before this program was installed; set the clock"
    return "ok", "clock", shown
