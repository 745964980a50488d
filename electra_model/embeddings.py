"""Token embeddings and position encodings.

A position encoding is anything that can be called with integer positions [..., length] and returns
vectors [..., length, d_model]; names stand for those that are built in. Rotary positions are the
exception: they give angles, by which attention turns queries and keys (see `rotary`).
"""

import math

import keras
import numpy as np
from keras import ops

from electra_model.fusion import fused
from electra_model.rotary import RotaryPositions


class SinusoidalPositions(keras.layers.Layer):
    """Sines and cosines of falling frequency (Vaswani et al. 2017, section 3.5).

    positions int [batch, length] -> float [batch, length, d_model]: sines in the first half of the
    vector, cosines in the second.
    """

    def __init__(self, d_model, max_length=512, **kwargs):
        super().__init__(**kwargs)
        self.d_model = d_model
        self.max_length = max_length
        if d_model % 2:
            raise ValueError(f"sinusoidal positions need an even d_model: got {d_model}")
        half = d_model // 2
        rates = np.exp(-math.log(10000.0) * np.arange(half) / half)
        angles = np.arange(max_length)[:, None] * rates[None, :]
        self._table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype("float32")

    def call(self, positions):
        """Rows of a constant table: nothing is learned."""
        return ops.take(
            ops.convert_to_tensor(self._table, dtype=self.compute_dtype), positions, axis=0
        )

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | dict(d_model=self.d_model, max_length=self.max_length)


class LearnedPositions(keras.layers.Layer):
    """One trained vector per position (Devlin et al. 2019).

    positions int [...] -> float [..., d_model].
    """

    def __init__(self, d_model, max_length=512, **kwargs):
        super().__init__(**kwargs)
        self.d_model = d_model
        self.max_length = max_length
        self.table = self.add_weight(
            name="table",
            shape=(max_length, d_model),
            initializer="zeros",  # drawn by `initialization`
        )

    def call(self, positions):
        """Rows of the table."""
        return ops.take(self.table, positions, axis=0)

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | dict(d_model=self.d_model, max_length=self.max_length)


POSITION_ENCODINGS = {
    "sinusoidal": SinusoidalPositions,
    "learned": LearnedPositions,
    "rotary": RotaryPositions,
}


def position_encoding(encoding, d_model, max_length, name, head_dim=None):
    """A name, a layer or a callable -> something that maps positions to vectors or angles.

    d_model: width of what the vectors are added to. head_dim: width of a head of attention, which
    "rotary" needs. Raises ValueError for a name that is not in `POSITION_ENCODINGS`, for a width
    that the encoding cannot have and for anything that cannot be called.
    """
    if isinstance(encoding, str):
        if encoding not in POSITION_ENCODINGS:
            known = ", ".join(sorted(POSITION_ENCODINGS))
            raise ValueError(f"unknown position encoding {encoding!r}; known: {known}")
        if encoding != "rotary":
            return POSITION_ENCODINGS[encoding](d_model, max_length, name=name)
        if head_dim is None:
            raise ValueError("rotary positions need head_dim, the width of a head of attention")
        return RotaryPositions(head_dim, max_length, name=name)
    if not callable(encoding):
        raise ValueError(f"a position encoding is a name, a layer or a callable: got {encoding!r}")
    return encoding


@fused
def _rows(table, token_ids, *, scale):
    return ops.take(table, token_ids, axis=0) * scale


class TokenEmbedding(keras.layers.Layer):
    """A table of token vectors: token_ids int [...] -> float [..., d_model].

    Scaled by sqrt(d_model) (Vaswani et al. 2017, section 3.4), so that they stand beside position
    encodings of size one, unless `scaled` is False.
    """

    def __init__(self, vocabulary_size, d_model, scaled=True, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.d_model = d_model
        self.scaled = scaled
        self.table = self.add_weight(
            name="table",
            shape=(vocabulary_size, d_model),
            initializer="zeros",  # drawn by `initialization`
        )

    def call(self, token_ids):
        """Rows of the table, scaled where `scaled` says so."""
        return _rows(self.table, token_ids, scale=math.sqrt(self.d_model) if self.scaled else 1.0)

    def get_config(self):
        """The constructor's arguments."""
        config = super().get_config()
        return config | dict(
            vocabulary_size=self.vocabulary_size, d_model=self.d_model, scaled=self.scaled
        )
