"""AdamW (Loshchilov and Hutter 2019): matrices decay, the gradient is bounded.

On two cores a tenth of a training's time goes into this; so the weights may be updated in parts,
each a program of its own, that TensorFlow runs side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from electra_model import xla
from electra_model.config import OptimizerConfig


class AdamW(keras.optimizers.Adam):
    """Keras's Adam, with a decay that is part of the step of a weight. Biases and the weights of
    normalisations, which have one axis, do not decay."""

    def __init__(self, decay: float, **settings: Any):
        super().__init__(**settings)
        self.decay = decay

    def update_step(self, gradient, variable, learning_rate):
        """Updates one weight and its moments."""
        if self.decay and len(variable.shape) >= 2:
            variable.assign(variable - variable * (self.decay * learning_rate))
        super().update_step(gradient, variable, learning_rate)


def build_optimizer(config: OptimizerConfig, variables) -> AdamW:
    """An optimizer for `variables`."""
    optimizer = AdamW(
        config.weight_decay,
        name="optimizer",
        learning_rate=config.learning_rate,
        beta_1=config.beta_1,
        beta_2=config.beta_2,
        epsilon=config.epsilon,
    )
    optimizer.build(variables)
    return optimizer


class ClippedUpdate:
    """Gradients, in one or several addends, that become an update of the weights.

    Args:
      variables: of the optimizer, those that are updated.
      clip_norm: the global norm of the gradients is scaled down to it; 0 leaves it unbounded.
      parts: how many programs the weights are divided among.
    """

    def __init__(self, optimizer: AdamW, variables: Sequence[Any], clip_norm: float, parts=1):
        self._optimizer = optimizer
        self._clip_norm = clip_norm
        variables = list(variables)
        self._groups = balanced([variable.shape.num_elements() for variable in variables], parts)
        self._summed = [xla.compiled(_summed) for _ in self._groups]
        self._updated = [
            xla.compiled(self._update_of([variables[index] for index in group]))
            for group in self._groups
        ]

    def __call__(self, addends: Sequence[Sequence[Any]], loss=0.0, factor=1.0) -> tuple[Any, Any]:
        """addends: gradients of all variables, which are added up and multiplied by `factor`.

        Returns the norm before it was bounded, and whether it and the loss are finite: where they
        are not, nothing changes, the state of the optimizer included.
        """
        sums, squares = [], []
        for add, group in zip(self._summed, self._groups, strict=True):
            found, square = add([_of(group, gradients) for gradients in addends], factor)
            sums.append(found)
            squares.append(square)
        norm = tf.sqrt(tf.add_n(squares))
        is_finite = tf.logical_and(tf.math.is_finite(norm), tf.math.is_finite(loss))
        scale = self._clip_norm / tf.maximum(norm, self._clip_norm) if self._clip_norm else 1.0
        for update, gradients in zip(self._updated, sums, strict=True):
            update(gradients, scale, is_finite)
        made: Any = self._optimizer.iterations
        made.assign_add(tf.cast(is_finite, made.dtype))
        return norm, is_finite

    def _update_of(self, variables):
        def weights_updated(gradients, scale, is_finite):
            def apply():
                rate = self._optimizer.learning_rate
                for gradient, variable in zip(gradients, variables, strict=True):
                    self._optimizer.update_step(gradient * scale, variable, rate)
                return 0

            return tf.cond(is_finite, apply, lambda: 0)

        return weights_updated


def balanced(sizes: Sequence[int], groups: int) -> list[list[int]]:
    """The places of the sizes in at most so many groups of about the same sum."""
    found: list[list[int]] = [[] for _ in range(min(groups, len(sizes)))]
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
        min(found, key=lambda group: sum(sizes[one] for one in group)).append(index)
    return found


def _of(group: Sequence[int], gradients: Sequence[Any]):
    # Of a table that was looked up it is parts, which have no norm.
    return [tf.convert_to_tensor(gradients[index]) for index in group]


def _summed(addends, factor):
    sums = [sum(parts[1:], parts[0]) * factor for parts in zip(*addends, strict=True)]
    return sums, tf.add_n([tf.reduce_sum(tf.square(one)) for one in sums])
