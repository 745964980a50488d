"""What `electra prepare` takes for texts of several sizes: time, memory, and the price of each
further megabyte. Learning the vocabulary is timed apart: it is from the most frequent words, of
which even a small text has nearly as many as are used.

Environment: `BENCH_SIZES`, megabytes with commas between; `BENCH_ROUNDS`.
"""

import os
import pathlib
import shutil
import statistics
import sys

from . import document_commands as commands
from . import document_text
from .document_speed import ROUNDS
from .measuring import Measured, fresh, run

SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "16,128,1000,4000").split(",")]
# So little text that its time is that of starting.
START_MEGABYTES = 1


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    texts = {size: document_text.write(folder, size) for size in [START_MEGABYTES, *SIZES]}
    found: dict[int, list[Measured]] = {size: [] for size in texts}
    learning: dict[int, list[float]] = {size: [] for size in texts}
    for _ in range(ROUNDS):
        for size, text in texts.items():
            output = fresh(folder / "sizes-run")
            measured = run(commands.prepare(text, output))
            with open(text, "rb") as stream:
                documents = sum(1 for _ in stream)
            if (came := commands.prepared(output).documents) != documents:
                raise SystemExit(f"{text}: {documents} documents, of which came {came}")
            found[size].append(measured)
            learning[size].append(commands.vocabulary_seconds(output))
            print(f"sizes, {size} MB: {measured.seconds:.1f} s", file=sys.stderr)
    shutil.rmtree(folder / "sizes-run", ignore_errors=True)
    real = {size: text.stat().st_size / 1e6 for size, text in texts.items()}
    seconds = {size: statistics.median(one.seconds for one in found[size]) for size in texts}
    learned = {size: statistics.median(learning[size]) for size in texts}
    started = seconds[START_MEGABYTES] - learned[START_MEGABYTES]
    return [
        f"## Prepare: documents of several sizes, {commands.WORKERS} processes, {ROUNDS} rounds",
        "",
        f"Start-up is a run on {START_MEGABYTES} MB without its vocabulary: {started:.1f} s.",
        "The price of a further megabyte is what a run takes beyond that and its own vocabulary,",
        "by the megabytes beyond. Times are medians, and the least and the most of the rounds;",
        "memory is the most of all rounds, sampled five times a second, without mapped files,",
        "which are the system's cache.",
        "",
        "| MB | s | least to most | s of it for the vocabulary | MB/s | ms a further MB "
        "| MB of the largest process | MB of all together |",
        "|---|---|---|---|---|---|---|---|",
        *[
            row(
                real[size],
                found[size],
                learned[size],
                (seconds[size] - learned[size] - started, real[size] - real[START_MEGABYTES]),
            )
            for size in texts
        ],
    ]


def row(
    megabytes: float, rounds: list[Measured], learned: float, further: tuple[float, float]
) -> str:
    """A line of the table; `further`: seconds and megabytes beyond the start."""
    seconds = [one.seconds for one in rounds]
    median = statistics.median(seconds)
    cells = [
        f"{megabytes:,.0f}",
        f"{median:.1f}",
        f"{min(seconds):.1f} to {max(seconds):.1f}",
        f"{learned:.1f}",
        f"{megabytes / median:.2f}",
        f"{further[0] / further[1] * 1000:.0f}" if further[1] > 0 else "-",
        f"{max(one.largest for one in rounds) / 1e6:,.0f}",
        f"{max(one.together for one in rounds) / 1e6:,.0f}",
    ]
    return f"| {' | '.join(cells)} |"
