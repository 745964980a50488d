"""Averages of the weights over a training: what is validated and exported in place of the newest.

Two kinds. The moving average (Polyak and Juditsky 1992) is kept up in the compiled update; the mean
of snapshots (Vaswani et al. 2017, section 6.1) is taken on the host.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class MovingAverage:
    """average <- d * average + (1 - d) * weights, after each update.

    d is `decay`, but no more than (1 + n) / (10 + n) after n updates, so that a short training does
    not end with an average of its first weights. At the start the averages are the weights.

    Attributes:
      variables: the averages, in the order of the weights, of the same shapes and dtypes; their
        paths are `moving_average/<path of the weight, with dots>`. They belong into checkpoints.
    """

    def __init__(self, weights: Sequence[Any], decay: float):
        self._weights = list(weights)
        self._decay = decay
        with keras.name_scope("moving_average"):
            self.variables = [
                keras.Variable(
                    weight.numpy(),
                    trainable=False,
                    dtype=weight.dtype,
                    name=weight.path.replace("/", "."),
                )
                for weight in self._weights
            ]

    def update(self, updates) -> None:
        """Takes the weights in. `updates`: how many were made, this one included; an integer
        scalar. Usable in a compiled function."""
        made = tf.cast(updates, tf.float32)
        decay = tf.minimum(self._decay, (1.0 + made) / (10.0 + made))
        for average, weight in zip(self.variables, self._weights, strict=True):
            share = tf.cast(1.0 - decay, weight.dtype)
            average.value.assign_add(share * (weight.value - average.value))

    def tensors(self) -> dict[str, np.ndarray]:
        """Path of the weight -> its average."""
        return {
            weight.path: np.asarray(average.numpy())
            for weight, average in zip(self._weights, self.variables, strict=True)
        }


def mean(snapshots: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Path -> the mean over snapshots of the same weights; summed in float64, in their order."""
    return {
        path: np.mean([one[path] for one in snapshots], axis=0, dtype=np.float64).astype(
            first.dtype
        )
        for path, first in snapshots[0].items()
    }


@contextlib.contextmanager
def in_place_of(weights: Sequence[Any], tensors: Mapping[str, np.ndarray]) -> Iterator[None]:
    """Inside, the weights have the values of `tensors`, by path; afterwards their own again."""
    own = [np.array(weight.numpy()) for weight in weights]
    try:
        for weight in weights:
            weight.assign(tensors[weight.path])
        yield
    finally:
        for weight, value in zip(weights, own, strict=True):
            weight.assign(value)
