import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_model.config import ModelConfig, OptimizerConfig
from electra_model.electra import Electra
from electra_model.optimizer import ClippedUpdate, balanced, build_optimizer


def variables():
    return [
        keras.Variable(np.full((2, 2), 10.0), name="kernel"),
        keras.Variable(np.full((2,), 10.0), name="bias"),
    ]


def test_matrices_decay_and_vectors_do_not():
    kernel, bias = variables()
    optimizer = build_optimizer(
        OptimizerConfig(learning_rate=0.1, weight_decay=0.5), [kernel, bias]
    )
    zeros = [tf.zeros_like(kernel.value), tf.zeros_like(bias.value)]
    ClippedUpdate(optimizer, [kernel, bias], clip_norm=1.0)([zeros])
    np.testing.assert_allclose(np.asarray(kernel), 10.0 * (1 - 0.1 * 0.5))
    np.testing.assert_allclose(np.asarray(bias), 10.0)


def test_of_a_whole_model_biases_and_norms_do_not_decay():
    sizes = ModelConfig(num_layers=1, num_decoder_layers=1, d_model=8, num_heads=2, dff=8)
    weights = Electra.from_config_and_vocabulary(sizes, 12).trainable_variables
    optimizer = build_optimizer(OptimizerConfig(learning_rate=0.1, weight_decay=0.5), weights)
    before = [np.array(weight.numpy()) + 1.0 for weight in weights]
    for weight, value in zip(weights, before, strict=True):
        weight.assign(value)
    zeros = [tf.zeros_like(weight.value) for weight in weights]
    ClippedUpdate(optimizer, weights, 1.0)([zeros])
    decayed = {
        weight.path.split("/")[-1]
        for weight, value in zip(weights, before, strict=True)
        if not np.array_equal(weight.numpy(), value)
    }
    assert decayed == {"kernel", "table"}
    assert {weight.path.split("/")[-1] for weight in weights} - decayed == {"bias", "gamma", "beta"}


@pytest.mark.parametrize(
    ("clip_norm", "factor"), [(1.0, 1 / 5), (0.0, 1.0), (50.0, 1.0), (2.5, 1 / 2)]
)
def test_gradients_are_scaled_to_the_bound(clip_norm, factor):
    # Of AdamW's state after one step the first moment is (1 - beta_1) times the gradient.
    pair = variables()
    optimizer = build_optimizer(OptimizerConfig(beta_1=0.9), pair)
    gradients = [tf.constant([[3.0, 0.0], [0.0, 0.0]]), tf.constant([0.0, 4.0])]
    norm, is_finite = ClippedUpdate(optimizer, pair, clip_norm)([gradients])
    assert is_finite
    assert float(norm) == pytest.approx(5.0), "the norm before it was bounded"
    moments = [v for v in optimizer.variables if "momentum" in v.path]
    found = [float(tf.reduce_max(v.value)) for v in moments]
    assert found == pytest.approx([0.3 * factor, 0.4 * factor])


def test_one_step_of_adam_by_hand():
    kernel, bias = variables()
    optimizer = build_optimizer(
        OptimizerConfig(learning_rate=0.1, weight_decay=0.0, epsilon=1e-9), [kernel, bias]
    )
    gradients = [tf.fill([2, 2], 0.3), tf.fill([2], -0.2)]
    ClippedUpdate(optimizer, [kernel, bias], 0.0)([gradients])
    # The first step is the learning rate, against the sign of the gradient.
    np.testing.assert_allclose(np.asarray(kernel), 9.9, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(bias), 10.1, rtol=1e-5)


def several(seed):
    """Weights of several shapes, and gradients of three updates in two addends."""
    draws = np.random.default_rng(seed)
    shapes = [(4, 3), (3,), (5, 5), (2,), (1, 7)]
    weights = [keras.Variable(draws.normal(size=shape), name="w") for shape in shapes]
    addends = draws.normal(size=(3, 2, sum(map(np.prod, shapes)))).astype("float32")
    cuts = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    gradients = [
        [
            [part.reshape(shape) for part, shape in zip(np.split(one, cuts), shapes, strict=True)]
            for one in update
        ]
        for update in addends
    ]
    return weights, gradients


@pytest.mark.parametrize("parts", [1, 2, 9])
def test_it_is_the_update_of_keras_in_any_number_of_parts(parts):
    (ours, gradients), (theirs, _) = several(3), several(3)
    config = OptimizerConfig(learning_rate=0.1, weight_decay=0.3)
    optimizer = build_optimizer(config, ours)
    peer = keras.optimizers.AdamW(
        0.1, 0.3, config.beta_1, config.beta_2, config.epsilon, global_clipnorm=1.5
    )
    peer.exclude_from_weight_decay(var_list=[one for one in theirs if len(one.shape) < 2])
    update = ClippedUpdate(optimizer, ours, 1.5, parts)
    for addends in gradients:
        update(addends, factor=0.5)
        peer.apply([tf.constant((a + b) * 0.5) for a, b in zip(*addends, strict=True)], theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations) == 3


@pytest.mark.parametrize("spoiled", ["a gradient", "the loss"])
def test_what_is_not_finite_changes_nothing(spoiled):
    weights, gradients = several(4)
    optimizer = build_optimizer(OptimizerConfig(learning_rate=0.1), weights)
    update = ClippedUpdate(optimizer, weights, 1.0, parts=2)
    update(gradients[0])
    before = [np.array(one.numpy()) for one in [*weights, *optimizer.variables]]
    loss = np.inf if spoiled == "the loss" else 1.0
    if spoiled == "a gradient":
        gradients[1][1][3][0] = np.nan
    assert not update(gradients[1], loss)[1]
    for one, value in zip([*weights, *optimizer.variables], before, strict=True):
        np.testing.assert_array_equal(one.numpy(), value)
    assert update(gradients[2])[1] and int(optimizer.iterations) == 2


def test_groups_are_of_about_the_same_size():
    groups = balanced([100, 1, 60, 50, 2, 3], 2)
    assert sorted(sum(groups, [])) == list(range(6))
    assert [sum([100, 1, 60, 50, 2, 3][one] for one in group) for group in groups] == [106, 110]
    assert balanced([5, 4], 8) == [[0], [1]] and balanced([], 3) == []
