"""Builds a pipeline, runs it on the engine of the job file, waits, and counts.

The pipeline runs in a thread of its own. The main thread stays free for signals and shows the
progress, which it reads off the receipts on the disk, so that it is the same for every engine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from electra_model.errors import InputError, WorkError, WorkPutOff
from pipelines import files, tasks, units
from pipelines.config import TranslateConfig
from pipelines.dataset import packing
from pipelines.records import EMPTY_LEDGER, Ledger

from ..jobs.job import JobConfig
from ..terminal import interrupts
from ..terminal.prepare_progress import PrepareProgress
from ..terminal.progress import Progress, say
from . import engines
from .engines import RunnerConfig

if TYPE_CHECKING:
    from pipelines.prepare import PreparePlan

_POLL_SECONDS = 0.2
_DEATH_SECONDS = 3.0


def run_pipeline(
    build: Callable[[Any], Any],
    runner: RunnerConfig,
    *,
    label: str,
    receipts: str,
    total: int | None = None,
    watch: Callable[[], tuple[float, float | None, str]] | None = None,
    finish: Callable[[Any], Any] = lambda result: result,
) -> Any:
    """Runs one pipeline to its end. Returns what `finish` makes of Beam's result.

    Args:
      build: adds the transforms to a `beam.Pipeline`.
      runner: the engine.
      label: of the progress.
      receipts: the folder below which units leave their receipts.
      total: how many receipts there will be, where that is known.
      watch: gives (done, total, the words for it) instead of the count of receipts.
      finish: is given Beam's result while the engine can still be asked for its counters.

    Raises:
      InputError, WorkError: as raised in the pipeline, in whatever process; any other failure there
        becomes a `WorkError` that names the step.
      WorkPutOff: a template was to be made, and is.
    """
    with engines.standing_by(runner) as ready:
        return finish(_run(build, ready, label, receipts, total, watch))


def _run(
    build: Callable[[Any], Any],
    runner: RunnerConfig,
    label: str,
    receipts: str,
    total: int | None,
    watch: Callable[[], tuple[float, float | None, str]] | None,
) -> Any:
    import apache_beam as beam

    from . import local_workers

    options = engines.pipeline_options(runner)
    engine = engines.pipeline_runner(runner)
    outcome = _Outcome()

    def work() -> None:
        try:
            pipeline = beam.Pipeline(runner=engine, options=options)
            build(pipeline)
            outcome.running = result = pipeline.run()
            if runner.template_location:
                raise WorkPutOff(
                    f"{label}: nothing has run; the pipeline is a template now, which `gcloud "
                    f"dataflow jobs run` starts: {runner.template_location}"
                )
            state = result.wait_until_finish()
            if state != "DONE":
                raise WorkError(f"{label}: the pipeline ended as {state}")
            outcome.result = result
        except BaseException as error:
            outcome.error = error
        finally:
            outcome.over.set()

    _ignore_lost_connections()
    local_workers.deaths.clear()
    interrupts.keeps(lambda: holds_receipts(receipts))
    thread = threading.Thread(target=work, daemon=True, name=f"pipeline-{label}")
    with _cancelling(outcome, runner), Progress(label, total, "units") as bar:
        thread.start()
        done: float = 0
        over = False
        while not over:
            over = outcome.over.wait(_POLL_SECONDS)
            if local_workers.deaths and not over:
                outcome.over.wait(_DEATH_SECONDS)  # the pipeline may notice by itself, or never
                over = True
            now, planned, text = watch() if watch else (count_receipts(receipts), total, None)
            # A pipeline that is through tidies its receipts away: that is no step back.
            done = max(done, now)
            bar.update(done, planned, text=text)
    if local_workers.deaths:
        raise local_workers.deaths[0]
    if outcome.error is not None:
        raise _plain_error(outcome.error, label) from outcome.error
    interrupts.keeps(None)
    return outcome.result


_READERS_OF_WORKERS = ("beam_control_read", "read_grpc_client_inputs")


def _ignore_lost_connections() -> None:
    """Beam's threads that read from a worker complain when it is gone; we know already."""
    before = threading.excepthook
    if getattr(before, "ignores_lost_connections", False):
        return

    def hook(failure: threading.ExceptHookArgs) -> None:
        if failure.thread is None or failure.thread.name not in _READERS_OF_WORKERS:
            before(failure)

    hook.ignores_lost_connections = True  # type: ignore[attr-defined]
    threading.excepthook = hook


