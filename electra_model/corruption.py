"""The discriminator's input: the generator's samples in place of the hidden tokens.

Clark et al. 2020, section 2.
"""

import keras
import tensorflow as tf

from electra_model import randomness
from electra_model.fusion import fused
from electra_model.masking import Masked, scatter


def sample_tokens(logits, temperature, seeds):
    """logits float [..., vocabulary] -> int32 [...], drawn from softmax(logits / temperature).

    No gradient passes: the generator is trained by its own loss only, as published.
    """
    cooled = tf.stop_gradient(logits) / temperature
    return tf.stop_gradient(_sampled(cooled, seeds.next()))


@fused
def _sampled(logits, seed):
    noise = randomness.gumbel(keras.ops.shape(logits), seed)
    return tf.argmax(logits + noise, axis=-1, output_type=tf.int32)


def corrupt(token_ids, masked: Masked, sampled):
    """Puts the generator's draws in the place of the hidden tokens.

    token_ids int32 [batch, length], the original; sampled int32 [batch, count], the draws. Returns
    the corrupted ids and their labels, both int32 [batch, length]: 1 where a token differs from the
    original. A draw that equals the original counts as original, as in the paper.
    """
    kept = tf.where(masked.weights > 0.0, sampled, masked.targets)
    corrupted = scatter(token_ids, masked.positions, kept)
    return corrupted, tf.cast(tf.not_equal(corrupted, token_ids), tf.int32)
