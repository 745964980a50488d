"""Greedy search: the likeliest token each time."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from electra_model.scoring import length_penalties, likeliest, log, written
from electra_model.shortlist_logits import named
from electra_model.tokenizer import BOS_ID, EOS_ID


class Greedy:
    """See `search.Search`. alpha: of the score; it changes no output. longest: most tokens of any
    output."""

    beam_size = 1

    def __init__(self, alpha: float, longest, min_length: int = 2):
        self.min_length = min_length
        self.penalties = length_penalties(longest, alpha)

    def start(self, slots, room) -> dict[str, Any]:
        """Of sentences of which nothing is written yet."""
        return {
            "tokens": tf.fill([slots, 1], BOS_ID),
            "output": tf.zeros([slots, 1, room], tf.int32),
            "total": tf.zeros([slots, 1]),
        }

    def advance(self, state, position, limit, predict, given) -> dict[str, Any]:
        """One step."""
        probabilities = self.predicted(state, predict)
        top, chosen = likeliest(probabilities, 2)
        chosen = named(chosen, given)
        early = tf.less(position, self.min_length - 1)[:, None]
        second = tf.logical_and(early, tf.equal(chosen[..., 0], EOS_ID))
        best = tf.where(second, chosen[..., 1], chosen[..., 0])
        probability = tf.where(second, top[..., 1], top[..., 0])
        return self.taken(state, position, limit, probabilities, best, probability)

    def predicted(self, state, predict):
        """Of the next token. One hypothesis has no others to descend from."""
        return predict(state["tokens"], state["output"], tf.zeros_like(state["output"]))

    def taken(self, state, position, limit, probabilities, token, probability) -> dict[str, Any]:
        """With a token int32 [slots, 1] of such a probability written; at the last position the
        end, for nothing else can come there."""
        last = tf.equal(position, limit - 1)[:, None]
        token = tf.where(last, EOS_ID, token)
        probability = tf.where(last, probabilities[..., EOS_ID], probability)
        return {
            "tokens": token,
            "output": written(state["output"], position, token),
            "total": state["total"] + log(probability),
        }

    def decided(self, state, position, limit):
        """The end is written."""
        del position, limit
        return tf.equal(state["tokens"][:, 0], EOS_ID)

    def outputs(self, state):
        """The one there is."""
        lengths = tf.reduce_sum(tf.cast(state["output"] != 0, tf.int32), axis=2)
        return state["output"], state["total"] / tf.gather(self.penalties, lengths)
