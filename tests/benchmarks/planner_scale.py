"""What planning costs as the work grows to a million units: time, memory, and what is written.

The inputs are files with holes, a terabyte of nothing, which take no room; they are cut into units
as any are. Nothing is run: `SCALE.md` says what follows from the figures.
"""

import dataclasses
import json
import pathlib
import resource
import subprocess
import sys
import time
from typing import Any

from pipelines import config, stages, units
from pipelines.cleaning import clean
from pipelines.formats import registry
from pipelines.translation import planned_files, translation_plan
from pipelines.translation.translation_inputs import InputFile

from .measuring import fresh

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
UNIT_BYTES = 1_000_000
UNITS_A_FILE = 10_000
_BEGINNING = b"A line of text.\n" * 4096


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    place = fresh(folder / "scale")
    rows = []
    for count in COUNTS:
        # A process for each, or the memory of the largest would be that of all.
        command = [sys.executable, "-m", "tests.benchmarks.planner_scale", str(place), str(count)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        print(count, found, file=sys.stderr, flush=True)
        rows.append(found)
    return table(rows)


def plan(place: pathlib.Path, count: int) -> dict[str, Any]:
    """Plans so many units, of prepare and of translate, and what is kept of them."""
    before = _memory()
    paths = []
    for number in range(-(-count // UNITS_A_FILE)):
        path = place / f"{count}-{number}.txt"
        with open(path, "wb") as stream:
            stream.write(_BEGINNING)  # which is looked at
            stream.truncate(min(UNITS_A_FILE, count - number * UNITS_A_FILE) * UNIT_BYTES)
        paths.append(str(path))
    start = time.monotonic()
    planned = registry.plan(paths, ["monolingual:en"] * len(paths), UNIT_BYTES)
    cut = time.monotonic() - start
    assert len(planned) == count, (len(planned), count)
    settings = config.PrepareConfig(
        workdir=str(place),
        source_lang="en",
        target_lang="de",
        data=config.DataConfig(monolingual={"en": tuple(paths)}),
    )
    start = time.monotonic()
    tasks = clean.tasks_for(settings, planned, dict.fromkeys(paths, "1:1"))
    of_tasks = sum(len(json.dumps(dataclasses.asdict(task))) for task in tasks)
    for task in tasks:
        units.fingerprint("clean", task.id, task.payload)
    tasks_seconds = time.monotonic() - start
    receipts = [_receipt(task.id) for task in tasks]
    start = time.monotonic()
    listed = [dataclasses.asdict(receipt) for receipt in receipts]
    text = json.dumps({"digest": stages.digest_of(receipts), "receipts": listed})
    json.loads(text)
    index_seconds = time.monotonic() - start
    del tasks, receipts, listed
    start = time.monotonic()
    made = [
        InputFile(path, pathlib.Path(path).name, "text", None, "0" * 64, 1, plain=path)
        for path in paths
    ]
    files = translation_plan.cut(made, "0" * 16, UNIT_BYTES)
    whole = translation_plan.TranslatePlan(
        output=str(place / f"out-{count}"),
        settings={},
        fingerprint="",
        names=(),
        made=files,
        kept={},
        stale=(),
        known={},
        pending=tuple(unit for one in files for unit in one.units),
        complete=False,
    )
    translate_seconds = time.monotonic() - start
    for path in paths:
        pathlib.Path(path).unlink()
    return {
        "units": count,
        "cut_seconds": cut,
        "tasks_seconds": tasks_seconds,
        "task_bytes": of_tasks / count,
        "index_seconds": index_seconds,
        "index_bytes": len(text) / count,
        "translate_seconds": translate_seconds,
        "graph_bytes": _graph_bytes(whole),
        "megabytes": (_memory() - before) / 1e6,
    }


def _receipt(unit_id: str) -> units.Receipt:
    part = {"name": f"{unit_id}.0123456789abcdef.arrow", "sha256": "0" * 64, "bytes": 123_456}
    ledger = {"in": 5000, "out": 4800, "rejected": {"duplicate": 100, "empty": 100}}
    return units.Receipt(unit_id, "0" * 16, {"arrow": part}, {"ledger": ledger, "rows": 4800})


def _graph_bytes(plan: translation_plan.TranslatePlan) -> float:
    """Of a unit in the pipeline's graph, as it is handed to a cluster."""
    import apache_beam as beam

    sizes = []
    named = planned_files.write(plan).pending
    for listed in (named[:1], named):
        pipeline = beam.Pipeline()
        _ = pipeline | "ListUnits" >> beam.Create(listed)
        sizes.append(len(pipeline.to_runner_api().SerializeToString()))
    return (sizes[1] - sizes[0]) / (len(plan.pending) - len(named[0][1]))


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The section of RESULTS.md."""
    lines = [
        "## Scale: plans of up to a million units, nothing of it run",
        "",
        "One process. Cut: finding the units in the files. Tasks: of the first stage of prepare,",
        "fingerprints included, and the JSON of each. Index: of a complete stage, written and read",
        "again. Graph: what a unit adds to the pipeline that translates, as it is handed to a",
        "cluster. Memory is the most of all of that together.",
        "",
        "| units | cut s | tasks s | bytes a task | index s | bytes a receipt | translate s | "
        "bytes a unit in the graph | MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['units']:,} | {row['cut_seconds']:.2f} | {row['tasks_seconds']:.2f} | "
            f"{row['task_bytes']:.0f} | {row['index_seconds']:.2f} | {row['index_bytes']:.0f} | "
            f"{row['translate_seconds']:.2f} | {row['graph_bytes']:.2g} | "
            f"{row['megabytes']:,.0f} |"
        )
    return lines


if __name__ == "__main__":
    print(json.dumps(plan(pathlib.Path(sys.argv[1]), int(sys.argv[2]))))
