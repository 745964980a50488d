"""The updates of the encoder-decoder: which batches make one, and which weights it trains."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from electra_model.averaging import MovingAverage
from electra_model.config import TrainConfig
from electra_model.electra import Electra

from .input_data import PairData
from .training_loop import finite
from .training_steps import accumulating_step, training_step


class PairUpdates:
    """update number n (from 0) -> its metrics.

    Args:
      progress: the share of the training that is done, in [0, 1].
    """

    def __init__(
        self,
        config: TrainConfig,
        model: Electra,
        optimizer: Any,
        data: PairData,
        average: MovingAverage | None,
        progress: Callable[[], float],
    ):
        self._config = config
        self._data = data
        self._progress = progress
        self._decided: tuple[int, bool] = (-1, False)

        def step(variables: list[Any]) -> Any:
            make = accumulating_step if config.accumulate > 1 else training_step
            return make(
                model,
                optimizer,
                config.label_smoothing,
                config.clip_norm,
                packed=data.packed,
                variables=variables,
                average=average,
            )

        self._update = step(model.trainable_variables)
        self._frozen = None
        if config.freeze_encoder_updates or config.freeze_encoder_share:
            self._frozen = step(without_encoder(model))

    @property
    def compiled(self) -> tuple[Any, ...]:
        """The compiled functions, each traced once at most."""
        return tuple(step for step in (self._update, self._frozen) if step is not None)

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
