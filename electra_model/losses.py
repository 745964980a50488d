"""Cross-entropy over the vocabulary, with a hand-written gradient, and the discriminator's loss."""

from typing import Any

import tensorflow as tf

from electra_model.fusion import fused, into_product, product


def vocabulary_cross_entropy(hidden, table, bias, targets, weights, label_smoothing=0.0):
    """Cross-entropy of softmax(hidden @ table^T + bias), and whether the best token is the target.

    hidden float [n, d]; table float [v, d]; bias float [v]; targets int32 [n]; weights float [n]
    (0 leaves a position out). Returns the weighted sums of the loss (with label smoothing, Szegedy
    et al. 2016, section 7), of the plain negative log-likelihood, and of the hits: three scalars.
    Gradients reach hidden, table and bias, through the first only.

    The gradient is written out because the automatic one scatters into a [n, v] array, which is the
    slowest thing in a training step on a CPU; here it is one fused pass and two products.
    """

    @tf.custom_gradient
    def forward(hidden, table, bias):
        products = product(hidden, table, transposed=True)  # [n, v]
        smoothing = float(label_smoothing)
        *sums, log_sum = _sums(products, bias, targets, weights, smoothing=smoothing)

        def backward(d_loss, *_):
            d_logits, d_bias = _gradients(
                products, bias, targets, weights * d_loss, log_sum, smoothing=smoothing
            )
            d_hidden = product(d_logits, table)
            d_table = tf.matmul(d_logits, into_product(hidden), transpose_a=True)
            return tf.cast(d_hidden, hidden.dtype), tf.cast(d_table, table.dtype), d_bias

        return tuple(sums), backward

    sums: Any = forward(hidden, table, bias)
    return sums


@fused
def _sums(products, bias, targets, weights, *, smoothing):
    """Loss, negative log-likelihood and hits, and the logarithm of what the softmax divides by,
    float [n, 1]."""
    logits = tf.cast(products, bias.dtype) + bias
    top = tf.reduce_max(logits, axis=1, keepdims=True)
    log_sum = tf.math.log(tf.reduce_sum(tf.exp(logits - top), axis=1, keepdims=True)) + top
    target_logit = tf.reduce_sum(tf.where(_is_target(logits, targets), logits, 0.0), axis=1)
    nll = log_sum[:, 0] - target_logit
    even = log_sum[:, 0] - tf.reduce_mean(logits, axis=1)
    loss = (1.0 - smoothing) * nll + smoothing * even
    hits = tf.cast(target_logit >= top[:, 0], logits.dtype)
    return *(tf.reduce_sum(weights * value) for value in (loss, nll, hits)), log_sum


@fused
def _gradients(products, bias, targets, weights, log_sum, *, smoothing):
    """Of the logits [n, v], for products, and of the bias."""
    logits = tf.cast(products, bias.dtype) + bias
    hard = tf.cast(_is_target(logits, targets), logits.dtype)
    smooth = (1.0 - smoothing) * hard + smoothing / tf.cast(tf.shape(logits)[1], logits.dtype)
    d_logits = (tf.exp(logits - log_sum) - smooth) * weights[:, None]
    return into_product(d_logits), tf.reduce_sum(d_logits, axis=0)


def _is_target(logits, targets):
    return tf.equal(tf.range(tf.shape(logits)[1])[None, :], targets[:, None])


def replaced_token_loss(logits, labels, weights):
    """Binary cross-entropy of the discriminator (Clark et al. 2020, section 2).

    logits float, labels int (1 = replaced), weights float, all [batch, length]. Returns the
    weighted sum.
    """
    labels = tf.cast(labels, logits.dtype)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_sum(losses * weights)
