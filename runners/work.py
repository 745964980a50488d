"""Does the stages of a job in order: with the lock, the receipts, the record and the words."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from typing import Any

from electra_model import checkpoint
from electra_model.errors import InputError, WorkError
from pipelines import files

from . import cluster, engines, interrupts, prepare_words, stages
from .cluster import Member
from .job import JobConfig, save_resolved
from .progress import clock, counted, say
from .run_record import RunRecord
from .stages import Stage

# Where files are written that have no stage of their own to sweep up behind a kill.
_FOLDERS = (
    *("", ".stages", "prepare", "vocabulary", "vocabulary/source", "vocabulary/target"),
    *("dataset", "dataset/rejected", "dataset/samples", "dataset/provenance", "evaluation"),
)

_held: set[str] = set()  # real paths of the folders that this process has locked


@contextlib.contextmanager
def locked(folder: str, key: str = "workdir") -> Iterator[None]:
    """Keeps a folder to this process while the context lasts; makes the folder.

    The lock goes with the process, whatever ends it. Within one process it may be taken again. An
    object store has none.

    Raises:
      WorkError: another process has it. InputError: the folder cannot be made or written to.
    """
    real = os.path.realpath(folder)
    if files.is_remote(folder) or real in _held:
        yield
        return
    path = os.path.join(folder, ".lock")
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(f"{key}: cannot write to {folder!r}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise WorkError(
                f"{folder}: another electra command works there (process {holder}); "
                "wait for it or end it"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        _held.add(real)
        yield
    finally:
        _held.discard(real)
        os.close(descriptor)


def do_stages(job: JobConfig, wanted: Sequence[Stage]) -> dict[str, Any]:
    """Does those of the stages that are not complete, in the order given. Name -> its counts."""
    from . import launch

    engines.reach_stores(job.runner)
    _check(job, wanted)
    if (worker := _joins(job, wanted)) is not None:
        return {stage.name: _join(stage, job, worker) for stage in wanted}
    interrupts.keeps(lambda: _holds_work(job) or launch.holds_receipts(job.path("prepare")))
    with locked(job.workdir):
        for folder in _FOLDERS:
            files.remove_temporaries(job.path(folder))
        save_resolved(job)
        record = RunRecord(job)
        return {stage.name: _do(stage, job, record) for stage in wanted}


def _holds_work(job: JobConfig) -> bool:
    """Whether any stage is complete, or a training has a checkpoint."""
    complete = any(files.exists(job.path(".stages", f"{one.name}.json")) for one in stages.STAGES)
    return complete or any(
        checkpoint.list_checkpoints(job.path(stage, "checkpoints"))
        for stage in ("pretrain", "train")
    )


def _check(job: JobConfig, wanted: Sequence[Stage]) -> None:
    """Raises `InputError` for what would only be found after hours."""
    from . import job_inputs

    beside = [stage.name for stage in wanted if stage.name not in stages.PIPELINES]
    if files.is_remote(job.workdir) and beside and (len(wanted) == 1 or job.data.train):
        raise InputError(
            f"workdir: {job.workdir} is an object store, and {beside[0]} works in a folder on a "
            "disk; run `electra prepare` there, copy the folder, and name the copy"
        )
    reasons = [stage.absent(job) for stage in wanted if stage.name != "report"]
    if stages.NO_DATA in reasons and all(reasons):
        raise InputError(f"data.train: {stages.NO_DATA}; name the files to learn from")
    if len(wanted) > 1 and any(stage.name == "translate" for stage in wanted):
        job_inputs.check_documents(job)


def _joins(job: JobConfig, wanted: Sequence[Stage]) -> Member | None:
    """Which worker this process is, where it only takes part in a training: that of another
    process, the chief, which has the work folder and writes what the training makes.

    Raises InputError where several workers are to do more than one stage.
    """
    shared = [stage for stage in wanted if _strategy(job, stage) == "multi_worker"]
    if not shared:
        return None
    worker = cluster.member()
    if worker.workers > 1 and len(wanted) > 1:
        if all(not stages.look(stage, job).runs for stage in shared):
            return None
        raise InputError(
            f"{shared[0].name}.strategy: {cluster.VARIABLE} names {worker.workers} workers; start "
            f"`electra {shared[0].name}` on each of them, and the other stages without it"
        )
    return None if worker.is_chief else worker


def _strategy(job: JobConfig, stage: Stage) -> str:
    if stage.name not in ("pretrain", "train"):
        return "none"
    return job.pretrain.strategy if stage.name == "pretrain" else job.train.strategy


def _join(stage: Stage, job: JobConfig, worker: Member) -> dict[str, Any]:
    state = stages.look(stage, job)
    if not state.runs:
        say(f"{stage.name}, {worker}: nothing to do; {state.reason}")
        return {"status": "complete" if state.status == "complete" else "skipped"}
    say(f"{stage.name}, {worker}: takes part; the chief writes")
    counts = stage.run(job)
    say(f"{stage.name}, {worker}: done")
    return {"status": "done", "worker": worker.index, **counts}


def _do(stage: Stage, job: JobConfig, record: RunRecord) -> dict[str, Any]:
    state = stages.look(stage, job)
    if state.status == "absent":
        say(f"{stage.name}: skipped; {state.reason}")
        return {"status": "skipped", "reason": state.reason}
    if state.status == "complete":
        say(f"{stage.name}: complete already")
        return {"status": "complete", **state.counts}
    again = f" again ({state.reason})" if state.status == "changed" else ""
    try:
        # An input that is refused changes nothing: what was complete under other settings still is.
        checked = {} if stage.check is None else {"checked": stage.check(job)}
        if stage.name in stages.PIPELINES:
            engines.check(job.runner)
        say(f"{stage.name}: {stage.title}{again}")
        foretold = _foretold(stage, job, checked.get("checked"))
        stages.begin(stage, job)
        with record.stage(stage.name, foretold) as entry:
            counts = entry["counts"] = stage.run(job, **checked)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise WorkError(f"{stage.name} failed: {name}{error.strerror or error}") from error
    stages.complete(stage, job, state, counts)
    say(f"{stage.name}: done in {clock(entry['seconds'])}{_in_words(counts)}")
    if "texts" in counts:
        say(f"{stage.name}: {prepare_words.dataset(job.path('dataset'), counts['splits'])}")
    return {"status": "done", **counts}


def _foretold(stage: Stage, job: JobConfig, plan: Any) -> tuple[float, float] | None:
    """How long `electra plan` would have said that it takes; of those that it says anything of.
    An object store is too slow to be asked for all that is there."""
    if stage.name not in ("prepare", "pretrain", "train") or files.is_remote(job.workdir):
        return None
    from . import planning

    return planning.foretold(stage.name, job, plan)


def _in_words(counts: dict[str, Any]) -> str:
    """The ledger or the scores of a stage, where it has them: "; 3 in = 2 out + 1 rejected"."""
    if "texts" in counts:
        return f"; {prepare_words.sums(counts)}"
    if "rejected" in counts:
        rules = ", ".join(f"{rule} {n:,}" for rule, n in counts["rejected"].items() if n)
        rejected = sum(counts["rejected"].values())
        words = f"; {counts['in']:,} in = {counts['out']:,} out + {rejected:,} rejected" + (
            f" ({rules})" if rules else ""
        )
        if "remembered" in counts:
            from . import remembering

            words += remembering.in_words(counts)
        return words
    if "model" in counts and "sentences" in counts:
        from . import scores

        return f"; {scores.in_words(counts)}"
    if "steps" in counts:
        words = f"; {counted(counts['steps'], 'update')}, {counts['tokens']:,} tokens"
        if counts["steps"] < counts.get("warmup_steps", 0):
            words += (
                f"; that is less than warmup_steps ({counts['warmup_steps']:,}), so the learning "
                "rate never came to its height: train for longer"
            )
        return words
    return ""
