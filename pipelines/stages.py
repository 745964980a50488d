"""A stage: many independent tasks, then a barrier. Stages in a row make a pipeline.

A task is a name and a JSON object that holds everything its result depends on, the checksums of
what it reads included. Its result is part files and a receipt (see `units`). So a task whose
receipt is there, under the fingerprint of the same JSON, is never done again: a run that was killed
goes on where it was, and after a change of settings exactly what depends on it is done anew.

Only names and receipts travel through Beam. What a stage has made is listed, once all of its tasks
are done, in `prepare/<stage>.index.json`, from which the next one is planned.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam

from electra_model.errors import WorkError

from . import allocator, files, units
from .config import PrepareConfig
from .units import Parts, Receipt


@dataclasses.dataclass(frozen=True)
class Task:
    """One piece of a stage's work.

    Attributes:
      id: without dots; names the parts. payload: JSON; all that the result depends on.
    """

    id: str
    payload: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Index:
    """What a complete stage has made.

    Attributes:
      receipts: of all tasks, ordered by id. digest: of the parts' bytes and the facts.
    """

    receipts: list[Receipt]
    digest: str


@dataclasses.dataclass(frozen=True)
class Stage:
    """Two module-level functions.

    Attributes:
      name: of the folder below `prepare/`.
      plan: called once, when all earlier stages are complete.
      work: does one task, adds parts, and returns the facts for the receipt.
    """

    name: str
    plan: Callable[[PrepareConfig], list[Task]]
    work: Callable[[PrepareConfig, Task, Parts], dict[str, Any]]


def folder_of(config: PrepareConfig, stage: str) -> str:
    """Where a stage keeps its parts."""
    return files.join(config.workdir, "prepare", stage)


def load_index(config: PrepareConfig, stage: str) -> Index:
    """What a complete stage has made. Raises `WorkError` when it is not complete."""
    path = _index_path(config, stage)
    try:
        return _parse_index(files.read_bytes(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkError(f"{path}: cannot be read ({error}); run the same command again") from None


@functools.lru_cache(maxsize=4)
def _parse_index(data: bytes) -> Index:
    index = json.loads(data)
    return Index([Receipt(**receipt) for receipt in index["receipts"]], index["digest"])


def part_path(config: PrepareConfig, stage: str, receipt: Receipt, suffix: str) -> str:
    """Where a part lies."""
    return files.join(folder_of(config, stage), receipt.parts[suffix]["name"])


@dataclasses.dataclass
class RunStage(beam.PTransform):
    """One element, that earlier stages are complete -> one element, that this one is."""

    stage: Stage
    config: PrepareConfig

    def expand(self, before):  # noqa: D102
        return (
            before
            | "PlanTasks" >> beam.ParDo(_PlanFn(self.stage, self.config))
            | "SpreadTasks" >> beam.Reshuffle()
            | "DoTasks" >> beam.ParDo(_WorkFn(self.stage, self.config))
            | "AwaitTasks" >> beam.GroupByKey()
            | "WriteIndex" >> beam.ParDo(_CloseFn(self.stage, self.config))
        )


def task_fingerprint(stage: Stage, task: Task) -> str:
    """Of everything that the task's result depends on."""
    return units.fingerprint(stage.name, task.id, task.payload)


class _PlanFn(beam.DoFn):
    """Anything -> every task as JSON, and "" so that a stage without tasks closes as well."""

    def __init__(self, stage: Stage, config: PrepareConfig) -> None:
        self._stage, self._config = stage, config

    def process(self, element: Any) -> Iterator[str]:
        tasks = self._stage.plan(self._config)
        folder = folder_of(self._config, self._stage.name)
        sweep(folder, {task.id: task_fingerprint(self._stage, task) for task in tasks})
        files.write_atomic(
            _plan_path(self._config, self._stage.name),
            json.dumps({"tasks": [task.id for task in tasks]}).encode(),
        )
        yield ""
        for task in tasks:
            yield json.dumps(dataclasses.asdict(task), ensure_ascii=False)


