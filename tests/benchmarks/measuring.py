"""One command, measured: seconds, and the memory of it and of all processes below it."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

_SAMPLES_A_SECOND = 2
_MEMORY = re.compile(r"^Vm(HWM|RSS):\s+(\d+) kB$", re.M)


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a command took.

    Attributes:
      seconds: from start to end. output: its last line.
      largest: peak bytes of the largest of its processes.
      together: peak bytes of all of them at one moment; what they share, such as the code of
        libraries, is counted in each.

    Both are sampled twice a second. The largest is by the system's own high-water marks, so that
    only a process' last half second can be missed. (`ru_maxrss` would not do: it begins with the
    size of the process that starts the command.)
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
    """Of a process and all that descend from it: the highest that one of them has been at, and
    what all have now, in bytes."""
    children: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _read(entry / "stat")):
            # The name, in brackets, may hold anything.
            parent = int(fields.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    highest, total, waiting = 0, 0, [pid]
    while waiting:
        number = waiting.pop()
        waiting += children.get(number, [])
        found = dict(_MEMORY.findall(_read(pathlib.Path("/proc", str(number), "status"))))
        highest = max(highest, int(found.get("HWM", 0)) * 1024)
        total += int(found.get("RSS", 0)) * 1024
    return highest, total


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
