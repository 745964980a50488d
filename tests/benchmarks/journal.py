"""What long series of runs have found so far: a line of JSON for each run that is complete, so that
a series may be stopped and gone on with. Those that take hours are kept beside this file, with the
machine that each was made on."""

import json
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from runners.health import processor

T = TypeVar("T")


def kept(name: str) -> pathlib.Path:
    """The journal of a series that takes hours."""
    return pathlib.Path(__file__).parent / "journals" / f"{name}.jsonl"


def complete(
    journal: pathlib.Path, runs: Mapping[str, T], take: Callable[[T], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Makes those of the runs that are missing, of those that `BENCH_RUNS` names where it is set;
    returns name -> row of all that are complete."""
    for name in missing(journal, chosen(runs)):
        add(journal, {"run": name, "machine": processor.model(), **take(runs[name])})
    return read(journal)


def chosen(names: Iterable[str]) -> list[str]:
    """Those that `BENCH_RUNS` names, where it is set."""
    wanted = os.environ.get("BENCH_RUNS")
    return wanted.split(",") if wanted else list(names)


def missing(journal: pathlib.Path, names: Iterable[str]) -> list[str]:
    """Those of the runs that are not complete yet."""
    done = read(journal)
    return [name for name in names if name not in done]


def add(journal: pathlib.Path, row: dict[str, Any]) -> None:
    """A run is complete; `row` has its name under `run`."""
    with open(journal, "a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
    print(row, file=sys.stderr)


def read(journal: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Name -> row of the runs that are complete."""
    if not journal.is_file():
        return {}
    rows = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    return {row["run"]: row for row in rows}
