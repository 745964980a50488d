"""Does the stages of a job in order: with the lock, the receipts, the record and the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from electra_model import checkpoint
from electra_model.errors import InputError, WorkError
from pipelines import files

from ..engines import engines
from ..planning import foretold
from ..terminal import interrupts, prepare_words
from ..terminal.progress import clock, counted, say
from ..training import cluster
from ..training.cluster import Member
from . import stages, stored_work
from .folder_lock import locked
from .job import JobConfig, save_resolved
from .run_record import RunRecord
from .stages import Stage
from .stored_work import StoredWork

# Where files are written that have no stage of their own to sweep up behind a kill.
_FOLDERS = (
    *("", ".stages", "prepare", "vocabulary", "vocabulary/source", "vocabulary/target"),
    *("dataset", "dataset/rejected", "dataset/samples", "dataset/provenance", "evaluation"),
)


def do_stages(job: JobConfig, wanted: Sequence[Stage]) -> dict[str, Any]:
    """Does those of the stages that are not complete, in the order given. Name -> its counts."""
    from ..engines import launch

    engines.reach_stores(job.runner)
    _check(job, wanted)
    if (worker := _joins(job, wanted)) is not None:
        return {stage.name: _join(stage, job, worker) for stage in wanted}
    interrupts.keeps(lambda: _holds_work(job) or launch.holds_receipts(job.path("prepare")))
    with locked(job.workdir), stored_work.copy_of(job) as copy:
        for folder in _FOLDERS:
            files.remove_temporaries(job.path(folder))
        save_resolved(job)
        record = RunRecord(job, foretold.kept(job))
        return {stage.name: _do_where_it_can(stage, job, record, copy) for stage in wanted}


def _do_where_it_can(
    stage: Stage, job: JobConfig, record: RunRecord, copy: StoredWork | None
) -> dict[str, Any]:
    """Of a work folder in an object store, all but pipelines work in a copy."""
    if copy is None or stage.name in stages.PIPELINES:
        return _do(stage, job, record)
    with copy.at_work() as there:
        return copy.named(_do(stage, there, record))


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
    if worker.workers > 1 and files.is_remote(job.workdir):
        raise InputError(
            f"workdir: {job.workdir} is an object store, of which each worker would have a copy of "
            "its own; name a folder that all workers share"
        )
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
        seconds = _seconds_foretold(stage, job, checked.get("checked"), record)
        stages.begin(stage, job)
        with record.stage(stage.name, seconds) as entry:
            counts = entry["counts"] = stage.run(job, **checked)
            if (written := foretold.disk_bytes(job, stage.name)) is not None:
                entry["disk_bytes"] = written
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise WorkError(f"{stage.name} failed: {name}{error.strerror or error}") from error
    stages.complete(stage, job, state, counts)
    say(f"{stage.name}: done in {clock(entry['seconds'])}{_in_words(counts)}")
    if "texts" in counts:
        say(f"{stage.name}: {prepare_words.dataset(job.path('dataset'), counts['splits'])}")
    return {"status": "done", **counts}


def _seconds_foretold(
    stage: Stage, job: JobConfig, plan: Any, record: RunRecord
) -> tuple[float, float] | None:
    """How long `electra plan` said that it takes, or would have said without measuring; of those
    that it says anything of. An object store is too slow to be asked for all that is there."""
    told = record.foretold.get("seconds", {}).get(stage.name)
    if stage.name not in ("prepare", "pretrain", "train") or files.is_remote(job.workdir):
        return told
    from ..planning import planning

    known = planning.foretold_seconds(stage.name, job, plan)  # which says what it goes on from
    return known if told is None else told


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
            from ..terminal import remembering

            words += remembering.in_words(counts)
        return words
    if "model" in counts and "sentences" in counts:
        from ..evaluation import scores

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
