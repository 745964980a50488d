"""How likely given outputs are: the sum over a target of the log-probabilities of its tokens, each
given the source and the tokens before it."""

from typing import Any

import tensorflow as tf

from electra_model import xla
from electra_model.electra import Electra
from electra_model.tokenizer import BOS_ID, PAD_ID


def log_likelihoods(model: Electra, source, target):
    """source int32 [rows, source_length], target int32 [rows, target_length], end marks included,
    0 = padding -> float32 [rows], natural logarithms, no dropout and no smoothing."""
    logits: Any = model((source, shifted(target)))  # [rows, target_length, vocabulary]
    surprise = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=logits)
    return -tf.reduce_sum(tf.where(tf.not_equal(target, PAD_ID), surprise, 0.0), axis=1)


def shifted(target):
    """Given outputs int32 [rows, length] as the decoder reads them: behind the start token, and
    without the end mark, which is an output but never an input."""
    start = tf.fill([tf.shape(target)[0], 1], BOS_ID)
    before = tf.concat([start, target[:, :-1]], axis=1)
    return tf.where(tf.not_equal(target, PAD_ID), before, PAD_ID)


def compiled_log_likelihoods(model: Electra):
    """`log_likelihoods` of a model, compiled once for every pair of shapes."""
    ids = tf.TensorSpec([None, None], tf.int32)

    def run(source, target):
        return log_likelihoods(model, source, target)

    return xla.compiled(run, input_signature=[ids, ids])