class _Outcome:
    def __init__(self) -> None:
        self.over = threading.Event()
        self.error: BaseException | None = None
        self.running: Any = None
        self.result: Any = None


@contextlib.contextmanager
def _cancelling(outcome: _Outcome, runner: RunnerConfig) -> Iterator[None]:
    """Whoever stops the command stops its job on the cluster, too; local workers end with us."""
    try:
        yield
    except KeyboardInterrupt:
        if runner.name != "local" and outcome.running is not None:
            with contextlib.suppress(Exception):  # it may be over, or out of reach
                outcome.running.cancel()
        raise


_OURS = re.compile(r"electra_model\.errors\.(InputError|WorkError): (.*)")
# What a cluster puts before a reason: the job's name and state, and Java's classes.
_FAILED_JOB = re.compile(r"Pipeline \S+ failed in state \w+: |([a-z]\w*\.)+\w*Exception: ")
_STEP = re.compile(r"\s*\[while running '([^']*)'\]")


def _plain_error(error: BaseException, label: str) -> BaseException:
    """The error as it was raised, without what Beam wraps around it."""
    if isinstance(error, KeyboardInterrupt | WorkPutOff):
        return error
    details = getattr(error, "details", None)  # of gRPC, whose text is about the call
    text = str(details()) if callable(details) else str(error)
    for ours in (InputError, WorkError):
        if isinstance(error, ours):
            return ours(_STEP.sub("", text))
    if found := _OURS.search(text):  # raised in a worker process, it arrives as a traceback's text
        message = _STEP.sub("", found[2]).strip()
        return InputError(message) if found[1] == "InputError" else WorkError(message)
    text = _FAILED_JOB.sub("", text)
    lines = [line for line in text.splitlines() if line.strip()] or [""]
    step = _STEP.search(text)
    reason = next((line for line in reversed(lines) if _STEP.search(line)), lines[-1])
    reason = _STEP.sub("", reason).strip().removeprefix("RuntimeError: ")
    if not re.match(r"[\w.]+(Error|Exception)\b", reason) and type(error) is not RuntimeError:
        reason = f"{type(error).__name__}: {reason}"
    if os.strerror(errno.ENOSPC) in reason:
        reason = "no space is left on the disk; free some and run the same command again"
    place = f" in the step {step[1]}" if step else ""
    return WorkError(f"{label} failed{place}: {reason}")


def count_receipts(folder: str) -> int:
    """Receipts in a local folder and below it; 0 for an object store, which is too slow to ask."""
    if files.is_remote(folder):
        return 0
    return sum(
        sum(name.endswith(units.RECEIPT) for name in names) for _, _, names in os.walk(folder)
    )


def holds_receipts(folder: str) -> bool:
    """Whether any unit is done; of an object store it is taken for granted."""
    return files.is_remote(folder) or count_receipts(folder) > 0


def run_prepare(job: JobConfig, plan: PreparePlan | None = None) -> dict[str, Any]:
    """`electra prepare`: text to `dataset/` and `vocabulary/`. Returns its counts.

    Args:
      plan: what is to be read (`job_inputs.check_texts`), where that is known already.
    """
    from pipelines import prepare
    from pipelines.dataset import failure

    from ..jobs import job_inputs
    from ..planning import durations

    config = job_inputs.prepare_config(job)
    plan = plan or prepare.plan_prepare(config)
    for warning in job_inputs.warnings_of(job, plan):
        say(f"prepare: warning: {warning}")
    failure.clear(config)
    runner = engines.for_prepare(job.runner, plan.units)
    progress = PrepareProgress(
        job.workdir,
        [stage.name for _, stage in prepare.stages_of(config, plan)],
        plan.units,
        runner.workers or 1,
    )
    run_pipeline(
        lambda pipeline: prepare.build_prepare(pipeline, config, plan),
        runner,
        label="prepare",
        receipts=job.path("prepare"),
        watch=progress,
    )
    counts = {**dataset_counts(job), "pace": progress.pace()}
    durations.keep_pace(job, counts["pace"])
    for warning in counts["warnings"]:
        say(f"prepare: warning: {warning}")
    return counts