class _WorkFn(beam.DoFn):
    """A task -> (0, its receipt), both as JSON; done only where no such receipt is there."""

    def __init__(self, stage: Stage, config: PrepareConfig) -> None:
        self._stage, self._config = stage, config

    def setup(self) -> None:
        allocator.keep_freed_memory()

    def process(self, element: str) -> Iterator[tuple[int, str]]:
        if not element:
            yield 0, ""
            return
        task = Task(**json.loads(element))
        folder = folder_of(self._config, self._stage.name)
        fingerprint = task_fingerprint(self._stage, task)
        receipt = units.committed(folder, task.id, fingerprint)
        if receipt is None:
            parts = Parts(folder, task.id, fingerprint)
            receipt = parts.commit(self._stage.work(self._config, task, parts))
        # Sorted, so that it reads the same whether it is new or was found on the disk.
        yield 0, json.dumps(dataclasses.asdict(receipt), sort_keys=True, ensure_ascii=False)


class _CloseFn(beam.DoFn):
    """All receipts -> the stage's name, once its index is written."""

    def __init__(self, stage: Stage, config: PrepareConfig) -> None:
        self._stage, self._config = stage, config

    def process(self, element: tuple[int, Any]) -> Iterator[str]:
        receipts = [json.loads(receipt) for receipt in element[1] if receipt]
        receipts.sort(key=lambda receipt: receipt["unit_id"])
        planned = json.loads(files.read_bytes(_plan_path(self._config, self._stage.name)))["tasks"]
        if [receipt["unit_id"] for receipt in receipts] != sorted(planned):
            raise WorkError(
                f"prepare/{self._stage.name}: {len(planned)} tasks were planned and "
                f"{len(receipts)} came back; the engine lost some, run the same command again"
            )
        digest = units.fingerprint(
            [
                (
                    receipt["unit_id"],
                    {suffix: part["sha256"] for suffix, part in receipt["parts"].items()},
                    receipt["facts"],
                )
                for receipt in receipts
            ]
        )
        index = json.dumps({"digest": digest, "receipts": receipts}, ensure_ascii=False)
        files.write_atomic(_index_path(self._config, self._stage.name), index.encode())
        yield self._stage.name


def sweep(folder: str, fingerprints: dict[str, str]) -> None:
    """Removes from a local folder all that is not part of a task committed under its fingerprint.

    That is what an earlier run under other settings made, and what a kill left half done.
    """
    if files.is_remote(folder) or not os.path.isdir(folder):
        return
    kept: set[str] = set()
    for task_id, fingerprint in fingerprints.items():
        receipt = units.committed(folder, task_id, fingerprint)
        if receipt is not None:
            kept.add(f"{task_id}.receipt.json")
            kept.update(part["name"] for part in receipt.parts.values())
    for name in os.listdir(folder):
        if name not in kept:
            os.unlink(os.path.join(folder, name))


def progress(workdir: str) -> list[tuple[str, int, int]]:
    """(stage, tasks done, tasks planned) of every stage planned so far; local folders only."""
    found = []
    prepare = os.path.join(workdir, "prepare")
    if files.is_remote(workdir) or not os.path.isdir(prepare):
        return found
    for name in os.listdir(prepare):
        if name.endswith(".plan.json"):
            stage = name.removesuffix(".plan.json")
            planned = len(json.loads(files.read_bytes(os.path.join(prepare, name)))["tasks"])
            folder = os.path.join(prepare, stage)
            names = os.listdir(folder) if os.path.isdir(folder) else []
            found.append((stage, sum(n.endswith(".receipt.json") for n in names), planned))
    return found


def _plan_path(config: PrepareConfig, stage: str) -> str:
    return files.join(config.workdir, "prepare", f"{stage}.plan.json")


def _index_path(config: PrepareConfig, stage: str) -> str:
    return files.join(config.workdir, "prepare", f"{stage}.index.json")
