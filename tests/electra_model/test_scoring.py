import numpy as np
import pytest
import tensorflow as tf

from electra_model.scoring import LOWEST, length_penalties, length_penalty, likeliest, log, written


def test_length_penalty_by_hand():
    assert float(length_penalty(1, 0.7)) == pytest.approx(1.0)
    assert float(length_penalty(7, 1.0)) == pytest.approx(2.0)
    assert float(length_penalty(19, 0.5)) == pytest.approx(2.0)
    assert float(length_penalty(100, 0.0)) == 1.0


def test_penalties_of_all_lengths():
    found = np.asarray(length_penalties(9, 0.6))
    np.testing.assert_array_equal(found, length_penalty(np.arange(11), 0.6))


@pytest.mark.parametrize("size", [5, 64, 700, 1000])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_largest_are_those_of_the_whole_row(size, count):
    rows = np.random.default_rng(size).random((7, 3, size), np.float32)
    top, tokens = likeliest(tf.constant(rows), count)
    expected = tf.math.top_k(rows, k=count)
    np.testing.assert_array_equal(top, expected.values)
    np.testing.assert_array_equal(tokens, expected.indices)


def test_a_logarithm_has_the_same_bits_wherever_it_stands():
    rows = np.random.default_rng(1).random((9, 21), np.float32)
    rows[2, 3] = 0
    whole = np.asarray(log(tf.constant(rows)))
    np.testing.assert_allclose(whole[rows > 0], np.log(rows[rows > 0]), rtol=1e-6)
    assert whole[2, 3] == LOWEST
    for width in (1, 2, 5, 16, 17):
        np.testing.assert_array_equal(log(tf.constant(rows[:, :width])), whole[:, :width])


def test_tokens_are_written_where_each_slot_is():
    found = written(tf.zeros([2, 1, 4], tf.int32), tf.constant([1, 3]), tf.constant([[7], [8]]))
    assert np.asarray(found)[:, 0].tolist() == [[0, 7, 0, 0], [0, 0, 0, 8]]
