import numpy as np
import pytest
import tensorflow as tf

from electra_model.losses import replaced_token_loss, vocabulary_cross_entropy

RANDOM = np.random.default_rng(3)
HIDDEN = RANDOM.normal(size=(5, 4)).astype("float32")
TABLE = RANDOM.normal(size=(7, 4)).astype("float32")
BIAS = RANDOM.normal(size=7).astype("float32")
TARGETS = np.array([1, 6, 4, 4, 5], np.int32)  # three of them the likeliest
WEIGHTS = np.array([1.0, 0.5, 0.0, 2.0, 1.0], np.float32)


def log_softmax(logits):
    top = logits.max(axis=1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_equals_plain_numpy(smoothing):
    log_p = log_softmax(HIDDEN.astype("float64") @ TABLE.T + BIAS)
    nll = -log_p[np.arange(5), TARGETS]
    wanted = np.full((5, 7), smoothing / 7)
    wanted[np.arange(5), TARGETS] += 1 - smoothing
    losses = -(wanted * log_p).sum(axis=1)
    hits = log_p.argmax(axis=1) == TARGETS
    assert 0 < hits.sum() < 5
    found = vocabulary_cross_entropy(HIDDEN, TABLE, BIAS, TARGETS, WEIGHTS, smoothing)
    expected = [(losses * WEIGHTS).sum(), (nll * WEIGHTS).sum(), (hits * WEIGHTS).sum()]
    np.testing.assert_allclose([float(value) for value in found], expected, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("compiled", [False, True])
def test_gradient_equals_the_automatic_one_of_the_naive_formula(smoothing, compiled):
    inputs = [tf.Variable(value) for value in (HIDDEN, TABLE, BIAS)]

    def naive(hidden, table, bias):
        log_p = tf.nn.log_softmax(tf.matmul(hidden, table, transpose_b=True) + bias)
        wanted = (1 - smoothing) * tf.one_hot(TARGETS, 7) + smoothing / 7
        return -tf.reduce_sum(WEIGHTS[:, None] * wanted * log_p)

    def ours(hidden, table, bias):
        return vocabulary_cross_entropy(hidden, table, bias, TARGETS, WEIGHTS, smoothing)[0]

    def gradients(loss):
        # Times 3, to see that the gradient from above is passed on.
        with tf.GradientTape() as tape:
            value = 3.0 * loss(*inputs)
        return tape.gradient(value, inputs)

    run = tf.function(gradients, jit_compile=True, autograph=False) if compiled else gradients
    for found, expected in zip(run(ours), gradients(naive), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_only_the_loss_has_a_gradient():
    table = tf.Variable(TABLE)
    with tf.GradientTape() as tape:
        _, nll, hits = vocabulary_cross_entropy(HIDDEN, table, BIAS, TARGETS, WEIGHTS, 0.1)
        value = nll + hits
    assert not np.asarray(tape.gradient(value, table)).any()


def test_large_logits_stay_finite():
    found = vocabulary_cross_entropy(HIDDEN * 1e4, TABLE, BIAS, TARGETS, WEIGHTS)
    assert np.isfinite([float(value) for value in found]).all()


def test_label_smoothing_by_hand():
    # Even logits over 4 tokens: every wanted distribution costs ln 4.
    hidden, table, bias = np.zeros((1, 2)), np.zeros((4, 2)), np.zeros(4)
    arguments = [value.astype("float32") for value in (hidden, table, bias)]
    for smoothing in (0.0, 0.3):
        found = vocabulary_cross_entropy(
            *arguments, np.array([1], np.int32), np.ones(1, np.float32), smoothing
        )
        np.testing.assert_allclose(float(found[0]), np.log(4), rtol=1e-6)


def test_replaced_token_loss_by_hand():
    logits = np.array([[0.0, 2.0, -1.0, 5.0]], np.float32)
    labels = np.array([[1, 1, 0, 1]], np.int32)
    weights = np.array([[1.0, 1.0, 1.0, 0.0]], np.float32)
    expected = np.log(2) + np.log(1 + np.exp(-2)) + np.log(1 + np.exp(-1))
    found = float(replaced_token_loss(tf.constant(logits), labels, weights))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
