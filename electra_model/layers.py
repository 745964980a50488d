"""The encoder's and the decoder's block (Vaswani et al. 2017, section 3.1): residual sub-blocks.

norm="pre" normalises what goes into a sub-block, which trains without a long warm-up (Xiong et al.
2020); norm="post" normalises the sum after it, as first published.

`rotation`, where positions are rotary, is what `rotary` gives for the positions of x: queries and
keys of self-attention are turned by it. The memory has no place in the target's order, so attention
over it knows no positions.
"""

import keras
import tensorflow as tf
from keras import ops

from electra_model import randomness
from electra_model.attention import MultiHeadAttention
from electra_model.fusion import biased, dense_product, fused, into_product, is_alike, product

EPSILON = 1e-6
ACTIVATIONS = ("relu", "gelu", "swish", "swiglu")


def layer_norm(name, epsilon=EPSILON):
    """The normalisation that all parts of the model use; `normalized` applies it."""
    return keras.layers.LayerNormalization(epsilon=epsilon, name=name)


def normalized(norm, x, for_product=False):
    """float [..., width] -> the same shape (Ba et al. 2016). for_product: what comes of it goes
    into nothing but matrix products."""
    return _normalized(x, norm.gamma, norm.beta, epsilon=norm.epsilon, for_product=for_product)


@fused
def _normalized(x, gamma, beta, *, epsilon, for_product):
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    if is_alike():
        # TensorFlow computes the last few roots of a tensor in another way than the others: a root
        # for each number leaves none of them over.
        variance = variance + ops.zeros_like(gamma)
    scaled = centred * ops.rsqrt(variance + epsilon) * gamma + beta
    return into_product(scaled) if for_product else scaled


def linear(dense, x):
    """float [..., k] -> float32 [..., n]: a product and a bias."""
    return product(x, dense.kernel, bias=dense.bias)


class FeedForward(keras.layers.Layer):
    """`dff` wide, activation, back to `d_model`. [batch, length, d_model] -> the same shape.

    activation: "relu", "gelu" (Hendrycks and Gimpel 2016), "swish" (Ramachandran et al. 2017), or
    "swiglu": a second product `dff` wide, the gate, passes through swish and multiplies the first
    (Shazeer 2020, arXiv:2002.05202, section 2). That has half as many weights again as the others:
    the paper takes two thirds of their `dff` to make up for it.
    """

    def __init__(self, d_model, dff, activation="relu", dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}: got {activation!r}")
        self.d_model = d_model
        self.dff = dff
        self.activation = activation
        self.dropout = dropout
        self.inner_dense = keras.layers.Dense(dff, name="inner")
        self.outer_dense = keras.layers.Dense(d_model, name="outer")
        self.gate_dense = None
        if activation == "swiglu":
            self.gate_dense = keras.layers.Dense(dff, name="gate")

    def build(self, input_shape):
        """Creates the layers."""
        self.inner_dense.build((None, None, self.d_model))
        if self.gate_dense is not None:
            self.gate_dense.build((None, None, self.d_model))
        self.outer_dense.build((None, None, self.dff))
        self.built = True

    def call(self, x, seeds=None):
        """seeds: a `SeedStream` while training."""
        return biased(*self.feed(x, seeds))

    def feed(self, x, seeds=None):
        """As `call`, and the last bias if it is yet to be added."""
        gate, gate_bias = None, None
        if self.gate_dense is not None:
            gate, gate_bias = dense_product(self.gate_dense, x)
        rate, seed = randomness.draw(self.dropout, seeds)
        inner = _activated(
            *dense_product(self.inner_dense, x),
            gate,
            gate_bias,
            seed,
            activation=self.activation,
            rate=rate,
        )
        return dense_product(self.outer_dense, inner)

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | dict(
            d_model=self.d_model, dff=self.dff, activation=self.activation, dropout=self.dropout
        )


@fused
def _activated(inner, bias, gate, gate_bias, seed, *, activation, rate):
    inner = biased(inner, bias)
    if gate is not None:
        inner = ops.silu(biased(gate, gate_bias)) * inner
    elif activation == "relu":
        inner = ops.relu(inner)
    elif activation == "swish":
        inner = ops.silu(inner)
    else:
        inner = ops.gelu(inner, approximate=False)
    return into_product(randomness.dropped(inner, rate, seed))


