import numpy as np
import tensorflow as tf

from electra_model.corruption import corrupt, sample_tokens
from electra_model.masking import Masked
from electra_model.randomness import SeedStream

ORIGINAL = tf.constant([[10, 11, 12, 13, 3, 0], [20, 21, 3, 0, 0, 0]])
MASKED = Masked(
    token_ids=tf.constant([[4, 11, 4, 13, 3, 0], [20, 4, 3, 0, 0, 0]]),
    positions=tf.constant([[2, 0], [1, 5]]),
    targets=tf.constant([[12, 10], [21, 0]]),
    weights=tf.constant([[1.0, 1.0], [1.0, 0.0]]),
)


def test_labels_only_where_a_token_changed():
    # Drawn right at position 2 of the first row; the last draw has no weight and is not used.
    corrupted, labels = corrupt(ORIGINAL, MASKED, tf.constant([[12, 19], [29, 25]]))
    assert np.asarray(corrupted).tolist() == [[19, 11, 12, 13, 3, 0], [20, 29, 3, 0, 0, 0]]
    assert np.asarray(labels).tolist() == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]


def test_a_generator_that_is_always_right_changes_nothing():
    corrupted, labels = corrupt(ORIGINAL, MASKED, MASKED.targets)
    assert np.array_equal(np.asarray(corrupted), np.asarray(ORIGINAL))
    assert np.asarray(labels).sum() == 0


def test_samples_follow_the_softmax_at_a_temperature():
    probabilities = np.array([0.6, 0.3, 0.1])
    logits = tf.tile(tf.constant(np.log(probabilities), tf.float32)[None], [20_000, 1])
    for temperature in (1.0, 2.0):
        expected = probabilities ** (1 / temperature)
        drawn = np.asarray(sample_tokens(logits, temperature, SeedStream(4)))
        shares = np.bincount(drawn, minlength=3) / 20_000
        np.testing.assert_allclose(shares, expected / expected.sum(), atol=0.015)


def test_an_impossible_token_is_never_drawn():
    logits = tf.tile(tf.constant([[0.0, -1e9]]), [100_000, 1])
    assert int(tf.reduce_max(sample_tokens(logits, 1.0, SeedStream(5)))) == 0


def test_no_gradient_passes_through_the_samples():
    logits = tf.Variable([[0.0, 1.0, 2.0]])
    with tf.GradientTape() as tape:
        sampled = tf.cast(sample_tokens(logits, 1.0, SeedStream(6)), tf.float32)
        loss = tf.reduce_sum(sampled * 3.0)
    assert tape.gradient(loss, logits) is None
