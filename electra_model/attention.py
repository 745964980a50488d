"""Multi-head attention (Vaswani et al. 2017, section 3.2.2), with its scores on request.

Per head, the output at a position is S = sum_i alpha_i * s_i: alpha_i is the attention score of
position i and s_i the value that position i offers. `call` can return alpha; `project_memory` gives
s. A linear layer then mixes the heads.
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from electra_model import masks, randomness
from electra_model.fusion import (
    biased,
    dense_product,
    fused,
    in_whole_vectors,
    into_product,
    is_alike,
    is_fused,
)
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

    def project_query(self, query, rotation=None, heads_first=False):
        """[batch, query_length, d_model] -> [batch, query_length, heads, head_dim], scaled, and
        turned by `rotation` where positions are rotary (see `rotary`); with `heads_first` as the
        operands of matrix products are, [batch, heads, query_length, head_dim]."""
        return _queries(
            *(*dense_product(self.query_dense, query), *(rotation or (None, None))),
            heads=self.num_heads,
            heads_first=heads_first,
        )

    def project_memory(self, memory, rotation=None, heads_first=False):
        """[batch, key_length, d_model] -> keys, values: [batch, key_length, heads, head_dim]; the
        keys are turned by `rotation`. `heads_first` as in `project_query`."""
        return _keys_and_values(
            *(*dense_product(self.key_value_dense, memory), *(rotation or (None, None))),
            heads=self.num_heads,
            heads_first=heads_first,
        )

    def combine_heads(self, mixed):
        """[batch, query_length, heads, head_dim] -> [batch, query_length, d_model], heads mixed,
        and the bias if it is yet to be added."""
        batch, length = ops.shape(mixed)[0], ops.shape(mixed)[1]
        joined = ops.reshape(mixed, (batch, length, self.d_model))
        return dense_product(self.output_dense, joined)

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
        combined, bias, alpha = self.attend(query, memory, mask, seeds, rotation)
        output = biased(combined, bias)
        return (output, alpha) if return_scores else output

    def attend(self, query, memory, mask, seeds=None, rotation=None):
        """As `call`, and always with the scores; before these, the last bias if it is yet to be
        added."""
        q = self.project_query(query, rotation, heads_first=True)
        k, v = self.project_memory(memory, rotation, heads_first=True)
        return self.mix(q, k, v, mask, seeds)

    def mix(self, query, keys, values, mask, seeds=None):
        """As `attend`, over what is projected already, heads first: [batch, heads, length,
        head_dim]."""
        products = tf.matmul(query, keys, transpose_b=True)
        alpha, kept = weights(products, mask, *randomness.draw(self.dropout, seeds))
        mixed = tf.transpose(tf.matmul(kept, values), [0, 2, 1, 3])
        return *self.combine_heads(mixed), alpha

    def get_config(self):
        """The constructor's arguments."""
        config = super().get_config()
        return config | dict(d_model=self.d_model, num_heads=self.num_heads, dropout=self.dropout)


@fused
def _queries(projected, bias, cosines, sines, *, heads, heads_first):
    scaled = biased(projected, bias) * (1.0 / math.sqrt(projected.shape[-1] // heads))
    return into_product(_heads(scaled, cosines, sines, heads, heads_first))


@fused
def _keys_and_values(projected, bias, cosines, sines, *, heads, heads_first):
    both: Any = ops.split(biased(projected, bias), 2, axis=-1)
    keys, values = both
    return (
        into_product(_heads(keys, cosines, sines, heads, heads_first)),
        into_product(_heads(values, None, None, heads, heads_first)),
    )


def _heads(x, cosines, sines, heads, heads_first):
    """[batch, length, d_model] -> by heads, turned."""
    batch, length = ops.shape(x)[0], ops.shape(x)[1]
    split = ops.reshape(x, (batch, length, heads, x.shape[-1] // heads))
    turned = rotate(split, None if cosines is None else (cosines, sines))
    return ops.transpose(turned, (0, 2, 1, 3)) if heads_first else turned


def weights(products, mask, rate=0.0, seed=None):
    """Products of queries and keys float [batch, heads, query_length, key_length] -> the scores,
    each row of which sums to 1, and what dropout leaves of them.

    Where parts are fused, TensorFlow's own softmax is several times as fast as XLA's. It is kept
    for the gradient, which is written out; it reaches `products` through the second result only.
    """

    def forward(products):
        alpha = _softmax(_masked(products, mask))
        return alpha, alpha if seed is None else _kept(alpha, seed, rate=rate)

    if not is_fused():
        return forward(products)

    @tf.custom_gradient
    def run(products):
        alpha, kept = forward(products)

        def gradient(_, kept_gradient):
            return _gradient(alpha, kept_gradient, seed, rate=rate)

        return (alpha, kept), gradient

    found: Any = run(products)
    return found


def _softmax(scores):
    if not is_alike():
        return tf.nn.softmax(scores, axis=-1)
    found: Any = tf.nn.softmax(in_whole_vectors(scores, -2e9))
    return found[..., : tf.shape(scores)[-1]]


@fused
def _masked(products, mask):
    return products + masks.additive(mask, products.dtype)


@fused
def _kept(alpha, seed, *, rate):
    return randomness.dropped(alpha, rate, seed)


@fused
def _gradient(alpha, kept_gradient, seed, *, rate):
    """Of the products, through dropout and softmax."""
    alpha_32 = tf.cast(alpha, tf.float32)
    passed = randomness.dropped(tf.cast(kept_gradient, tf.float32), rate, seed)
    weighed = alpha_32 * passed
    total = tf.reduce_sum(weighed, axis=-1, keepdims=True)
    return tf.cast(weighed - alpha_32 * total, alpha.dtype)
