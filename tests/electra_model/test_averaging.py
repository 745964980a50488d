import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_model import averaging
from electra_model.averaging import MovingAverage


def weights():
    with keras.name_scope("layer"):
        return [
            keras.Variable(np.array([1.0, 2.0], "float32"), name="kernel"),
            keras.Variable(np.array(3.0, "float32"), name="bias"),
        ]


def test_the_average_follows_the_weights():
    pair = weights()
    average = MovingAverage(pair, 0.5)
    update = tf.function(average.update, jit_compile=True)
    assert [one.path for one in average.variables] == [
        "moving_average/layer.kernel",
        "moving_average/layer.bias",
    ]
    expected = {"layer/kernel": np.array([1.0, 2.0]), "layer/bias": np.array(3.0)}
    for made in range(1, 21):
        for weight in pair:
            weight.assign(weight + 1.0)
        update(made)
        # Few updates have an average over few of them; from the eighth on the bound is above 0.5.
        decay = min(0.5, (1 + made) / (10 + made))
        for weight in pair:
            before = expected[weight.path]
            expected[weight.path] = decay * before + (1 - decay) * weight.numpy()
    found = average.tensors()
    assert found.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, rtol=1e-6)


def test_the_mean_of_snapshots():
    snapshots = [
        {"a": np.array([1.0, 4.0], "float32"), "b": np.array(2.0, "float32")},
        {"a": np.array([3.0, 8.0], "float32"), "b": np.array(4.0, "float32")},
    ]
    found = averaging.mean(snapshots)
    assert found["a"].tolist() == [2.0, 6.0] and float(found["b"]) == 3.0
    assert found["a"].dtype == np.float32


def test_weights_come_back_whatever_happens_inside():
    pair = weights()
    before = [weight.numpy().tobytes() for weight in pair]
    other = {"layer/kernel": np.array([7.0, 8.0]), "layer/bias": np.array(9.0)}
    with pytest.raises(ZeroDivisionError), averaging.in_place_of(pair, other):
        assert float(pair[1].numpy()) == 9.0
        raise ZeroDivisionError
    assert [weight.numpy().tobytes() for weight in pair] == before
