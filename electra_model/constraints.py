"""What must not come next, or must."""

from __future__ import annotations

from typing import Any, TypedDict

import tensorflow as tf


class Given(TypedDict, total=False):
    """What belongs to each sentence besides its source.

    prefix: int32 [batch, length], tokens that its outputs begin with, 0 = padding at the end.
    draws: float32 [batch, max_length], uniform numbers in [0, 1) for `sampling`.
    shortlist: int32 [batch, shortlist.LENGTH], the tokens that its outputs may have.
    """

    prefix: Any
    draws: Any
    shortlist: Any


def without_repeats(output, position, length: int, vocabulary_size: Any):
    """Which tokens would not repeat `length` tokens of an output.

    output int32 [slots, beam, max_length], written up to before position int32 [slots] -> float32
    [slots, beam, vocabulary_size], 1 where a token may come and 0 where it would be the last of
    `length` tokens that stood there before in the same order.
    """
    slots, beam, room = (tf.shape(output)[axis] for axis in range(3))
    at = position[:, None, None]
    starts = tf.maximum(room - length + 1, 0)
    # Is what precedes the next token that which begins at each place?
    same = tf.fill([slots, beam, starts], True)
    for offset in range(length - 1):
        place = tf.maximum(position - (length - 1) + offset, 0)
        last = tf.gather(output, place, axis=2, batch_dims=1)[:, :, None]
        same = tf.logical_and(same, tf.equal(output[:, :, offset : offset + starts], last))
    whole = tf.range(starts)[None, None, :] + (length - 1) < at
    same = tf.logical_and(same, tf.logical_and(whole, at >= length - 1))
    followed = output[:, :, length - 1 : length - 1 + starts]
    place = tf.meshgrid(tf.range(slots), tf.range(beam), tf.range(starts), indexing="ij")
    index = tf.stack([place[0], place[1], followed], axis=-1)
    allowed = tf.ones([slots, beam, vocabulary_size])
    return tf.tensor_scatter_nd_min(allowed, index, tf.where(same, 0.0, 1.0))


def forced(probabilities, prefix, position):
    """Probabilities float32 [slots, beam, vocabulary] with 0 everywhere but at the token of the
    prefix int32 [slots, length] that belongs at the position int32 [slots]; as they are where the
    prefix is at its end."""
    inside = tf.minimum(position, tf.shape(prefix)[1] - 1)
    token = tf.gather(prefix, inside, batch_dims=1)
    token = tf.where(position < tf.shape(prefix)[1], token, 0)[:, None]
    only = tf.one_hot(token, tf.shape(probabilities)[2])
    # However unlikely the token is, it comes.
    least = tf.maximum(probabilities, 1e-37) * only
    return tf.where(tf.expand_dims(tf.equal(token, 0), -1), probabilities, least)
