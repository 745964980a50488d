"""Sampling: tokens drawn by their probabilities, the unlikely ones cut off.

temperature (Ackley et al. 1985), the k likeliest (Fan et al. 2018, section 5.1), or as many of the
likeliest as have a share p of the probability (Holtzman et al. 2020, section 3.1), or all of it. A
sentence brings its own random numbers, so that what is drawn for it depends on no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from electra_model.decoding import Sampling
from electra_model.greedy import Greedy
from electra_model.tokenizer import EOS_ID


class Sampled(Greedy):
    """See `search.Search`."""

    def __init__(self, sampling: Sampling, alpha: float, longest, min_length: int = 2):
        super().__init__(alpha, longest, min_length)
        self.sampling = sampling

    def advance(self, state, position, limit, predict, given) -> dict[str, Any]:
        """One step."""
        probabilities = self.predicted(state, predict)
        size = probabilities.shape[-1]
        # The scores are those of the model, whatever is drawn from.
        early = tf.reshape(tf.less(position, self.min_length - 1), [-1, 1, 1])
        ends = tf.equal(tf.range(size), EOS_ID)
        shares = tf.where(tf.logical_and(early, ends), 0.0, probabilities)
        count = min(self.sampling.top_k or size, size)
        top, chosen = tf.math.top_k(shares, k=count)
        # Relative to the likeliest, so that a low temperature does not make all of them 0.
        weights = tf.pow(top / tf.maximum(top[..., :1], 1e-38), 1.0 / self.sampling.temperature)
        share = weights / tf.reduce_sum(weights, axis=-1, keepdims=True)
        # Those before which less than p was reached; the likeliest always is one.
        before = tf.cumsum(share, axis=-1, exclusive=True)
        kept = tf.where(before < self.sampling.top_p, share, 0.0)
        reached = tf.cumsum(kept, axis=-1)
        draw = tf.reshape(tf.gather(given["draws"], position, batch_dims=1), [-1, 1, 1])
        place = tf.reduce_sum(tf.cast(reached <= draw * reached[..., -1:], tf.int32), axis=-1)
        place = tf.minimum(place, count - 1)
        token = tf.gather(chosen, place, axis=2, batch_dims=2)
        probability = tf.gather(probabilities, token, axis=2, batch_dims=2)
        return self.taken(state, position, limit, probabilities, token, probability)


def draws(texts: Sequence[str], seed: int, length: int) -> np.ndarray:
    """float32 [n, length] in [0, 1): the random numbers of each text, a function of the text and
    the seed."""
    found = np.empty((len(texts), length), np.float32)
    for row, text in zip(found, texts, strict=True):
        digest = hashlib.sha256(f"{seed}\n{text}".encode("utf-8", "surrogatepass")).digest()
        generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
        row[:] = generator.random(length, np.float32)
    return found
