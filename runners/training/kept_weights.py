"""Which weights of a training are validated and exported: the newest, an average, the best.

Everything of it lies in the checkpoints, so that a training that was killed goes on with the same
bits.
"""

from __future__ import annotations

import collections
import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from electra_model import averaging
from electra_model.averaging import MovingAverage
from electra_model.config import TrainConfig

from ..terminal.progress import say

_BEST = "best/"
_SNAPSHOT = "snapshot/"


class KeptWeights:
    """Averages and the best weights of one training, by `train.ema`, `average`, `patience` and
    `export_best`.

    Args:
      weights: the model's own. average: their moving average, where there is one.
    """

    def __init__(self, config: TrainConfig, weights: Sequence[Any], average: MovingAverage | None):
        self._config = config
        self._weights = list(weights)
        self._average = average
        self._snapshots: collections.deque[tuple[int, dict[str, np.ndarray]]] = collections.deque(
            maxlen=config.average or 1
        )
        self._best: dict[str, np.ndarray] | None = None
        self._best_loss = math.inf
        self._best_step = 0
        self._without_progress = 0

    @staticmethod
    def wanted(config: TrainConfig) -> bool:
        """Whether anything but the newest weights is asked for."""
        return bool(config.ema or config.average or config.exports_best)

    # --- while training ---

    def after(self, step: int) -> None:
        """Takes a snapshot where one is due after `step` updates."""
        if self._config.average and step % self._config.average_every_steps == 0:
            self._snapshots.append((step, _copied(self._weights)))

    def finish(self, step: int) -> None:
        """The newest weights are the last snapshot, whether one is due or not."""
        if self._config.average and not (self._snapshots and self._snapshots[-1][0] == step):
            self._snapshots.append((step, _copied(self._weights)))

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the weights are those that would be exported now, but for the best."""
        averaged = self._averaged()
        if averaged is None:
            yield
            return
        with averaging.in_place_of(self._weights, averaged):
            yield

    def _averaged(self) -> dict[str, np.ndarray] | None:
        if self._average is not None:
            return self._average.tensors()
        if self._snapshots:
            return averaging.mean([tensors for _, tensors in self._snapshots])
        return None

    def judge(self, step: int, values: Mapping[str, float]) -> dict[str, float]:
        """Compares a validation with the best so far; returns what to write beside it."""
        if not self._config.exports_best:
            return {}
        loss = values["valid_loss"]
        # A loss that is no number is no progress.
        if loss < self._best_loss or self._best is None:
            self._best_loss = loss if math.isfinite(loss) else math.inf
            self._best_step = step
            self._best = self._averaged() or _copied(self._weights)
            self._without_progress = 0
        else:
            self._without_progress += 1
            if self.exhausted:
                say(
                    f"train: {self._without_progress} evaluations without a lower validation loss "
                    f"than {self._best_loss:g} at step {self._best_step}; training ends"
                )
        return {"best_step": self._best_step}

    @property
    def exhausted(self) -> bool:
        """True when `train.patience` has run out."""
        return bool(self._config.patience) and self._without_progress >= self._config.patience

    # --- at the end ---

    def export(self) -> None:
        """Gives the model the weights that are exported."""
        chosen = self._best if self._config.exports_best else self._averaged()
        if chosen is not None:
            for weight in self._weights:
                weight.assign(chosen[weight.path])

    def facts(self) -> dict[str, Any]:
        """What is exported, for `model.json`."""
        facts: dict[str, Any] = {}
        if self._config.ema:
            facts["exported_weights"] = f"moving average, {self._config.ema:g}"
        elif self._config.average:
            facts["exported_weights"] = f"mean of {self._config.average} snapshots at most"
        if self._best is not None:
            facts["exported_step"] = self._best_step
            facts["best_valid_loss"] = self._best_loss
            facts["stopped_early"] = self.exhausted
        return facts

    def said(self) -> dict[str, float]:
        """What is exported, for `metrics.jsonl`: numbers."""
        return {} if self._best is None else {"exported_step": self._best_step}

    # --- in checkpoints ---

    def state(self) -> dict[str, Any]:
        """JSON values; with `tensors` all that `restore` needs."""
        return {
            "snapshots": [step for step, _ in self._snapshots],
            "best_loss": self._best_loss if math.isfinite(self._best_loss) else None,
            "best_step": self._best_step,
            "without_progress": self._without_progress,
        }

    def tensors(self) -> dict[str, np.ndarray]:
        """Name -> array: the snapshots and the best weights."""
        found = {f"{_BEST}{path}": value for path, value in (self._best or {}).items()}
        for step, tensors in self._snapshots:
            found |= {f"{_SNAPSHOT}{step}/{path}": value for path, value in tensors.items()}
        return found

    def restore(self, tensors: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """As it was when the checkpoint was written."""
        self._snapshots.clear()
        for step in state.get("snapshots", ()):
            self._snapshots.append((step, _below(f"{_SNAPSHOT}{step}/", tensors)))
        self._best = _below(_BEST, tensors) or None
        loss = state.get("best_loss")
        self._best_loss = math.inf if loss is None else float(loss)
        self._best_step = int(state.get("best_step", 0))
        self._without_progress = int(state.get("without_progress", 0))


def _copied(weights: Sequence[Any]) -> dict[str, np.ndarray]:
    return {weight.path: np.array(weight.numpy()) for weight in weights}


def _below(prefix: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
