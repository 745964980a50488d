"""Two workers on two cores against one on one, of both pipelines.

Environment: `BENCH_MEGABYTES` of documents, `BENCH_SENTENCES`, `BENCH_ROUNDS`.
"""

import os
import pathlib
import shutil
import statistics
import sys

from . import document_commands, document_text
from .document_speed import MEGABYTES
from .measuring import fresh, run
from .translating import command, documents, trained

SENTENCES = int(os.environ.get("BENCH_SENTENCES", "100000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))
PRESET = "small"
WORKERS = (1, 2)


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    place = folder / "worker-scaling"
    text = document_text.write(folder, MEGABYTES)
    model, _ = trained(folder, PRESET)
    docs = documents(folder, fresh(place) / "docs", SENTENCES)

    def prepare(workers: int) -> list[str]:
        return document_commands.prepare(text, fresh(place / "prepare"), workers=workers)

    def translate(workers: int) -> list[str]:
        return [*command(model, docs, fresh(place / "out"), workers), "--no-memory"]

    found = {}
    for what, arm in {
        f"prepare, {MEGABYTES:,} MB of documents": prepare,
        f"translate, {SENTENCES:,} sentences, preset {PRESET}": translate,
    }.items():
        seconds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
        for _ in range(ROUNDS):
            for workers in WORKERS:
                cores = ",".join(map(str, range(workers)))
                seconds[workers].append(run(["taskset", "-c", cores, *arm(workers)]).seconds)
                print(f"workers, {what}: {workers}, {seconds[workers][-1]:.1f} s", file=sys.stderr)
        found[what] = seconds
    shutil.rmtree(place)
    return table(found)


def table(found: dict[str, dict[int, list[float]]]) -> list[str]:
    """The section of RESULTS.md; found: what was done -> workers -> seconds of each round."""
    lines = [
        f"## Two workers on two cores against one on one, {ROUNDS} rounds in turn",
        "",
        "Seconds are of the whole command, start-up included. One worker, and the command that",
        "started it, have one core; two have two.",
        "",
        "| | s with one worker | s with two | times as fast |",
        "|---|---|---|---|",
    ]
    for what, seconds in found.items():
        one, two = (statistics.median(seconds[workers]) for workers in WORKERS)
        lines.append(f"| {what} | {one:.1f} | {two:.1f} | {one / two:.2f} |")
    return lines
