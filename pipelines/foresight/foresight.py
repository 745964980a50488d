"""What preparing would do, stage by stage, and why: said before it is done, and nothing is changed.

A stage whose earlier stages are all done is planned as the run itself plans it: its tasks are those
of `Stage.plan`, and one is done when its receipt has its fingerprint. Behind a stage that is to be
done the input is not known yet. There a stage is planned from what the earlier ones have made so
far. If that alone gives other tasks than are done, and the job file is why, the stage will be done
again; if not, only if its input changes.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from electra_model.errors import InputError, WorkError

from .. import files, prepare, stages, units
from ..config import PrepareConfig, VocabularyConfig, flat_settings
from ..dataset import completion
from ..prepare import PreparePlan
from ..stages import Index, Stage, Task

PUBLISH = "publish"

# Reasons that are no name of a key or a file.
FIRST = "not done yet"
LEFT = "left by a run that was stopped"
INPUT = "since its input or the program changed"
CANNOT = "cannot be done: "
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Outlook:
    """What is to be done of one stage.

    Attributes:
      stage: its name; the last one is "publish".
      todo: tasks to do; None where it shows only when an earlier stage is through.
      total: tasks in all; None where it shows only then. why: of `todo`.
      sure: False where the stage is done again only if its input changes.
    """

    stage: str
    todo: int | None
    total: int | None
    why: str
    sure: bool = True

    def to_json(self) -> dict[str, Any]:
        """{"stage", "todo", "total", "why"}."""
        return {"stage": self.stage, "todo": self.todo, "total": self.total, "why": self.why}


def foresee(config: PrepareConfig, plan: PreparePlan) -> list[Outlook]:
    """What `build_prepare` would do of this plan, for each stage in order.

    Nothing on the disk is changed. What another process changes meanwhile may be missed.
    """
    found: list[Outlook] = []
    cause: _Cause | None = None
    with stages.assuming() as assume:
        for _, stage in prepare.stages_of(config, plan):
            if cause is None:
                outlook, index = _planned(config, stage)
                if index is not None:
                    assume(config, stage.name, index)
            else:
                outlook = _guessed(config, stage, cause)
            if outlook.sure and outlook.todo != 0:
                changes = stage.name == "vocabulary" and _surely_another(config)
                # What follows surely from another vocabulary is no cause of its own.
                if not (cause and cause.changes and outlook.why == cause.since):
                    cause = _Cause(stage.name, changes)
            found.append(outlook)
    done = prepare.completed(config, plan) is not None
    why = "" if done else _why_published(config, found)
    return [*found, Outlook(PUBLISH, 0 if done else 1, 1, why)]


def left_off(outlooks: Sequence[Outlook]) -> list[Outlook]:
    """What a run that was stopped has left, where this one goes on, of what `foresee` gives: the
    stages that are done, and the first that is not.

    It is [] where nothing or everything is done, and where the job file or an input is why that
    stage is to be done: then no run was stopped, or it was one under other settings.
    """
    for count, outlook in enumerate(outlooks, 1):
        if outlook.todo != 0 and outlook.stage != PUBLISH:
            begun = count > 1 or outlook.todo != outlook.total
            return [*outlooks[:count]] if begun and outlook.why in (FIRST, LEFT, INPUT) else []
    return []


def _why_published(config: PrepareConfig, found: Sequence[Outlook]) -> str:
    if not completion.exists(config):
        return FIRST
    if any(outlook.todo != 0 for outlook in found):
        return "since a stage before it is to be done"
    return _named(_changes(config, "shards", ("",))) or "since what it has written is gone"


@dataclasses.dataclass(frozen=True)
class _Cause:
    """The last stage that is surely done; `changes`: its result will surely be another."""

    stage: str
    changes: bool

    @property
    def since(self) -> str:
        return f"since the {self.stage} changes"

    @property
    def condition(self) -> str:
        return f"if the result of {self.stage} changes"


def _planned(config: PrepareConfig, stage: Stage) -> tuple[Outlook, Index | None]:
    """Of a stage whose earlier ones are done; and what it has made, where it is done as well."""
    try:
        tasks = stage.plan(config)
    except (InputError, WorkError) as error:
        return Outlook(stage.name, None, None, f"{CANNOT}{error}"), None
    receipts = {task.id: stages.receipt_of(config, stage, task) for task in tasks}
    undone = [task for task in tasks if receipts[task.id] is None]
    if undone:
        why = _why(config, stage, tasks, undone)
        return Outlook(stage.name, len(undone), len(tasks), why), None
    found = (receipt for receipt in receipts.values() if receipt is not None)
    made = sorted(found, key=lambda receipt: units.order_of(receipt.unit_id))
    gone = _files_changed(_before(config, stage.name), tasks, tasks)
    outlook = Outlook(stage.name, 0, len(tasks), _named(gone))
    return outlook, Index(made, stages.digest_of(made))


def _guessed(config: PrepareConfig, stage: Stage, cause: _Cause) -> Outlook:
    """Of a stage whose input is not known yet."""
    if not _before(config, stage.name):
        return Outlook(stage.name, None, None, FIRST)
    perhaps = Outlook(stage.name, None, None, cause.condition, sure=False)
    try:
        tasks = stage.plan(config)
    except (InputError, WorkError, OSError, LookupError, ValueError):
        return perhaps  # what is there does not fit together, or is from before
    undone = [task for task in tasks if stages.receipt_of(config, stage, task) is None]
    changes = _changes(config, stage.name, stage.settings)
    if undone and changes:
        return Outlook(stage.name, None, None, _named(changes))
    if cause.changes and not undone:
        return Outlook(stage.name, len(tasks), len(tasks), cause.since)
    return perhaps


def _why(config: PrepareConfig, stage: Stage, tasks: list[Task], undone: list[Task]) -> str:
    before = _before(config, stage.name)
    if not before:
        return FIRST
    found = [
        *_files_changed(before, tasks, undone),
        *_changes(config, stage.name, stage.settings),
    ]
    if found:
        return _named(found)
    receipts = [_receipt_on_disk(config, stage, task) for task in undone]
    if not any(receipts):
        return LEFT
    fingerprints = [stages.task_fingerprint(stage, task) for task in undone]
    if [r and r.get("fingerprint") for r in receipts] == fingerprints:
        return "since files that it has written are gone"
    return INPUT


def _before(config: PrepareConfig, stage: str) -> dict[str, Any]:
    """What the stage was planned as when it was last begun (`stages.read_plan`); {} for never."""
    try:
        plan = stages.read_plan(config.workdir, stage)
    except (OSError, ValueError, IndexError):
        return {}
    return plan if isinstance(plan, dict) else {}


def _receipt_on_disk(config: PrepareConfig, stage: Stage, task: Task) -> dict[str, Any] | None:
    path = files.join(stages.folder_of(config, stage.name), units.receipt_name(task.id))
    try:
        return json.loads(files.read_bytes(path))
    except (OSError, ValueError, IndexError):
        return None


def _changes(config: PrepareConfig, stage: str, keys: Sequence[str]) -> list[str]:
    """The keys of the job file, of those that begin like one of `keys`, that have another value
    than when the stage was last begun: "vocabulary.size 8000 -> 4000"."""
    before = _before(config, stage).get("settings")
    if not isinstance(before, dict):
        return []
    now = flat_settings(config)
    return [
        f"{key} {_shown(before.get(key))} -> {_shown(now.get(key))}"
        for key in sorted({*before, *now}, key=lambda key: (key != "task", key))
        if before.get(key) != now.get(key)
        and any(not name or key == name or key.startswith(f"{name}.") for name in keys)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


def _files_changed(
    before: dict[str, Any], tasks: Iterable[Task], undone: Iterable[Task]
) -> list[str]:
    """The input files that are not as they were when the first stage was last begun, and are not
    done: "train.tsv changed", "more.tsv new", "old.tsv gone"."""
    stamps = before.get("inputs")
    if not isinstance(stamps, dict) or not stamps:
        return []
    now = stages.inputs_of(list(tasks))
    to_do = stages.inputs_of(list(undone))
    return [
        *(f"{os.path.basename(p)} new" for p in to_do if p not in stamps),
        *(f"{os.path.basename(p)} changed" for p in to_do if stamps.get(p, now[p]) != now[p]),
        *(f"{os.path.basename(p)} gone" for p in stamps if p not in now),
    ]


def _named(reasons: Sequence[str]) -> str:
    more = len(reasons) - _MOST_NAMED
    return ", ".join(reasons[:_MOST_NAMED]) + (f", and {more} more" if more > 0 else "")


def _surely_another(config: PrepareConfig) -> bool:
    """Whether no vocabulary that is learned now can be the one that is there."""
    try:
        receipts = stages.load_index(config, "vocabulary").receipts
        return any(_differs(receipt.facts, config.vocabulary) for receipt in receipts)
    except (WorkError, KeyError):
        return False


def _differs(card: dict[str, Any], wanted: VocabularyConfig) -> bool:
    return card["kind"] != wanted.kind or card["size"] > wanted.size
