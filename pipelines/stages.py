"""A stage: many independent tasks, then a barrier. Stages in a row make a pipeline.

A task is a name and a JSON object that holds everything its result depends on, the checksums of
what it reads included. Its result is part files and a receipt (see `units`). So a task whose
receipt is there, under the fingerprint of the same JSON, is never done again: a run that was killed
goes on where it was, and after a change of settings exactly what depends on it is done anew.

Only names and receipts travel through Beam. What a stage has made is listed, once all of its tasks
are done, in `prepare/<stage>.index.json`, from which the next one is planned.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from electra_model.errors import WorkError

from . import allocator, files, units
from .config import PrepareConfig, flat_settings
from .units import Parts, Receipt

# Of the dataset; it says that all of it is there, so it is written last and taken back first.
INFO_FILE = "dataset_info.json"


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
      receipts: of all tasks, ordered by id (`units.order_of`). digest: of the parts' bytes and the
        facts.
    """

    receipts: list[Receipt]
    digest: str


@dataclasses.dataclass(frozen=True)
class Stage:
    """Module-level functions, and what they look at.

    Attributes:
      name: of the folder below `prepare/`.
      plan: called once, when all earlier stages are complete. It changes nothing on the disk.
      work: does one task, adds parts, and returns the facts for the receipt.
      settings: keys and sections of the job file that the tasks depend on, other than through an
        earlier stage. They only serve to say why a stage is done again: what is done again, the
        fingerprints of the tasks decide.
      writes: what a task has written into `dataset/`, of its receipt: name -> bytes. A task whose
        files are not there any more is done again.
    """

    name: str
    plan: Callable[[PrepareConfig], list[Task]]
    work: Callable[[PrepareConfig, Task, Parts], dict[str, Any]]
    settings: tuple[str, ...] = ()
    writes: Callable[[Receipt], dict[str, int]] | None = None


def folder_of(config: PrepareConfig, stage: str) -> str:
    """Where a stage keeps its parts."""
    return files.join(config.workdir, "prepare", stage)


