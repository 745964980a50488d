"""Rotary positions (Su et al. 2021, RoFormer, arXiv:2104.09864, section 3.4).

Nothing is added to the representations. Queries and keys of self-attention are turned by angles
that grow with the position, so that their product depends on how far apart they stand.
"""

import math

import keras
import numpy as np
from keras import ops


class RotaryPositions(keras.layers.Layer):
    """positions int [batch or 1, length] -> what `rotate` multiplies with, two of float [batch or
    1, length, head_dim]: the cosine of each number's angle, and its sine, negative at even places.

    The angle of pair i at position m is m * 10000 ** (-2 i / head_dim) (section 3.2.2).
    """

    def __init__(self, head_dim, max_length=512, **kwargs):
        super().__init__(**kwargs)
        self.head_dim = head_dim
        self.max_length = max_length
        if head_dim % 2:
            raise ValueError(
                "rotary positions need heads of even width (d_model / num_heads): got width "
                f"{head_dim}"
            )
        half = head_dim // 2
        rates = np.exp(-math.log(10000.0) * np.arange(half) / half)
        angles = np.repeat(np.arange(max_length)[:, None] * rates[None, :], 2, axis=1)
        self._cosines = np.cos(angles).astype("float32")
        self._sines = (np.sin(angles) * np.tile([-1, 1], half)).astype("float32")

    def call(self, positions):
        """Rows of two constant tables: nothing is learned."""
        return tuple(
            ops.take(ops.convert_to_tensor(table, dtype=self.compute_dtype), positions, axis=0)
            for table in (self._cosines, self._sines)
        )

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | dict(head_dim=self.head_dim, max_length=self.max_length)


def rotate(x, rotation):
    """Turns each pair of neighbouring numbers by its angle (section 3.4.2, equation 34).

    x float [batch, length, heads, head_dim]; rotation: what `RotaryPositions` gives for [batch or
    1, length or 1], or None: then `x` is returned as it is. Returns the shape of x; lengths of the
    vectors stay.
    """
    if rotation is None:
        return x
    # [batch, length, 1, head_dim]: the same for every head.
    cosines, sines = (ops.cast(ops.expand_dims(part, -2), x.dtype) for part in rotation)
    # The pair (a, b) becomes (a cos - b sin, b cos + a sin): a search does this at every step, and
    # these are the fewest operations.
    shape = ops.shape(x)
    pairs = ops.reshape(x, (*shape[:-1], shape[-1] // 2, 2))
    exchanged = ops.reshape(ops.flip(pairs, axis=-1), shape)
    return x * cosines + exchanged * sines
