"""The loop that both trainings share: steps, clock, checkpoints, metrics, progress, and stopping on
a signal."""

from __future__ import annotations

import contextlib
import math
import pathlib
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from electra_model import checkpoint
from electra_model.checkpoint import Checkpoint
from electra_model.config import LoopConfig
from electra_model.errors import WorkError
from electra_model.schedules import learning_rate
from pipelines import allocator

from ..terminal.interrupts import Interrupted, noted
from ..terminal.progress import Progress, say
from .devices import Devices, Word
from .kept_weights import KeptWeights
from .metrics import MetricsLog, NoLog, Window


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
      fingerprint: of what the state depends on; checkpoints of another one are not continued.
      shapes_of: what an update is compiled for, the shapes of its batches; the first of each is
        compiled, and the time of that is not counted as training.
      validate: returns the metrics of the validation split, or None to leave it out.
      validate_every_minutes, validate_every_steps: when; the second wins where it is given.
      kept: the averages and the best of the weights, where they are asked for.
      devices: on which the steps are made. Of several workers the chief alone writes, validates and
        decides; they consult before every update.
      restored: called when `variables` are as they were at a checkpoint, or at the beginning.
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
        shapes_of: Callable[[int], Iterable[Any]] = lambda number: (None,),
        validate: Callable[[], dict[str, float]] | None = None,
        validate_every_minutes: float = math.inf,
        validate_every_steps: int | None = None,
        kept: KeptWeights | None = None,
        devices: Devices | None = None,
        restored: Callable[[], None] = lambda: None,
    ):
        self.devices = devices or Devices()
        self.label = label
        self.folder = pathlib.Path(folder)
        self.config = config
        self.variables = variables
        self.optimizer = optimizer
        self.make_step = step
        self.fingerprint = fingerprint
        self.shapes_of = shapes_of
        self.validate = validate if self.devices.is_chief else None
        self.validate_seconds = validate_every_minutes * 60
        self.validate_steps = validate_every_steps
        self.kept = kept if self.devices.is_chief else None
        self.restored = restored
        self.window = Window()
        self.step = 0
        self.tokens = 0
        self.skipped = 0
        self.compile_seconds = 0.0
        self._word: Word | None = None  # what several workers agreed on before the update
        self._bad = 0  # updates in a row that were left out
        self._went_back_to: int | None = None
        self._validated_at: int | None = None
        self._last_save = self._last_validation = 0.0
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
        """Share of the training that is done, in [0, 1]; of several workers, by the chief's clock
        before the update."""
        return self._measured() if self._word is None else self._word.progress

    def _measured(self) -> float:
        if self.config.minutes is not None:
            return min(1.0, self.elapsed / (self.config.minutes * 60))
        return self.step / self.steps

    @property
    def steps(self) -> int:
        """Updates to make, where the job file counts in updates."""
        return self.config.updates or 1

    @property
    def finished(self) -> bool:
        """True when the steps or the minutes are used up, or training makes no progress."""
        if self.kept is not None and self.kept.exhausted:
            return True
        if self.config.minutes is not None:
            return self.elapsed >= self.config.minutes * 60
        return self.step >= self.steps

    # --- the loop ---

    def run(self) -> dict[str, Any]:
        """Trains to the end and returns the counts. Raises `Interrupted` after a signal, with the
        work saved."""
        # An update takes and frees the same large arrays as the one before it.
        allocator.keep_freed_memory()
        self._resume()
        total = float(self.steps if self.config.minutes is None else self.config.minutes * 60)
        unit = "steps" if self.config.minutes is None else "s"
        self._last_save = self._last_validation = self.elapsed
        with (
            contextlib.closing(self._log()) as log,
            noted() as stopped,
            Progress(self.devices.label(self.label), total, unit) as bar,
        ):
            bar.update(self._position())
            while not self._consult(stopped.number).finished:
                self._advance(log)
                bar.update(self._position(), **self.window.facts())
                if self.step % self.config.log_every_steps == 0:
                    log.write(self.step, self.window.take(self.elapsed))
                if self._validation_is_due():
                    with self.window.paused():
                        self._validate(log)
                    self._last_validation = self.elapsed
                if stopped.number is not None and self.devices.worker.workers == 1:
                    self._save()
                    raise Interrupted(stopped.number)
                if self.elapsed - self._last_save >= self.config.checkpoint_minutes * 60:
                    with self.window.paused():
                        self._save()
                    self._last_save = self.elapsed
            if self.window.count:
                log.write(self.step, self.window.take(self.elapsed))
            if self.kept is not None:
                self.kept.finish(self.step)
            self._save_the_last()
            if self.validate and stopped.number is None and self._validated_at != self.step:
                self._validate(log)
            if stopped.number is not None:
                raise Interrupted(stopped.number)
            if self.kept is not None and (line := self.kept.said()):
                log.write(self.step, line)
        counts = {
            "steps": self.step,
            "tokens": self.tokens,
            "warmup_steps": self.config.warmup_steps,
            "seconds": round(self.elapsed, 1),
            "compile_seconds": round(self.compile_seconds, 1),
            "skipped_steps": self.skipped,
        }
        return counts if self.kept is None else {**counts, **self.kept.facts()}

    def _log(self) -> MetricsLog | NoLog:
        return MetricsLog(self.folder, self.step) if self.devices.is_chief else NoLog()

    def _consult(self, signal: int | None) -> Word:
        """What all workers go by. Stops all of them, with the work saved, when a signal came to
        one: none may be left waiting for the others."""
        state = zlib.crc32(self.fingerprint.encode())
        word = Word(self.step, state, signal or 0, self._measured(), self.finished)
        if self.devices.worker.workers == 1:
            return word
        self._word = self.devices.consult(word)
        if self._word.stop:
            self._save()
            self.devices.wait()
            raise Interrupted(self._word.stop)
        return self._word

    def _position(self) -> float:
        return (
            self.step
            if self.config.minutes is None
            else min(self.elapsed, self.config.minutes * 60)
        )

    def _advance(self, log: MetricsLog | NoLog) -> None:
        rate = learning_rate(self.config, self.step, self.progress)
        self.optimizer.learning_rate.assign(rate)
        values = self._first_of_its_shape() or self.make_step(self.step)
        self.step += 1
        self.tokens += int(values["tokens"])
        if not values.pop("finite"):
            # The update was not applied (see `training_steps`); one bad batch is no reason to lose
            # a night's work. The step goes on, and with it the place in the data.
            self.skipped += 1
            self._bad += 1
            say(
                f"{self.label}: step {self.step} gave a loss or gradient that is not finite; "
                "the update was left out"
            )
            if self._bad >= self.config.bad_updates:
                self._go_back(log)
            return
        self._bad = 0
        self.window.add({**values, "learning_rate": rate})
        if self.kept is not None:
            self.kept.after(self.step)

    def _first_of_its_shape(self) -> dict[str, Any] | None:
        """Makes the update when that compiles the step for a new shape; else None."""
        shapes = set(self.shapes_of(self.step))
        if shapes <= self._compiled:
            return None
        if not self._compiled:
            say(f"{self.label}: compiling, once for each length; no training time is used up by it")
        self._compiled |= shapes
        start = time.monotonic()
        with self.window.paused():
            values = self.make_step(self.step)
        self.compile_seconds += time.monotonic() - start
        return values

    # --- validation ---

    def _validation_is_due(self) -> bool:
        if self.validate is None:
            return False
        if self.validate_steps is not None:
            # Once for each step: training may have gone back to one that was validated.
            return self.step % self.validate_steps == 0 and self._validated_at != self.step
        return self.elapsed - self._last_validation >= self.validate_seconds

    def _validate(self, log: MetricsLog | NoLog) -> None:
        """Writes the metrics of the validation split; the first time compiles, and does not
        count."""
        assert self.validate is not None
        start = time.monotonic()
        if self.kept is None:
            values = self.validate()
        else:
            with self.kept.in_place():
                values = self.validate()
            values = {**values, **self.kept.judge(self.step, values)}
        if "validation" not in self._compiled:
            self._compiled.add("validation")
            self.compile_seconds += time.monotonic() - start
        self._validated_at = self.step
        log.write(self.step, values)

    # --- checkpoints ---

    def _resume(self) -> None:
        self._started = time.monotonic()
        found = checkpoint.load_newest(self.folder / "checkpoints", warn=say)
        if found is not None and found.state.get("fingerprint") == self.fingerprint:
            self._take(found)
            say(f"{self.label}: goes on from step {self.step}")
        elif found is not None:
            say(f"{self.label}: settings or data changed; older checkpoints are discarded")
            if self.devices.is_chief:
                for path in checkpoint.list_checkpoints(self.folder / "checkpoints"):
                    path.unlink()
        self.restored()

    def _take(self, found: Checkpoint) -> None:
        """Everything, the clock included, as it was at a checkpoint."""
        checkpoint.restore(self.variables, found.tensors)
        self.step = found.step
        self.tokens = int(found.state["tokens"])
        self.skipped = int(found.state["skipped"])
        self.window.restore(found.state.get("window", {}))
        self._validated_at = found.state.get("validated_at")
        if self.kept is not None:
            self.kept.restore(found.tensors, found.state.get("kept", {}))
        self._bad = 0
        self._elapsed_before = float(found.state["elapsed"])
        self._started = time.monotonic() - self.compile_seconds

    def _save(self) -> None:
        if self._bad or not self.devices.is_chief:
            return  # what cannot be trained on from here is not what to go back to
        checkpoint.save(self.folder / "checkpoints", self._as_it_is(), self.config.keep_checkpoints)

    def _save_the_last(self) -> None:
        """What there is at the end, also where the last updates were left out. Raises WorkError
        where the weights are not finite."""
        found = self._as_it_is()
        if self._bad and not _all_finite(found):
            raise WorkError(
                f"{self._trouble()} loss or gradient, and the training has come to its end; "
                f"{self._remedy()}"
            )
        if not self.devices.is_chief:
            return
        checkpoint.save(self.folder / "checkpoints", found, self.config.keep_checkpoints)

    def _as_it_is(self) -> Checkpoint:
        state: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "step": self.step,
            "elapsed": self.elapsed,
            "tokens": self.tokens,
            "skipped": self.skipped,
            "window": self.window.state(),
            "validated_at": self._validated_at,
        }
        tensors = checkpoint.tensors_of(self.variables)
        if self.kept is not None:
            state["kept"] = self.kept.state()
            tensors |= self.kept.tensors()
        return Checkpoint(self.step, tensors, state)

    def _go_back(self, log: MetricsLog | NoLog) -> None:
        """Back to the last good checkpoint, as after a kill.

        What comes of it depends on chance alone, such as a fault of the machine: an update is a
        pure function of the weights and the step. So a second time ends the training.
        """
        trouble, remedy = self._trouble(), self._remedy()
        found = self._last_good()
        if found is None:
            raise WorkError(
                f"{trouble} loss or gradient, and there is no checkpoint yet to go back to; "
                f"{remedy}"
            )
        if found.step == self._went_back_to:
            raise WorkError(
                f"{trouble} loss or gradient, for the second time since the checkpoint of step "
                f"{found.step}; {remedy}"
            )
        say(f"{trouble} loss or gradient; going back to the checkpoint of step {found.step}")
        line = {"went_back_from": self.step, "bad_updates": self._bad}
        self._take(found)
        self.restored()
        self._went_back_to = found.step
        self._last_save = self._last_validation = self.elapsed
        log.go_back(self.step, line)

    def _trouble(self) -> str:
        return f"{self.label}: {self._bad} updates in a row, to step {self.step}, gave no finite"

    def _remedy(self) -> str:
        return (
            f"set a lower {self.label}.learning_rate (now {self.config.learning_rate:g}), or look "
            f"at the data with `electra {self.label} JOB.yaml --replay {self.step - self._bad + 1}`"
        )

    def _last_good(self) -> Checkpoint | None:
        """The newest checkpoint of these settings whose tensors are all finite; those that are
        newer and are not go."""
        for path in reversed(checkpoint.list_checkpoints(self.folder / "checkpoints")):
            try:
                found = checkpoint.load(path)
            except WorkError as error:
                say(f"{error}; using the one before")
                continue
            if found.state.get("fingerprint") == self.fingerprint and _all_finite(found):
                return found
            if self.devices.is_chief:
                path.unlink()
        return None


def _all_finite(found: Checkpoint) -> bool:
    return all(
        np.isfinite(value).all()
        for value in found.tensors.values()
        if np.issubdtype(value.dtype, np.floating)
    )


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """Tensors -> Python floats, with `finite` telling whether the loss is a number."""
    numbers = {name: float(value) for name, value in values.items()}
    numbers["finite"] = bool(np.isfinite(numbers["loss"]) and np.isfinite(numbers["gradient_norm"]))
    return numbers