def load_index(config: PrepareConfig, stage: str) -> Index:
    """What a complete stage has made. Raises `WorkError` when it is not complete."""
    path = _index_path(config, stage)
    if _assumed is not None and path in _assumed:
        return _assumed[path]
    try:
        return _parse_index(files.read_bytes(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkError(f"{path}: cannot be read ({error}); run the same command again") from None


# Path of an index -> what it would hold, while plans are only looked at (see `foresight`).
_assumed: dict[str, Index] | None = None


@contextlib.contextmanager
def assuming() -> Iterator[Callable[[PrepareConfig, str, Index], None]]:
    """While it lasts, what `load_index` returns of a stage can be another index than its file."""
    global _assumed
    before, found = _assumed, dict[str, Index]()
    _assumed = found
    try:
        yield lambda config, stage, index: found.update({_index_path(config, stage): index})
    finally:
        _assumed = before


def is_assuming() -> bool:
    """Whether plans are only looked at: nothing may be written then."""
    return _assumed is not None


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


def do_here(stage: Stage, config: PrepareConfig) -> None:
    """Does a stage without a pipeline, in this process. Earlier stages must be complete."""
    tasks = list(_PlanFn(stage, config).process(None))
    work = _WorkFn(stage, config)
    receipts = [receipt for task in tasks for _, receipt in work.process(task)]
    for _ in _CloseFn(stage, config).process((0, receipts)):
        pass


def task_fingerprint(stage: Stage, task: Task) -> str:
    """Of everything that the task's result depends on."""
    return units.fingerprint(stage.name, task.id, task.payload)


def receipt_of(config: PrepareConfig, stage: Stage, task: Task) -> Receipt | None:
    """The receipt of a task that is done and whose files are all there, else None."""
    folder = folder_of(config, stage.name)
    receipt = units.committed(folder, task.id, task_fingerprint(stage, task))
    if receipt is None or stage.writes is None:
        return receipt
    for name, size in stage.writes(receipt).items():
        path = files.join(config.workdir, "dataset", name)
        if not files.exists(path) or files.size(path) != size:
            return None
    return receipt


class _PlanFn(beam.DoFn):
    """Anything -> every task as JSON, and "" so that a stage without tasks closes as well.

    Of a stage that writes into `dataset/`, receipts whose files are gone are taken back; and if any
    is to be written, so is `dataset_info.json`, which says that the dataset is complete.
    """

    def __init__(self, stage: Stage, config: PrepareConfig) -> None:
        self._stage, self._config = stage, config

    def process(self, element: Any) -> Iterator[str]:
        tasks = self._stage.plan(self._config)
        folder = folder_of(self._config, self._stage.name)
        if self._stage.writes is not None:
            self._take_back(folder, tasks)
        done = sweep(folder, {task.id: task_fingerprint(self._stage, task) for task in tasks})
        planned = {
            "tasks": [task.id for task in tasks],
            "done": done,
            "settings": flat_settings(self._config),
            "inputs": inputs_of(tasks),
        }
        files.write_atomic(
            plan_path(self._config.workdir, self._stage.name),
            json.dumps(planned, ensure_ascii=False).encode(),
        )
        yield ""
        for task in tasks:
            yield json.dumps(dataclasses.asdict(task), ensure_ascii=False)

    def _take_back(self, folder: str, tasks: Sequence[Task]) -> None:
        undone = [t for t in tasks if receipt_of(self._config, self._stage, t) is None]
        if undone:
            files.remove(files.join(self._config.workdir, "dataset", INFO_FILE))
        for task in undone:
            files.remove(files.join(folder, units.receipt_name(task.id)))


def inputs_of(tasks: Sequence[Task]) -> dict[str, str]:
    """Path -> stamp of the input files that the tasks read; the first stage alone reads any."""
    found: dict[str, str] = {}
    for task in tasks:
        for key, stamp in (("path", "stamp"), ("partner", "partner_stamp")):
            if task.payload.get(stamp) is not None:
                found[task.payload["unit"][key]] = task.payload[stamp]
    return found


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
        receipts.sort(key=lambda receipt: units.order_of(receipt["unit_id"]))
        planned = read_plan(self._config.workdir, self._stage.name)["tasks"]
        if [r["unit_id"] for r in receipts] != sorted(planned, key=units.order_of):
            raise WorkError(
                f"prepare/{self._stage.name}: {len(planned)} tasks were planned and "
                f"{len(receipts)} came back; the engine lost some, run the same command again"
            )
        digest = digest_of([Receipt(**receipt) for receipt in receipts])
        index = json.dumps({"digest": digest, "receipts": receipts}, ensure_ascii=False)
        files.write_atomic(_index_path(self._config, self._stage.name), index.encode())
        yield self._stage.name


def digest_of(receipts: Sequence[Receipt]) -> str:
    """Of all that a stage has made: its receipts ordered by id."""
    return units.fingerprint(
        [
            (
                receipt.unit_id,
                {suffix: part["sha256"] for suffix, part in receipt.parts.items()},
                receipt.facts,
            )
            for receipt in receipts
        ]
    )


def sweep(folder: str, fingerprints: dict[str, str]) -> int:
    """Removes from a local folder all that is not part of a task committed under its fingerprint.

    That is what an earlier run under other settings made, and what a kill left half done. Returns
    how many tasks are committed; 0 for an object store, which is not looked at.
    """
    if files.is_remote(folder) or not os.path.isdir(folder):
        return 0
    kept: set[str] = set()
    done = 0
    for task_id, fingerprint in fingerprints.items():
        receipt = units.committed(folder, task_id, fingerprint)
        if receipt is not None:
            done += 1
            kept.add(units.receipt_name(task_id))
            kept.update(part["name"] for part in receipt.parts.values())
    for name in os.listdir(folder):
        if name not in kept:
            os.unlink(os.path.join(folder, name))
    return done


def count_done(workdir: str, stage: str) -> int:
    """Receipts of a stage in a local work folder; once it is planned, those of its tasks."""
    folder = os.path.join(workdir, "prepare", stage)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sum(name.endswith(units.RECEIPT) for name in names)


def plan_path(workdir: str, stage: str) -> str:
    """Where a stage writes down, before its tasks are begun, what they are: see `read_plan`."""
    return files.join(workdir, "prepare", f"{stage}.plan.json")


def read_plan(workdir: str, stage: str) -> dict[str, Any]:
    """What a stage was last planned as: {"tasks": [id], "done": how many were done before,
    "settings": {key: value} of the job, "inputs": {path: stamp}}."""
    return json.loads(files.read_bytes(plan_path(workdir, stage)))


def _index_path(config: PrepareConfig, stage: str) -> str:
    return files.join(config.workdir, "prepare", f"{stage}.index.json")
