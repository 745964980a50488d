"""What a sentence costs in runs of several sizes, and the memory that they take.

The model is so small that most of the time goes to everything around it; nothing is remembered.
Environment: `BENCH_COUNTS`, sentences with commas between.
"""

import json
import os
import pathlib
import shutil
import sys

from .measuring import Measured, fresh, run
from .translating import command, documents, trained

SIZES = [
    int(size) for size in os.environ.get("BENCH_COUNTS", "1000,10000,100000,1000000").split(",")
]
# So few that a run's time is that of starting.
FEWEST = 100
WORKERS = 2


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    model, _ = trained(folder, "least")
    place = folder / "translate-sizes"
    found: dict[int, Measured] = {}
    for size in [FEWEST, *SIZES]:
        docs = documents(folder, place / "docs", size)
        found[size] = translate(model, docs, fresh(place / "out"))
        print(f"translate_sizes, {size}: {found[size].seconds:.1f} s", file=sys.stderr, flush=True)
    shutil.rmtree(place)
    return table(found)


def translate(
    model: pathlib.Path, docs: pathlib.Path, output: pathlib.Path, *options: str
) -> Measured:
    """The command, greedy, without a memory; its last line has the counts."""
    return run([*command(model, docs, output, WORKERS), "--no-memory", *options])


def table(found: dict[int, Measured]) -> list[str]:
    """The section of RESULTS.md."""
    started = found[FEWEST].seconds
    lines = [
        f"## Translating document sets of several sizes, {WORKERS} workers",
        "",
        "Documents of ten real sentences in JSONL; a model of width 32, greedy, with all checks,",
        f"without a memory. Start-up is a run of {FEWEST} sentences: {started:.1f} s. The price",
        "of a segment is what a run takes beyond that, by the segments beyond. Memory is sampled",
        "five times a second, without mapped files, which are the system's cache.",
        "",
        "| sentences | segments | s | ms a further segment | MB of the largest process "
        "| MB of all together |",
        "|---|---|---|---|---|---|",
    ]
    first = json.loads(found[FEWEST].output)["segments"]
    for size, measured in found.items():
        segments = json.loads(measured.output)["segments"]
        further = segments - first
        price = f"{(measured.seconds - started) / further * 1000:.2f}" if further else "-"
        cells = [
            f"{size:,}",
            f"{segments:,}",
            f"{measured.seconds:.1f}",
            price,
            f"{measured.largest / 1e6:,.0f}",
            f"{measured.together / 1e6:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
