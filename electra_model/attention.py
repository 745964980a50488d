"""Multi-head attention (Vaswani et al. 2017, section 3.2.2), with its scores on request.

Per head, the output at a position is S = sum_i alpha_i * s_i: alpha_i is the attention score of
position i and s_i the value that position i offers. `call` can return alpha; `project_memory` gives
s. A linear layer then mixes the heads.
"""

import math
from typing import Any

import keras
from keras import ops

from electra_model import masks, randomness
from electra_model.rotary import rotate


class MultiHeadAttention(keras.layers.Layer):
    """Attention of `query` over `memory`.

    Args:
      d_model: width of input and output, a multiple of `num_heads`.
      num_heads: heads; each has width d_model / num_heads.
      dropout: share of attention scores dropped while training.
    """

    def __init__(self, d_model, num_heads, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError(
                f"d_model must be a multiple of num_heads: got {d_model} and {num_heads}"
            )
        self.d_model = d_model
        self.num_heads = num_heads
        self.head_dim = d_model // num_heads
        self.dropout = dropout
        self.query_dense = keras.layers.Dense(d_model, name="query")
        # Keys and values come from one product: both read all of the memory.
        self.key_value_dense = keras.layers.Dense(2 * d_model, name="key_value")
        self.output_dense = keras.layers.Dense(d_model, name="output")

    def build(self, *_, **__):
        """Creates the projections; every width is d_model."""
        self.query_dense.build((None, None, self.d_model))
        self.key_value_dense.build((None, None, self.d_model))
        self.output_dense.build((None, None, self.d_model))
        self.built = True

    def _split_heads(self, x):
        """[batch, length, d_model] -> [batch, length, heads, head_dim]."""
        batch, length = ops.shape(x)[0], ops.shape(x)[1]
        return ops.reshape(x, (batch, length, self.num_heads, self.head_dim))

    def project_query(self, query, rotation=None):
        """[batch, query_length, d_model] -> [batch, query_length, heads, head_dim], scaled, and
        turned by `rotation` where positions are rotary (see `rotary`)."""
        scaled = self.query_dense(query) * (1.0 / math.sqrt(self.head_dim))
        return rotate(self._split_heads(scaled), rotation)

    def project_memory(self, memory, rotation=None):
        """[batch, key_length, d_model] -> keys, values: [batch, key_length, heads, head_dim]; the
        keys are turned by `rotation`."""
        keys_and_values: Any = ops.split(self.key_value_dense(memory), 2, axis=-1)
        keys, values = keys_and_values
        return rotate(self._split_heads(keys), rotation), self._split_heads(values)

    def combine_heads(self, mixed):
        """[batch, query_length, heads, head_dim] -> [batch, query_length, d_model], heads mixed."""
        batch, length = ops.shape(mixed)[0], ops.shape(mixed)[1]
        return self.output_dense(ops.reshape(mixed, (batch, length, self.d_model)))

    def call(self, query, memory, mask, seeds=None, return_scores=False, rotation=None):
        """Attends from every position of `query` to the positions of `memory`.

        query [batch, query_length, d_model]; memory [batch, key_length, d_model]; mask bool
        broadcast to [batch, heads, query_length, key_length], True = may attend; seeds: a
        `SeedStream` while training; rotation: of the positions of query and memory, which are the
        same (see `rotary`).

        Returns [batch, query_length, d_model], and with `return_scores` also the attention scores
        float [batch, heads, query_length, key_length] (before dropout), which sum to 1 over the
        last axis.
        """
        q = self.project_query(query, rotation)
        k, v = self.project_memory(memory, rotation)
        scores = ops.einsum("bqhd,bkhd->bhqk", q, k) + masks.additive(mask, q.dtype)
        alpha = ops.softmax(scores, axis=-1)
        kept = randomness.dropout(alpha, self.dropout, seeds)
        output = self.combine_heads(ops.einsum("bhqk,bkhd->bqhd", kept, v))
        return (output, alpha) if return_scores else output

    def get_config(self):
        """The constructor's arguments."""
        config = super().get_config()
        return config | dict(d_model=self.d_model, num_heads=self.num_heads, dropout=self.dropout)
