"""What `kill -9` at random moments does to a translation of thousands of documents: nothing.

Every run is killed, its main process or one of its workers, and started again, until it is through;
then the next folder is begun, until there have been enough kills. A run that shows a difference
ends the measurement. Each folder that became complete adds a line to `translate_kills.jsonl`.
Environment: `BENCH_KILLS`.
"""

import collections
import dataclasses
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from . import journal
from .measuring import descendants, fresh
from .translating import command, sentences, trained

KILLS = int(os.environ.get("BENCH_KILLS", "200"))
DOCUMENTS = 5000
SENTENCES = 8  # of a document
WORKERS = 2
# A run is killed within so many seconds, which is more than it needs to start.
LONGEST = 40.0
# What a killed run leaves running must have ended by itself after so many.
PATIENCE = 60.0


@dataclasses.dataclass
class Watched:
    """An output folder between runs.

    Attributes:
      receipts: of committed units, each by its file; one that is written again is another file.
      moments: how far the run was when it was killed, and who was -> how often.
    """

    output: pathlib.Path
    receipts: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    moments: collections.Counter[tuple[str, str]] = dataclasses.field(
        default_factory=collections.Counter
    )

    def look(self) -> None:
        """Raises SystemExit where a committed unit was committed again."""
        for path in self.output.glob("_electra/units/*.receipt.json"):
            about = path.stat()
            now = about.st_ino, about.st_mtime_ns
            if self.receipts.setdefault(path.name, now) != now:
                raise SystemExit(f"{path}: was committed twice")

    def moment(self) -> str:
        """How far the run is."""
        kept = self.output / "_electra"
        if (kept / "placing.json").exists():
            return "placing files"
        if (kept / "ready").exists():
            return "putting files together"
        return "translating" if any(kept.glob("units/*.receipt.json")) else "starting"


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    model, _ = trained(folder, "least")
    place = folder / "kills"
    docs = _documents(folder, place / "docs")
    whole = fresh(place / "whole")
    _started(model, docs, whole).wait()
    expected = _snapshot(whole)
    found = folder / "translate_kills.jsonl"
    while True:
        rows = journal.read(found)
        killed = sum(count for row in rows.values() for *_, count in row["moments"])
        if killed >= KILLS:
            return table(list(rows.values()))
        number = len(rows)
        watched = Watched(fresh(place / "out"))
        draw = random.Random(number)
        while killed + watched.moments.total() < KILLS:
            if _attempt(model, docs, watched, draw):
                break
            print(f"kills: {killed}, {dict(watched.moments)}", file=sys.stderr, flush=True)
        else:
            _started(model, docs, watched.output).wait()
        _compare(expected, watched.output)
        moments = [[*moment, count] for moment, count in watched.moments.items()]
        row = {"run": f"{number}", "moments": moments, "files": len(expected)}
        journal.add(found, row)


def _documents(folder: pathlib.Path, place: pathlib.Path) -> pathlib.Path:
    """Files of five formats."""
    docs, source = fresh(place), sentences(folder)
    for number in range(DOCUMENTS):
        lines = [next(source) for _ in range(SENTENCES)]
        kind = ("txt", "jsonl", "md", "tsv", "txt")[number % 5]
        if kind == "jsonl":
            lines = [json.dumps({"id": n, "text": line}) for n, line in enumerate(lines)]
        elif kind == "md":
            lines = [f"# {lines[0]}", "", *(f"* {line}" for line in lines[1:])]
        (docs / f"{number:05d}.{kind}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return docs


def _started(
    model: pathlib.Path, docs: pathlib.Path, output: pathlib.Path
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*command(model, docs, output, WORKERS), "--set", "translate.unit_segments=200"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _attempt(
    model: pathlib.Path, docs: pathlib.Path, watched: Watched, draw: random.Random
) -> bool:
    """Starts a run and kills it or one of its workers; whether it was through before."""
    process = _started(model, docs, watched.output)
    end = time.monotonic() + draw.uniform(0, LONGEST)
    while time.monotonic() < end:
        if process.poll() is not None:
            watched.look()
            if process.returncode:
                raise SystemExit(f"{watched.output}: the run failed by itself")
            return True
        time.sleep(0.02)
    below = sorted(descendants(process.pid))
    victim = draw.choice(below) if below and draw.random() < 0.5 else process.pid
    watched.moments[watched.moment(), "main" if victim == process.pid else "worker"] += 1
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:  # it has just ended
        pass
    process.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while any(pathlib.Path("/proc", str(pid)).exists() for pid in below):
        if time.monotonic() > deadline:
            raise SystemExit(f"{watched.output}: a worker outlived its run")
        time.sleep(0.02)
    watched.look()
    return process.returncode == 0


def _snapshot(output: pathlib.Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in _files(output)
        if path.parts[len(output.parts) : len(output.parts) + 2] != ("_electra", "memory")
    }


def _files(output: pathlib.Path) -> Iterator[pathlib.Path]:
    return (path for path in output.rglob("*") if path.is_file())


def _compare(expected: dict[str, bytes], output: pathlib.Path) -> None:
    """Raises SystemExit where a file is missing, is there besides, or has other bytes."""
    found = _snapshot(output)
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise SystemExit(f"{output / name}: is not what an undisturbed run gives")
    odd = [
        path
        for path in _files(output / "_electra" / "memory")
        if path.name != "settings.json" and path.suffix != ".parquet"
    ]
    if odd:
        raise SystemExit(f"{odd[0]}: was left behind")


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The section of RESULTS.md."""
    moments: collections.Counter[tuple[str, str]] = collections.Counter()
    for row in rows:
        moments.update({(when, who): count for when, who, count in row["moments"]})
    order = ["starting", "translating", "putting files together", "placing files"]
    return [
        f"## `kill -9`: {moments.total()} times while {DOCUMENTS:,} documents are translated",
        "",
        f"Texts, JSONL, TSV and Markdown of {SENTENCES} sentences each, {WORKERS} workers; the",
        f"main process or a worker is killed within {LONGEST:g} s of the start, then the same",
        f"command comes again. {len(rows)} folders became complete in this way, each with the",
        f"{rows[-1]['files']:,} files of an undisturbed run and the same bytes (the translation",
        "memory aside, whose files have other names); no unit was committed twice, no process",
        "outlived its run, no other file was left.",
        "",
        "| when | the main process | a worker |",
        "|---|---|---|",
        *(f"| {when} | {moments[when, 'main']} | {moments[when, 'worker']} |" for when in order),
    ]
