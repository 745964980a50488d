"""One command, measured: seconds, and the memory of it and of all processes below it."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

_SAMPLES_A_SECOND = 5
_MEMORY = re.compile(r"^Rss(?:Anon|Shmem):\s+(\d+) kB$", re.M)


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a command took.

    Attributes:
      seconds: from start to end. output: its last line.
      largest: peak bytes of the largest of its processes.
      together: peak bytes of all of them at one moment.

    Memory is what a process has written, sampled five times a second. Files that it has mapped are
    not in it: those pages are the system's cache, which it takes back when it needs them. (The
    high-water marks of the system, `VmHWM` and `ru_maxrss`, count them.)
    """

    seconds: float
    output: str
    largest: int
    together: int


def run(command: list[str], **environment: str) -> Measured:
    """Runs a command that must succeed; raises SystemExit with its messages when it does not."""
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, **environment},
    )
    assert process.stdout is not None and process.stderr is not None
    messages: list[str] = []
    reader = threading.Thread(target=lambda: messages.append(process.stderr.read()))
    ended = threading.Event()
    largest, together = [0], [0]

    def sample() -> None:
        while not ended.wait(1 / _SAMPLES_A_SECOND):
            one, every = memory_below(process.pid)
            largest.append(one)
            together.append(every)

    sampler = threading.Thread(target=sample)
    reader.start()
    sampler.start()
    try:
        output = process.stdout.read()
        reader.join()
        status = process.wait()
        seconds = time.monotonic() - start
    finally:
        ended.set()
        sampler.join()
        process.stdout.close()
        process.stderr.close()
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{''.join(messages)}")
    last = output.splitlines()[-1] if output else ""
    return Measured(seconds, last, max(largest), max(together))


def memory_below(pid: int) -> tuple[int, int]:
    """Of a process and all that descend from it: what the largest has now, and what all have
    together, in bytes."""
    largest, total = 0, 0
    for number in [pid, *descendants(pid)]:
        found = _MEMORY.findall(_read(pathlib.Path("/proc", str(number), "status")))
        own = sum(map(int, found)) * 1024
        largest = max(largest, own)
        total += own
    return largest, total


def descendants(pid: int) -> list[int]:
    """The processes below a process now."""
    children: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _read(entry / "stat")):
            # The name, in brackets, may hold anything.
            parent = int(fields.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(pid, []))
    for number in found:  # which grows meanwhile
        found += children.get(number, [])
    return found


def _read(path: pathlib.Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""


def fresh(folder: pathlib.Path) -> pathlib.Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
