"""Cross-entropy over the vocabulary, with a hand-written gradient, and the discriminator's loss."""

from typing import Any

import tensorflow as tf


def vocabulary_cross_entropy(hidden, table, bias, targets, weights, label_smoothing=0.0):
    """Cross-entropy of softmax(hidden @ table^T + bias), and whether the best token is the target.

    hidden float [n, d]; table float [v, d]; bias float [v]; targets int32 [n]; weights float [n]
    (0 leaves a position out). Returns the weighted sums of the loss (with label smoothing, Szegedy
    et al. 2016, section 7), of the plain negative log-likelihood, and of the hits: three scalars.
    Gradients reach hidden, table and bias, through the first only.

    The gradient is written out because the automatic one scatters into a [n, v] array, which is the
    slowest thing in a training step on a CPU; here it is one fused pass and two products.
    """
    size = tf.cast(tf.shape(table)[0], hidden.dtype)

    @tf.custom_gradient
    def forward(hidden, table, bias):
        logits = tf.matmul(hidden, table, transpose_b=True) + bias  # [n, v]
        top = tf.reduce_max(logits, axis=1, keepdims=True)
        log_sum = tf.math.log(tf.reduce_sum(tf.exp(logits - top), axis=1, keepdims=True)) + top
        is_target = tf.equal(tf.range(tf.shape(table)[0])[None, :], targets[:, None])
        target_logit = tf.reduce_sum(tf.where(is_target, logits, 0.0), axis=1)
        nll = log_sum[:, 0] - target_logit
        even = log_sum[:, 0] - tf.reduce_mean(logits, axis=1)
        loss = (1.0 - label_smoothing) * nll + label_smoothing * even
        hits = tf.cast(target_logit >= top[:, 0], hidden.dtype)
        sums = tuple(tf.reduce_sum(weights * value) for value in (loss, nll, hits))

        def backward(d_loss, *_):
            hard = tf.cast(is_target, hidden.dtype)
            smooth = (1.0 - label_smoothing) * hard + label_smoothing / size
            d_logits = (tf.exp(logits - log_sum) - smooth) * (weights * d_loss)[:, None]
            return (
                tf.matmul(d_logits, table),
                tf.matmul(d_logits, hidden, transpose_a=True),
                tf.reduce_sum(d_logits, axis=0),
            )

        return sums, backward

    sums: Any = forward(hidden, table, bias)
    return sums


def replaced_token_loss(logits, labels, weights):
    """Binary cross-entropy of the discriminator (Clark et al. 2020, section 2).

    logits float, labels int (1 = replaced), weights float, all [batch, length]. Returns the
    weighted sum.
    """
    labels = tf.cast(labels, logits.dtype)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_sum(losses * weights)
