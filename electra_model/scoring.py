"""How hypotheses are scored."""

from typing import Any

import tensorflow as tf

from electra_model.fusion import in_whole_vectors

LOWEST = -1e9
# Tokens of a block, see `likeliest`.
BLOCK = 64


def length_penalty(length, alpha: float):
    """((5 + length) / 6) ** alpha (Wu et al. 2016, section 7); length in tokens, end mark
    included."""
    return tf.pow((5.0 + tf.cast(length, tf.float32)) / 6.0, alpha)


def length_penalties(max_length, alpha: float):
    """float32 [max_length + 2]: of every length, so that one has the same bits wherever it is
    looked up."""
    return length_penalty(tf.range(max_length + 2), alpha)


def log(probabilities):
    """The natural logarithm, `LOWEST` where a probability is 0."""
    found: Any = tf.math.log(tf.maximum(in_whole_vectors(probabilities, 1.0), 1e-38))
    return tf.where(probabilities > 0, found[..., : tf.shape(probabilities)[-1]], LOWEST)


def written(output, position, tokens):
    """Puts tokens int32 [slots, beam] at the position int32 [slots] of output int32 [slots, beam,
    max_length]."""
    at = tf.equal(tf.range(tf.shape(output)[2])[None, :], position[:, None])
    return tf.where(at[:, None, :], tokens[:, :, None], output)


def likeliest(probabilities, count: int) -> tuple[Any, Any]:
    """float32 [slots, beam, vocabulary] -> the `count` largest of each row, falling, and int32,
    which tokens they are, both [slots, beam, count].

    The largest are in those blocks of the row that have the largest maxima: so most of a row is
    looked at by a fast reduction alone.
    """
    size = probabilities.shape[-1]
    blocks = -(-size // BLOCK)
    if blocks <= 2 * count:
        return tf.math.top_k(probabilities, k=count)
    slots, beam = tf.shape(probabilities)[0], tf.shape(probabilities)[1]
    if size % BLOCK:
        missing = blocks * BLOCK - size
        probabilities = tf.pad(probabilities, [[0, 0], [0, 0], [0, missing]], constant_values=-1.0)
    cut = tf.reshape(probabilities, [slots * beam, blocks, BLOCK])
    _, chosen = tf.math.top_k(tf.reduce_max(cut, axis=-1), k=count)
    inside = tf.reshape(tf.gather(cut, chosen, batch_dims=1), [slots * beam, count * BLOCK])
    top, where = tf.math.top_k(inside, k=count)
    tokens = tf.gather(chosen, where // BLOCK, batch_dims=1) * BLOCK + where % BLOCK
    return tf.reshape(top, [slots, beam, count]), tf.reshape(tokens, [slots, beam, count])
