import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_model.config import ModelConfig, OptimizerConfig
from electra_model.electra import Electra
from electra_model.optimizer import apply_clipped, build_optimizer


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
    apply_clipped(optimizer, zeros, [kernel, bias], clip_norm=1.0)
    np.testing.assert_allclose(np.asarray(kernel), 10.0 * (1 - 0.1 * 0.5))
    np.testing.assert_allclose(np.asarray(bias), 10.0)


def test_of_a_whole_model_biases_and_norms_do_not_decay():
    sizes = ModelConfig(num_layers=1, num_decoder_layers=1, d_model=8, num_heads=2, dff=8)
    weights = Electra.from_config_and_vocabulary(sizes, 12).trainable_variables
    optimizer = build_optimizer(OptimizerConfig(learning_rate=0.1, weight_decay=0.5), weights)
    before = [np.array(weight.numpy()) + 1.0 for weight in weights]
    for weight, value in zip(weights, before, strict=True):
        weight.assign(value)
    apply_clipped(optimizer, [tf.zeros_like(weight.value) for weight in weights], weights, 1.0)
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
    norm = apply_clipped(optimizer, gradients, pair, clip_norm)
    assert float(norm) == pytest.approx(5.0), "the norm before it was bounded"
    moments = [v for v in optimizer.variables if "momentum" in v.path]
    found = [float(tf.reduce_max(v.value)) for v in moments]
    assert found == pytest.approx([0.3 * factor, 0.4 * factor])


def test_one_step_of_adam_by_hand():
    kernel, bias = variables()
    optimizer = build_optimizer(
        OptimizerConfig(learning_rate=0.1, weight_decay=0.0, epsilon=1e-9), [kernel, bias]
    )
    apply_clipped(optimizer, [tf.fill([2, 2], 0.3), tf.fill([2], -0.2)], [kernel, bias], 0.0)
    # The first step is the learning rate, against the sign of the gradient.
    np.testing.assert_allclose(np.asarray(kernel), 9.9, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(bias), 10.1, rtol=1e-5)