def dataset_counts(job: JobConfig) -> dict[str, Any]:
    """The sums of `dataset/dataset_info.json`: in, out, rejected per rule, the same of "pairs" and
    of monolingual "texts" by themselves, records per split (windows of `pretrain`), and the
    warnings.
    """
    path = job.path("dataset", "dataset_info.json")
    try:
        info = json.loads(files.read_bytes(path))
    except (OSError, ValueError) as error:
        raise WorkError(f"{path}: cannot be read after preparing: {error}") from None
    sums = {"pairs": EMPTY_LEDGER, "texts": EMPTY_LEDGER}
    for name, split in info["splits"].items():
        own = split["ledger"]
        kind = "texts" if name == "pretrain" else "pairs"
        sums[kind] += Ledger(own["in"], own["out"], own["rejected"])
    return {
        **info["ledger"],
        **{kind: ledger.to_json() for kind, ledger in sums.items()},
        "splits": {name: packing.count(split) for name, split in info["splits"].items()},
        "warnings": info.get("warnings", []),
    }


def run_translate(
    config: TranslateConfig, runner: RunnerConfig, job: JobConfig | None = None
) -> dict[str, Any]:
    """`electra translate`: documents to their translations. Returns the counts of the manifest, and
    how many segments of this run were "remembered" and how many "translated".

    Args:
      config: what is translated and how; without a `model`, that of the job.
      runner: the engine. job: the job that the model comes from, if any.
    """
    from pipelines import translate

    from ..terminal import remembering

    if config.model is None and job is not None:
        config = dataclasses.replace(config, model=job.path("model"))
    plan = translate.plan_translate(config)
    done = {"remembered": 0, "translated": 0}
    if plan.complete:
        say("translate: the output is complete already, for this input, model and decoding")
    else:
        done = run_pipeline(
            lambda pipeline: translate.build_translate(pipeline, config, plan),
            engines.for_translate(runner, len(plan.pending)),
            label="translate",
            receipts=files.join(plan.output, "_electra", "units"),
            total=plan.total_units,
            finish=remembering.counts,
        )
        remembering.tidy(config, plan)
    counts = {**translation_counts(plan.output), **done}
    if counts.get("cut"):
        what = tasks.of(plan.settings["model"]["task"])
        say(
            f"translate: {counts['cut']:,} texts are longer than the model takes; it was given the "
            f"{what.keeps} of each, and {config.output_field}_error says source_cut"
        )
    if counts.get("flagged"):
        kinds = ", ".join(f"{flag} {number:,}" for flag, number in counts["flags"].items())
        say(
            f"translate: {counts['flagged']:,} of {counts['in']:,} rows are flagged ({kinds}); see "
            f"{config.output_field}_error in JSONL and Parquet, and for every file "
            f"{files.join(plan.output, '_electra', 'certificate')}"
        )
    return counts


def translation_counts(output: str) -> dict[str, Any]:
    """Rows in, rows out, rejected by reason, files and sentences, from `_electra/manifest.json`;
    where they were checked, rows that are flagged, and sentences by flag."""
    path = files.join(output, "_electra", "manifest.json")
    try:
        manifest = json.loads(files.read_bytes(path))
        counts = {**manifest["counts"], "segments": manifest["segments"]}
        checked = manifest.get("certificate", {})
        return counts | {name: checked[name] for name in ("flagged", "flags") if name in checked}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkError(f"{path}: cannot be read after translating: {error}") from None