@fused
def _added(x, output, bias, seed, *, rate):
    output = ops.cast(output, x.dtype)
    if bias is not None:
        output = output + bias
    return x + randomness.dropped(output, rate, seed)


class _Block(keras.layers.Layer):
    """What encoder and decoder blocks share: the settings and the residual connection."""

    def __init__(
        self,
        d_model,
        num_heads,
        dff,
        dropout=0.1,
        activation="relu",
        norm="pre",
        norm_epsilon=EPSILON,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if norm not in ("pre", "post"):
            raise ValueError(f"norm is 'pre' or 'post': got {norm!r}")
        self.d_model = d_model
        self.num_heads = num_heads
        self.dff = dff
        self.dropout = dropout
        self.activation = activation
        self.norm = norm
        self.norm_epsilon = norm_epsilon
        self.self_attention = MultiHeadAttention(d_model, num_heads, dropout, name="self_attention")
        self.self_attention_norm = layer_norm("self_attention_norm", norm_epsilon)
        self.feed_forward = FeedForward(d_model, dff, activation, dropout, name="feed_forward")
        self.feed_forward_norm = layer_norm("feed_forward_norm", norm_epsilon)

    def before(self, norm, x):
        """What goes into a sub-block."""
        return normalized(norm, x, for_product=True) if self.norm == "pre" else x

    def after(self, norm, x, output, seeds, bias=None):
        """The residual sum that comes out of a sub-block. bias: what its output still lacks."""
        rate, seed = randomness.draw(self.dropout, seeds)
        total = _added(x, output, bias, seed, rate=rate)
        return total if self.norm == "pre" else normalized(norm, total)

    def attend(self, attention, norm, x, memory, mask, seeds, rotation=None):
        """A sub-block of attention, over `memory` or without one over x itself: the residual sum,
        and the scores."""
        query = self.before(norm, x)
        output, bias, scores = attention.attend(
            query, query if memory is None else memory, mask, seeds, rotation
        )
        return self.after(norm, x, output, seeds, bias), scores

    def feed(self, x, seeds=None):
        """The feed-forward sub-block. [batch, length, d_model] -> the same shape."""
        norm = self.feed_forward_norm
        output, bias = self.feed_forward.feed(self.before(norm, x), seeds)
        return self.after(norm, x, output, seeds, bias)

    def build(self, *_, **__):
        """Creates all weights; every width is d_model."""
        shape = (None, None, self.d_model)
        for layer in (self.self_attention_norm, self.feed_forward, self.feed_forward_norm):
            layer.build(shape)
        self.self_attention.build(shape)
        self.built = True

    def get_config(self):
        """The constructor's arguments."""
        return super().get_config() | dict(
            d_model=self.d_model,
            num_heads=self.num_heads,
            dff=self.dff,
            dropout=self.dropout,
            activation=self.activation,
            norm=self.norm,
            norm_epsilon=self.norm_epsilon,
        )


class EncoderBlock(_Block):
    """Self-attention and feed-forward.

    x [batch, length, d_model]; mask bool broadcast to [batch, heads, length, length], True = may
    attend. Returns [batch, length, d_model], and with `return_scores` the attention scores too.
    Padded positions are computed but never attended to.
    """

    def call(self, x, mask, seeds=None, return_scores=False, rotation=None):
        """seeds: a `SeedStream` while training."""
        x, scores = self.attend(
            *(self.self_attention, self.self_attention_norm), *(x, None, mask, seeds, rotation)
        )
        x = self.feed(x, seeds)
        return (x, scores) if return_scores else x


class DecoderBlock(_Block):
    """Causal self-attention, attention over the encoder's output (the memory), feed-forward.

    x [batch, target_length, d_model]; memory [batch, source_length, d_model]; mask and memory_mask
    as in `EncoderBlock`. Returns [batch, target_length, d_model], and with `return_scores` the
    scores of both attentions.
    """

    def __init__(
        self,
        d_model,
        num_heads,
        dff,
        dropout=0.1,
        activation="relu",
        norm="pre",
        norm_epsilon=EPSILON,
        **kwargs,
    ):
        super().__init__(d_model, num_heads, dff, dropout, activation, norm, norm_epsilon, **kwargs)
        self.cross_attention = MultiHeadAttention(
            d_model, num_heads, dropout, name="cross_attention"
        )
        self.cross_attention_norm = layer_norm("cross_attention_norm", norm_epsilon)

    def build(self, *_, **__):
        """Creates all weights."""
        self.cross_attention.build((None, None, self.d_model))
        self.cross_attention_norm.build((None, None, self.d_model))
        super().build()

    def call(self, x, memory, mask, memory_mask, seeds=None, return_scores=False, rotation=None):
        """seeds: a `SeedStream` while training."""
        x, self_scores = self.attend(
            *(self.self_attention, self.self_attention_norm), *(x, None, mask, seeds, rotation)
        )
        x, cross_scores = self.attend(
            *(self.cross_attention, self.cross_attention_norm), *(x, memory, memory_mask, seeds)
        )
        x = self.feed(x, seeds)
        return (x, self_scores, cross_scores) if return_scores else x

    def step(self, x, position, cache, memory_cache, seen, memory_mask, rotation=None):
        """One position of several hypotheses of each sentence; the cache holds the earlier ones,
        each where it was written, whichever hypothesis goes on from it.

        Args:
          x: [batch, beam, d_model].
          position: int [batch], of each sentence.
          cache: keys and values as `empty_cache` makes them.
          memory_cache: keys and values of the memory, each [batch, heads, source_length, head_dim],
            shared by the hypotheses.
          seen: bool [batch, 1, beam, max_length * beam]: of the places of the cache, position by
            position, those that a hypothesis goes on from; its own at this position too.
          memory_mask: bool [batch, 1, 1, source_length].
          rotation: of this position; the keys in the cache are turned already.

        Returns x [batch, beam, d_model] and the cache with this position filled in.
        """
        norm, attention = self.self_attention_norm, self.self_attention
        normed = self.before(norm, x)
        query = attention.project_query(normed, rotation, heads_first=True)
        new = attention.project_memory(normed, rotation, heads_first=True)
        cache = [_written(part, one, position) for part, one in zip(cache, new, strict=True)]
        keys, values = (_places(part, query) for part in cache)
        attended, bias, _ = attention.mix(query, keys, values, seen)
        x = self.after(norm, x, attended, None, bias)
        norm, attention = self.cross_attention_norm, self.cross_attention
        query = attention.project_query(self.before(norm, x), heads_first=True)
        keys, values = memory_cache
        attended, bias, _ = attention.mix(query, keys, values, memory_mask)
        x = self.after(norm, x, attended, None, bias)
        return self.feed(x), cache

    def empty_cache(self, batch, beam, max_length):
        """Keys and values, each zeros [batch * heads * max_length, beam * head_dim]: a row for
        every head of every position, so that a position is written without touching the others."""
        width = beam * self.self_attention.head_dim
        shape = [batch * self.num_heads * max_length, width]
        return [empty(shape, tf.float32) for _ in range(2)]


def empty(shape, dtype):
    """Zeros that are to be written in place: a tensor of its own, which no optimiser of graphs
    takes for another one or for a constant."""
    return tf.raw_ops.Empty(shape=shape, dtype=dtype, init=True)


def _written(cache, new, position):
    """Puts [batch, heads, beam, head_dim] at the position [batch] of such a cache, in place: nobody
    reads the cache as it was. (A scatter copies all of it in a loop, at ten times the cost.)"""
    batch, heads = ops.shape(new)[0], new.shape[1]
    length = ops.shape(cache)[0] // (batch * heads)
    rows = ops.reshape(ops.arange(batch * heads), (batch, heads)) * length + position[:, None]
    flat = ops.reshape(new, (batch * heads, cache.shape[1]))
    return tf.raw_ops.InplaceUpdate(x=cache, i=ops.reshape(rows, (-1,)), v=flat)


def _places(cache, query):
    """The cache as keys or values of every position and hypothesis: [batch, heads, max_length *
    beam, head_dim]."""
    batch, heads, _, head_dim = query.shape
    batch = ops.shape(query)[0] if batch is None else batch
    return ops.reshape(cache, (batch, heads, -1, head_dim))
