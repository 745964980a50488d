"""The loop that both trainings share: steps, clock, checkpoints, metrics, progress, and stopping on
a signal."""

from __future__ import annotations

import contextlib
import math
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from electra_model import checkpoint
from electra_model.checkpoint import Checkpoint
from electra_model.config import LoopConfig
from electra_model.errors import WorkError
from electra_model.schedules import learning_rate

from .interrupts import Interrupted
from .metrics import MetricsLog
from .progress import Progress, say

_BAD_STEPS_IN_A_ROW = 20


class TrainingLoop:
    """Runs one training to its end, from its newest checkpoint.

    Args:
      label: of the progress. folder: of the stage; `checkpoints/`, `metrics.jsonl` and
        `tensorboard/` are made in it.
      config: steps or minutes, checkpoints, learning rate.
      variables: everything that a checkpoint holds, the optimizer's included.
      optimizer: whose learning rate is set before each step.
      step: makes update number n (from 0) and returns its metrics; the key `tokens` is counted,
        `finite` says whether the update was applied.
      shape_of: the shape of the batch of an update; the first of each shape is compiled, and the
        time of that is not counted as training.
      validate: returns the metrics of the validation split, or None to leave it out.
      fingerprint: of what the state depends on; checkpoints of another one are not continued.
    """

    def __init__(
        self,
        label: str,
        folder: str,
        config: LoopConfig,
        variables: list[Any],
        optimizer: Any,
        step: Callable[[int], dict[str, Any]],
        fingerprint: str,
        shape_of: Callable[[int], Any] = lambda number: None,
        validate: Callable[[], dict[str, float]] | None = None,
        validate_every_minutes: float = math.inf,
    ):
        self.label = label
        self.folder = pathlib.Path(folder)
        self.config = config
        self.variables = variables
        self.optimizer = optimizer
        self.make_step = step
        self.fingerprint = fingerprint
        self.shape_of = shape_of
        self.validate = validate
        self.validate_seconds = validate_every_minutes * 60
        self.step = 0
        self.tokens = 0
        self.skipped = 0
        self.compile_seconds = 0.0
        self._compiled: set[Any] = set()
        self._elapsed_before = 0.0
        self._started = time.monotonic()

    # --- the clock ---

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before an interruption included, those of compiling not."""
        return self._elapsed_before + time.monotonic() - self._started - self.compile_seconds

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        if self.config.minutes is not None:
            return min(1.0, self.elapsed / (self.config.minutes * 60))
        return self.step / self.steps

    @property
    def steps(self) -> int:
        """Updates to make, where the job file counts in updates."""
        return self.config.updates or 1

    @property
    def finished(self) -> bool:
        """True when the steps or the minutes are used up."""
        if self.config.minutes is not None:
            return self.elapsed >= self.config.minutes * 60
        return self.step >= self.steps

    # --- the loop ---

    def run(self) -> dict[str, Any]:
        """Trains to the end and returns the counts. Raises `Interrupted` after a signal, with the
        work saved."""
        self._resume()
        total = float(self.steps if self.config.minutes is None else self.config.minutes * 60)
        unit = "steps" if self.config.minutes is None else "s"
        window = _Window()
        last_save = last_validation = self.elapsed
        with (
            contextlib.closing(MetricsLog(self.folder, self.step)) as log,
            _stop_signals() as stopped,
            Progress(self.label, total, unit) as bar,
        ):
            bar.update(self._position())
            while not self.finished:
                self._advance(window)
                bar.update(self._position(), **window.facts())
                if self.step % self.config.log_every_steps == 0:
                    log.write(self.step, window.take(self.elapsed))
                if self.validate and self.elapsed - last_validation >= self.validate_seconds:
                    with window.paused():
                        log.write(self.step, self._validated())
                    last_validation = self.elapsed
                if stopped.number is not None:
                    self._save()
                    raise Interrupted(stopped.number)
                if self.elapsed - last_save >= self.config.checkpoint_minutes * 60:
                    with window.paused():
                        self._save()
                    last_save = self.elapsed
            if window.count:
                log.write(self.step, window.take(self.elapsed))
            self._save()
            if self.validate and stopped.number is None:
                log.write(self.step, self._validated())
            if stopped.number is not None:
                raise Interrupted(stopped.number)
        return {
            "steps": self.step,
            "tokens": self.tokens,
            "warmup_steps": self.config.warmup_steps,
            "seconds": round(self.elapsed, 1),
            "compile_seconds": round(self.compile_seconds, 1),
            "skipped_steps": self.skipped,
        }

    def _position(self) -> float:
        return (
            self.step
            if self.config.minutes is None
            else min(self.elapsed, self.config.minutes * 60)
        )

    def _advance(self, window: _Window) -> None:
        rate = learning_rate(self.config, self.step, self.progress)
        self.optimizer.learning_rate.assign(rate)
        values = self._first_of_its_shape(window) or self.make_step(self.step)
        self.step += 1
        self.tokens += int(values["tokens"])
        if not values.pop("finite"):
            # The update was not applied (see `training`); one bad batch is no reason to lose a
            # night's work.
            self.skipped += 1
            window.bad += 1
            say(
                f"{self.label}: step {self.step} gave a loss that is not finite; "
                "the update was left out"
            )
            if window.bad >= _BAD_STEPS_IN_A_ROW:
                raise WorkError(
                    f"{self.label}: {window.bad} steps in a row gave no finite loss; "
                    f"set a lower {self.label}.learning_rate (now {self.config.learning_rate:g})"
                )
            return
        window.bad = 0
        window.add({**values, "learning_rate": rate})

    def _first_of_its_shape(self, window: _Window) -> dict[str, Any] | None:
        """Makes the update when that compiles the step for a new shape; else None."""
        shape = self.shape_of(self.step)
        if shape in self._compiled:
            return None
        if not self._compiled:
            say(f"{self.label}: compiling, once for each length; no training time is used up by it")
        self._compiled.add(shape)
        start = time.monotonic()
        with window.paused():
            values = self.make_step(self.step)
        self.compile_seconds += time.monotonic() - start
        return values

    def _validated(self) -> dict[str, float]:
        """The metrics of the validation split; the first time compiles, and does not count."""
        assert self.validate is not None
        start = time.monotonic()
        values = self.validate()
        if "validation" not in self._compiled:
            self._compiled.add("validation")
            self.compile_seconds += time.monotonic() - start
        return values

    # --- checkpoints ---

    def _resume(self) -> None:
        found = checkpoint.load_newest(self.folder / "checkpoints", warn=say)
        if found is not None and found.state.get("fingerprint") == self.fingerprint:
            checkpoint.restore(self.variables, found.tensors)
            self.step = found.step
            self.tokens = int(found.state["tokens"])
            self.skipped = int(found.state["skipped"])
            self._elapsed_before = float(found.state["elapsed"])
            say(f"{self.label}: goes on from step {self.step}")
        elif found is not None:
            say(f"{self.label}: settings or data changed; older checkpoints are discarded")
            for path in checkpoint.list_checkpoints(self.folder / "checkpoints"):
                path.unlink()
        self._started = time.monotonic()

    def _save(self) -> None:
        state = {
            "fingerprint": self.fingerprint,
            "step": self.step,
            "elapsed": self.elapsed,
            "tokens": self.tokens,
            "skipped": self.skipped,
        }
        tensors = checkpoint.tensors_of(self.variables)
        checkpoint.save(
            self.folder / "checkpoints",
            Checkpoint(self.step, tensors, state),
            self.config.keep_checkpoints,
        )


class _Window:
    """Averages since the last line of `metrics.jsonl`."""

    def __init__(self) -> None:
        self.bad = 0
        self._clear()

    def _clear(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0
        self._tokens = 0
        self._start = time.monotonic()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time in here does not count for the rate."""
        start = time.monotonic()
        yield
        self._start += time.monotonic() - start

    def add(self, values: dict[str, Any]) -> None:
        """One step's metrics."""
        self._tokens += int(values.pop("tokens"))
        self._count += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)

    @property
    def _tokens_per_second(self) -> float:
        return self._tokens / max(time.monotonic() - self._start, 1e-9)

    @property
    def count(self) -> int:
        """Steps in it."""
        return self._count

    def facts(self) -> dict[str, Any]:
        """What the progress bar shows."""
        if not self._count:
            return {}
        return {
            "loss": round(self._sums["loss"] / self._count, 3),
            "tokens_per_second": round(self._tokens_per_second),
        }

    def take(self, elapsed: float) -> dict[str, float]:
        """The averages; the next window begins."""
        values = {name: round(total / self._count, 6) for name, total in self._sums.items()}
        if self._count:
            values["tokens_per_second"] = round(self._tokens_per_second, 1)
        values["elapsed_seconds"] = round(elapsed, 2)
        self._clear()
        return values


class _Stopped:
    number: int | None = None


@contextlib.contextmanager
def _stop_signals() -> Iterator[_Stopped]:
    """Notes SIGINT and SIGTERM instead of raising, so that a step is never cut in two."""
    stopped = _Stopped()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def note(number: int, _frame: object) -> None:
        stopped.number = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """Tensors -> Python floats, with `finite` telling whether the loss is a number."""
    numbers = {name: float(value) for name, value in values.items()}
    numbers["finite"] = bool(np.isfinite(numbers["loss"]) and np.isfinite(numbers["gradient_norm"]))
    return numbers
