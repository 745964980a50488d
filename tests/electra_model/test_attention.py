import numpy as np
import pytest
import tensorflow as tf

from electra_model.attention import MultiHeadAttention, weights
from electra_model.fusion import Computation, computing
from electra_model.initialization import initialize
from electra_model.randomness import SeedStream

D_MODEL, HEADS = 12, 3
RANDOM = np.random.default_rng(0)
QUERY = RANDOM.normal(size=(2, 4, D_MODEL)).astype("float32")
MEMORY = RANDOM.normal(size=(2, 5, D_MODEL)).astype("float32")
# The second memory has two padded positions.
REAL = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
MASK = REAL[:, None, None, :]


@pytest.fixture(scope="module")
def layer():
    attention = MultiHeadAttention(D_MODEL, HEADS, dropout=0.5, name="attention")
    attention.build()
    initialize(attention, seed=1)
    for dense in (attention.query_dense, attention.key_value_dense, attention.output_dense):
        dense.bias.assign(RANDOM.normal(size=dense.bias.shape))
    return attention


def softmax(x):
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def reference(layer, query, memory, real):
    """Attention sentence by sentence and head by head, over the real positions alone."""
    weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
    query_kernel, query_bias, kv_kernel, kv_bias, out_kernel, out_bias = weights
    width = D_MODEL // HEADS
    outputs = []
    for sentence, positions, mask in zip(query, memory, real, strict=True):
        q = sentence @ query_kernel + query_bias
        kv = positions[mask] @ kv_kernel + kv_bias
        heads = []
        for head in range(HEADS):
            columns = slice(head * width, (head + 1) * width)
            k, v = kv[:, :D_MODEL][:, columns], kv[:, D_MODEL:][:, columns]
            heads.append(softmax(q[:, columns] @ k.T / np.sqrt(width)) @ v)
        outputs.append(np.concatenate(heads, axis=1) @ out_kernel + out_bias)
    return np.array(outputs)


def test_equals_plain_numpy(layer):
    output = np.asarray(layer(QUERY, MEMORY, MASK))
    np.testing.assert_allclose(output, reference(layer, QUERY, MEMORY, REAL), atol=1e-5)


def test_output_is_the_sum_of_alpha_times_s(layer):
    output, alpha = layer(QUERY, MEMORY, MASK, return_scores=True)
    alpha = np.asarray(alpha)  # [batch, heads, query_length, key_length]
    s = np.asarray(layer.project_memory(MEMORY)[1])  # [batch, key_length, heads, head_dim]
    S = np.zeros((2, 4, HEADS, D_MODEL // HEADS))
    for i in range(5):
        S += alpha[:, :, :, i].transpose(0, 2, 1)[..., None] * s[:, None, i]
    kernel, bias = (np.asarray(weight) for weight in layer.output_dense.get_weights())
    np.testing.assert_allclose(output, S.reshape(2, 4, D_MODEL) @ kernel + bias, atol=1e-5)


def test_scores_sum_to_1_and_are_0_where_masked(layer):
    _, alpha = layer(QUERY, MEMORY, MASK, return_scores=True)
    alpha = np.asarray(alpha)
    assert alpha.shape == (2, HEADS, 4, 5)
    np.testing.assert_allclose(alpha.sum(axis=-1), 1.0, atol=1e-6)
    assert (alpha[1, :, :, 3:] == 0).all() and (alpha[0] > 0).all()


def test_what_is_masked_is_not_seen(layer):
    changed = MEMORY.copy()
    changed[1, 3:] = 100.0
    seen, still = layer(QUERY, MEMORY, MASK), layer(QUERY, changed, MASK)
    assert np.array_equal(np.asarray(seen), np.asarray(still))
    changed[1, 2] += 1.0
    assert abs(np.asarray(layer(QUERY, changed, MASK)) - np.asarray(still))[1].max() > 1e-3


def test_dropout_acts_in_training_only_and_leaves_the_scores_whole(layer):
    plain, alpha = layer(QUERY, MEMORY, MASK, return_scores=True)
    dropped, same_alpha = layer(QUERY, MEMORY, MASK, seeds=SeedStream(1), return_scores=True)
    again = layer(QUERY, MEMORY, MASK, seeds=SeedStream(1))
    assert abs(np.asarray(plain) - np.asarray(dropped)).max() > 1e-2
    assert np.array_equal(np.asarray(dropped), np.asarray(again))
    assert np.array_equal(np.asarray(alpha), np.asarray(same_alpha))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="multiple of num_heads: got 12 and 5"):
        MultiHeadAttention(12, 5)


def test_config_makes_the_same_layer(layer):
    again = MultiHeadAttention(**layer.get_config())
    assert (again.d_model, again.num_heads, again.dropout) == (D_MODEL, HEADS, 0.5)


@pytest.mark.parametrize("real", [1, 7, 16, 33, 40, 50])
def test_scores_do_not_depend_on_how_much_padding_follows(real):
    """To the last bit, where rows are to be alike."""
    products = np.random.default_rng(real).normal(size=(3, 2, 1, 80)).astype("float32")
    with computing(Computation(alike=True)):
        found = [
            np.asarray(weights(tf.constant(products[..., :width]), np.arange(width) < real)[0])
            for width in range(real, 80)
        ]
    for scores in found:
        assert np.array_equal(scores[..., :real], found[0]) and not scores[..., real:].any()
