import math

import numpy as np
import pytest

from electra_model.rotary import RotaryPositions, rotate

DRAWS = np.random.default_rng(8)
X = DRAWS.normal(size=(2, 7, 3, 6)).astype("float32")


def angles(positions, head_dim=6, max_length=16):
    return RotaryPositions(head_dim, max_length)(np.asarray(positions))


def test_turned_by_hand():
    # Width 4: neighbours are pairs, turned by the position and by a hundredth of it.
    x = np.array([1.0, 0.0, 0.0, 1.0], np.float32).reshape(1, 1, 1, 4)
    turned = np.asarray(rotate(x, angles([[2]], head_dim=4)))
    expected = [math.cos(2), math.sin(2), -math.sin(0.02), math.cos(0.02)]
    np.testing.assert_allclose(turned.reshape(4), expected, atol=1e-6)


def test_products_depend_on_the_distance_alone():
    query, key = X[:1, :1], X[1:, :1]
    products = {}
    for at in range(8):
        for other in range(8):
            turned = np.asarray(rotate(query, angles([[at]])))
            product = (turned * np.asarray(rotate(key, angles([[other]])))).sum(axis=-1).ravel()
            products.setdefault(at - other, []).append(product)
    for equal in products.values():
        np.testing.assert_allclose(equal, np.broadcast_to(equal[0], np.shape(equal)), atol=1e-5)
    means = np.array([np.mean(equal, axis=0) for equal in products.values()])
    assert means.std(axis=0).min() > 0.05


def test_lengths_stay_and_position_0_is_not_turned():
    turned = np.asarray(rotate(X, angles([range(7)])))
    np.testing.assert_allclose((turned**2).sum(-1), (X**2).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(turned[:, 0], X[:, 0], atol=1e-6)
    assert abs(turned[:, 1:] - X[:, 1:]).max(axis=(1, 2, 3)).min() > 0.1


def test_each_row_may_have_positions_of_its_own():
    positions = np.array([[0, 1, 2, 0, 1, 2, 3], [0, 1, 2, 3, 4, 0, 1]])
    turned = np.asarray(rotate(X, angles(positions)))
    for row in range(2):
        alone = rotate(X[row : row + 1], angles(positions[row : row + 1]))
        np.testing.assert_allclose(turned[row], np.asarray(alone)[0], atol=1e-6)


def test_without_a_rotation_nothing_is_turned():
    assert rotate(X, None) is X


def test_it_learns_nothing_and_needs_an_even_width():
    layer = RotaryPositions(6, 9)
    assert layer.trainable_variables == []
    assert RotaryPositions(**layer.get_config()).get_config() == layer.get_config()
    with pytest.raises(ValueError, match="heads of even width .*: got width 3"):
        RotaryPositions(3)
