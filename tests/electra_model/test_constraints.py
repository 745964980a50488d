import numpy as np
import tensorflow as tf

from electra_model import constraints

SIZE = 12


def test_tokens_that_would_repeat():
    output = np.array([[[5, 6, 7, 5, 6, 0, 0, 0]], [[5, 6, 7, 5, 6, 0, 0, 0]]], np.int32)
    # The second is but four tokens so far: 5 6 7 5.
    found = constraints.without_repeats(tf.constant(output), tf.constant([5, 4]), 3, SIZE)
    assert np.flatnonzero(np.asarray(found)[0, 0] == 0).tolist() == [7]
    assert np.flatnonzero(np.asarray(found)[1, 0] == 0).tolist() == []
    found = constraints.without_repeats(tf.constant(output), tf.constant([5, 4]), 2, SIZE)
    assert np.flatnonzero(np.asarray(found)[0, 0] == 0).tolist() == [7]
    assert np.flatnonzero(np.asarray(found)[1, 0] == 0).tolist() == [6]
    found = constraints.without_repeats(tf.constant(output), tf.constant([5, 0]), 1, SIZE)
    assert np.flatnonzero(np.asarray(found)[0, 0] == 0).tolist() == [5, 6, 7]
    assert np.asarray(found)[1, 0].all()


def test_repeats_by_definition():
    random = np.random.default_rng(0)
    output = random.integers(5, 8, size=(3, 2, 9)).astype("int32")
    for length in (1, 2, 3, 4):
        for position in range(9):
            at = tf.fill([3], position)
            found = np.asarray(constraints.without_repeats(tf.constant(output), at, length, SIZE))
            for slot in range(3):
                for beam in range(2):
                    text = output[slot, beam, :position].tolist()
                    there = {tuple(text[n : n + length]) for n in range(position - length + 1)}
                    tail = text[position - length + 1 :] if position >= length - 1 else None
                    for token in range(SIZE):
                        banned = tail is not None and (*tail, token) in there
                        assert found[slot, beam, token] == (0 if banned else 1)


def test_a_prefix_is_written_whatever_the_model_says():
    probabilities = np.full((3, 1, SIZE), 0.1, "float32")
    probabilities[0, 0, 7] = 0.0
    prefix = np.array([[7, 8], [9, 0], [0, 0]], np.int32)
    first = np.asarray(constraints.forced(probabilities, prefix, tf.constant([0, 0, 0])))
    assert np.flatnonzero(first[0, 0]).tolist() == [7]
    assert np.flatnonzero(first[1, 0]).tolist() == [9] and first[1, 0, 9] == np.float32(0.1)
    assert np.array_equal(first[2], probabilities[2])
    second = np.asarray(constraints.forced(probabilities, prefix, tf.constant([1, 1, 5])))
    assert np.flatnonzero(second[0, 0]).tolist() == [8]
    assert np.array_equal(second[1:], probabilities[1:])
