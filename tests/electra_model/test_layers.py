import math

import numpy as np
import pytest

from electra_model.initialization import initialize
from electra_model.layers import DecoderBlock, EncoderBlock, FeedForward
from electra_model.randomness import SeedStream

D_MODEL = 8
RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(2, 3, D_MODEL)).astype("float32")
MEMORY = RANDOM.normal(size=(2, 4, D_MODEL)).astype("float32")
ALL = np.ones((2, 1, 1, 3), bool)
MEMORY_MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)[:, None, None, :]
CAUSAL = np.tril(np.ones((3, 3), bool))[None, None]


def built(layer, seed=0):
    layer.build((None, None, D_MODEL))
    initialize(layer, seed)
    return layer


def normed(x, epsilon=1e-6):
    x = np.asarray(x)
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)


def swish(x):
    return x / (1 + np.exp(-x))


@pytest.mark.parametrize("activation", ["relu", "gelu", "swish", "swiglu"])
def test_feed_forward_equals_plain_numpy(activation):
    layer = built(FeedForward(D_MODEL, 16, activation))
    for variable in layer.trainable_variables:  # biases too
        variable.assign(RANDOM.normal(size=variable.shape))
    inner_kernel, inner_bias, outer_kernel, outer_bias, *gate = layer.get_weights()
    inner = X @ inner_kernel + inner_bias
    if activation == "relu":
        inner = np.maximum(inner, 0)
    elif activation == "swish":
        inner = swish(inner)
    elif activation == "swiglu":  # Shazeer 2020, equation 6, with biases
        gate_kernel, gate_bias = gate
        inner = swish(X @ gate_kernel + gate_bias) * inner
    else:
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
    np.testing.assert_allclose(layer(X), inner @ outer_kernel + outer_bias, atol=1e-4)


def test_another_activation_is_refused():
    with pytest.raises(ValueError, match="relu, gelu, swish, swiglu: got 'tanh'"):
        FeedForward(D_MODEL, 16, "tanh")


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_encoder_block_is_two_residual_sub_blocks(norm):
    block = built(EncoderBlock(D_MODEL, 2, 16, norm=norm))
    if norm == "pre":
        attended = X + np.asarray(block.self_attention(normed(X), normed(X), ALL))
        expected = attended + np.asarray(block.feed_forward(normed(attended)))
    else:
        attended = normed(X + np.asarray(block.self_attention(X, X, ALL)))
        expected = normed(attended + np.asarray(block.feed_forward(attended)))
    np.testing.assert_allclose(block(X, ALL), expected, atol=1e-5)


def test_decoder_block_is_three_residual_sub_blocks():
    block = built(DecoderBlock(D_MODEL, 2, 16))
    x = X + np.asarray(block.self_attention(normed(X), normed(X), CAUSAL))
    x = x + np.asarray(block.cross_attention(normed(x), MEMORY, MEMORY_MASK))
    x = x + np.asarray(block.feed_forward(normed(x)))
    output, self_scores, cross_scores = block(X, MEMORY, CAUSAL, MEMORY_MASK, return_scores=True)
    np.testing.assert_allclose(output, x, atol=1e-5)
    assert self_scores.shape == (2, 2, 3, 3) and cross_scores.shape == (2, 2, 3, 4)
    assert (np.asarray(cross_scores)[1, :, :, 2:] == 0).all()


def test_blocks_without_output_pass_on_what_comes_in():
    block = built(DecoderBlock(D_MODEL, 2, 16))
    for dense in (
        block.self_attention.output_dense,
        block.cross_attention.output_dense,
        block.feed_forward.outer_dense,
    ):
        dense.kernel.assign(np.zeros(dense.kernel.shape))
    assert np.array_equal(np.asarray(block(X, MEMORY, CAUSAL, MEMORY_MASK)), X)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_step_equals_its_position_of_the_whole(norm):
    block = built(DecoderBlock(D_MODEL, 2, 16, norm=norm))
    whole = np.asarray(block(X, MEMORY, CAUSAL, MEMORY_MASK))
    cache = block.empty_cache(2, 1, 5)
    memory_cache = block.cross_attention.project_memory(MEMORY, heads_first=True)
    for position in range(3):
        output, cache = block.step(
            X[:, position : position + 1],
            np.array([position, position]),
            cache,
            memory_cache,
            (np.arange(5) <= position)[None, None, None],
            MEMORY_MASK,
        )
        np.testing.assert_allclose(np.asarray(output)[:, 0], whole[:, position], atol=1e-5)


def test_dropout_follows_the_seed():
    block = built(EncoderBlock(D_MODEL, 2, 16, dropout=0.5))
    first, again, other = (np.asarray(block(X, ALL, seeds=SeedStream(n))) for n in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="'pre' or 'post': got 'middle'"):
        EncoderBlock(8, 2, 16, norm="middle")


@pytest.mark.parametrize(
    "layer",
    [
        FeedForward(8, 16, "gelu", 0.2),
        EncoderBlock(8, 2, 16, 0.2, "gelu", "post"),
        DecoderBlock(8, 2, 16, 0.2, "gelu", "post"),
    ],
)
def test_config_makes_the_same_layer(layer):
    assert type(layer)(**layer.get_config()).get_config() == layer.get_config()
