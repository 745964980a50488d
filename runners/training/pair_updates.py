"""The updates of the encoder-decoder: which batches make one, and which weights it trains."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from electra_model.config import TrainConfig
from electra_model.electra import Electra
from electra_model.shares import Share

from .devices import Copy, Devices
from .input_data import PairData
from .replicas import Update
from .training_loop import finite
from .training_steps import Step, accumulating_step, training_step


class PairUpdates:
    """update number n (from 0) -> its metrics.

    Args:
      copies: of the model, one for each of `devices`.
      progress: the share of the training that is done, in [0, 1].
    """

    def __init__(
        self,
        config: TrainConfig,
        devices: Devices,
        copies: Sequence[Copy],
        data: PairData,
        progress: Callable[[], float],
    ):
        self._config = config
        self._data = data
        self._progress = progress
        self._decided: tuple[int, bool] = (-1, False)
        computation = devices.computation_of("train", config)

        def update(variables_of: Callable[[Electra], list[Any]]) -> Update:
            def step(copy: Copy, share: Share) -> Step:
                make = accumulating_step if config.accumulate > 1 else training_step
                return make(
                    copy.model,
                    copy.optimizer,
                    config.label_smoothing,
                    config.clip_norm,
                    packed=data.packed,
                    variables=variables_of(copy.model),
                    average=copy.average,
                    share=share,
                )

            steps = devices.steps(copies, step)
            return Update(devices, steps, computation, config.accumulate > 1)

        self._update = update(lambda model: model.trainable_variables)
        self._frozen = None
        if config.freeze_encoder_updates or config.freeze_encoder_share:
            self._frozen = update(without_encoder)

    @property
    def compiled(self) -> tuple[Any, ...]:
        """The compiled functions, each traced once at most."""
        updates = (self._update, self._frozen)
        return tuple(one for update in updates if update is not None for one in update.functions)

    def batches(self, number: int) -> range:
        """The numbers of the batches of an update."""
        count = self._config.accumulate
        return range(number * count, (number + 1) * count)

    def shapes(self, number: int) -> set[Hashable]:
        """What update `number` is compiled for: its stage, and the lengths of its batches."""
        stage = self._is_frozen(number)
        return {(stage, self._data.plan.batch(batch).length) for batch in self.batches(number)}

    def __call__(self, number: int) -> dict[str, Any]:
        """Makes the update."""
        update: Any = self._frozen if self._is_frozen(number) else self._update
        batches = self.batches(number)
        if len(batches) == 1:
            return finite(update(*self._arrays(number), number))
        values: dict[str, Any] = {}
        for batch in batches:
            first, last = batch == batches[0], batch == batches[-1]
            values = update(*self._arrays(batch), batch, first, last)
        return finite(values)

    def _arrays(self, batch: int) -> tuple[Any, ...]:
        return self._data.arrays(self._data.plan.batch(batch))

    def _is_frozen(self, number: int) -> bool:
        """Asked once for each update: the clock goes on."""
        if self._frozen is None:
            return False
        if self._decided[0] != number:
            decided = self._config.encoder_is_frozen(number, self._progress())
            self._decided = number, decided
        return self._decided[1]


def without_encoder(model: Electra) -> list[Any]:
    """The weights that are trained while the encoder is frozen.

    Those that the encoder has to itself are left out: its blocks and learned positions, and the
    table of the source where that is not the target's as well.
    """
    own = ["encoder/", "encoder_positions/"]
    if model.target_embedding is not model.embedding:
        own.append("embedding/")
    return [one for one in model.trainable_variables if not one.path.startswith(tuple(own))]
