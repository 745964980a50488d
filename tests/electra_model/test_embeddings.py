import math

import numpy as np
import pytest

from electra_model.embeddings import (
    LearnedPositions,
    SinusoidalPositions,
    TokenEmbedding,
    position_encoding,
)
from electra_model.rotary import RotaryPositions


def test_sinusoidal_positions_by_hand():
    # Width 4: two frequencies, 1 and 1 / 100; sines first, cosines after them.
    vectors = np.asarray(SinusoidalPositions(4, max_length=3)(np.array([[0, 1, 2]])))
    expected = [
        [0.0, 0.0, 1.0, 1.0],
        [math.sin(1), math.sin(0.01), math.cos(1), math.cos(0.01)],
        [math.sin(2), math.sin(0.02), math.cos(2), math.cos(0.02)],
    ]
    np.testing.assert_allclose(vectors, [expected], atol=1e-6)


def test_sinusoidal_positions_learn_nothing_and_need_an_even_width():
    assert SinusoidalPositions(4).trainable_variables == []
    with pytest.raises(ValueError, match="even d_model: got 5"):
        SinusoidalPositions(5)


def test_learned_positions_are_rows_of_one_table():
    layer = LearnedPositions(2, max_length=3)
    layer.table.assign([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert np.asarray(layer(np.array([2, 0]))).tolist() == [[5.0, 6.0], [1.0, 2.0]]
    assert len(layer.trainable_variables) == 1


def test_token_embedding_scales_by_the_root_of_the_width():
    layer = TokenEmbedding(3, 4)
    layer.table.assign(np.arange(12).reshape(3, 4))
    vectors = np.asarray(layer(np.array([[2, 0]])))
    assert vectors.tolist() == [[[16.0, 18.0, 20.0, 22.0], [0.0, 2.0, 4.0, 6.0]]]
    plain = TokenEmbedding(3, 4, scaled=False)
    plain.table.assign(np.arange(12).reshape(3, 4))
    assert np.asarray(plain(np.array([1]))).tolist() == [[4.0, 5.0, 6.0, 7.0]]


def test_position_encodings_by_name_layer_and_callable():
    assert isinstance(position_encoding("sinusoidal", 4, 8, "p"), SinusoidalPositions)
    learned = position_encoding("learned", 4, 8, "p")
    assert isinstance(learned, LearnedPositions) and learned.table.shape == (8, 4)
    assert learned.name == "p"
    assert position_encoding(learned, 4, 8, "other") is learned
    assert position_encoding(abs, 4, 8, "p") is abs
    rotary = position_encoding("rotary", 4, 8, "p", head_dim=2)
    assert isinstance(rotary, RotaryPositions) and (rotary.head_dim, rotary.max_length) == (2, 8)
    with pytest.raises(ValueError, match="rotary positions need head_dim"):
        position_encoding("rotary", 4, 8, "p")


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("clock", "'clock'; known: learned, rotary, sinusoidal"),
        (7, "a name, a layer or a callable: got"),
    ],
)
def test_other_position_encodings_are_refused(encoding, message):
    with pytest.raises(ValueError, match=message):
        position_encoding(encoding, 4, 8, "p")


@pytest.mark.parametrize(
    "layer", [SinusoidalPositions(4, 9), LearnedPositions(4, 9), TokenEmbedding(9, 4, False)]
)
def test_config_makes_the_same_layer(layer):
    assert type(layer)(**layer.get_config()).get_config() == layer.get_config()
