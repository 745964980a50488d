"""Beam search: the likeliest hypotheses of each sentence side by side."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from electra_model.scoring import LOWEST, length_penalties, likeliest, log, written
from electra_model.shortlist_logits import named
from electra_model.tokenizer import BOS_ID, EOS_ID


class Beam:
    """See `search.Search`. Keeps the `beam_size` best unfinished hypotheses and the `n_best` best
    finished ones.

    A hypothesis ends only where its end is among the best candidates of the step, as many as the
    beam is wide. Were every end taken, the likeliest of all outputs would win, which is often a
    short one that says little (Stahlberg and Byrne 2019, On NMT Search Errors and Model Errors).

    A search is decided when no unfinished hypothesis can overtake: log-probabilities only fall, so
    the most that one can reach is its present sum under the largest penalty. That bound is exact
    for the best outputs.
    """

    def __init__(self, beam_size: int, alpha: float, longest, min_length: int = 2, n_best: int = 1):
        self.beam_size, self.min_length, self.n_best = beam_size, min_length, n_best
        self.penalties = length_penalties(longest, alpha)

    def start(self, slots, room) -> dict[str, Any]:
        """Of sentences of which nothing is written yet."""
        beam = self.beam_size
        empty = tf.zeros([slots, beam, room], tf.int32)
        # At first all hypotheses of a sentence are equal: only one counts.
        others = tf.fill([slots, beam - 1], LOWEST)
        return {
            "tokens": tf.fill([slots, beam], BOS_ID),
            "output": empty,
            "ancestors": empty,
            "alive": tf.concat([tf.zeros([slots, 1]), others], axis=1),
            "best": tf.zeros([slots, self.n_best, room], tf.int32),
            "scores": tf.fill([slots, self.n_best], 2.0 * LOWEST),
        }

    def advance(self, state, position, limit, predict, given) -> dict[str, Any]:
        """One step."""
        beam, slots = self.beam_size, tf.shape(position)[0]
        alive, output = state["alive"], state["output"]
        probabilities = predict(state["tokens"], output, state["ancestors"])
        # One more than the beam, for one of them may be the end.
        count = min(beam + 1, probabilities.shape[-1])
        top, chosen = likeliest(probabilities, count)
        chosen = named(chosen, given)

        # The best of each hypothesis hold the best of all.
        flat = [slots, beam * count]
        candidates = tf.reshape(log(top) + alive[:, :, None], flat)
        chosen = tf.reshape(chosen, flat)

        # Hypotheses that end here: is one of them among the best so far? At the last position all
        # of them end.
        ends = alive + log(probabilities[..., EOS_ID])
        worst = tf.math.top_k(candidates, k=beam).values[:, -1:]
        last = tf.equal(position, limit - 1)
        early = tf.logical_and(tf.less(position, self.min_length - 1), tf.logical_not(last))
        taken = tf.logical_or(ends >= worst, last[:, None])
        ends = tf.where(tf.logical_and(taken, tf.logical_not(early)[:, None]), ends, 2.0 * LOWEST)
        penalty = tf.gather(self.penalties, position + 1)[:, None]
        ended = written(output, position, tf.fill([slots, beam], EOS_ID))
        scores = tf.concat([state["scores"], ends / penalty], axis=1)
        scores, which = tf.math.top_k(scores, k=self.n_best)
        best = tf.gather(tf.concat([state["best"], ended], axis=1), which, batch_dims=1)

        # Hypotheses that go on.
        going = tf.where(tf.equal(chosen, EOS_ID), 2.0 * LOWEST, candidates)
        alive, where = tf.math.top_k(going, k=beam)
        parents = where // count
        tokens = tf.gather(chosen, where, batch_dims=1)
        output = written(tf.gather(output, parents, batch_dims=1), position, tokens)
        # What was computed at this position lies where the parent was.
        ancestors = tf.gather(state["ancestors"], parents, batch_dims=1)
        return {
            "tokens": tokens,
            "output": output,
            "ancestors": written(ancestors, position, parents),
            "alive": alive,
            "best": best,
            "scores": scores,
        }

    def decided(self, state, position, limit):
        """No unfinished hypothesis can overtake, or there is no room for one."""
        reachable = state["alive"][:, 0] / tf.gather(self.penalties, limit)
        return tf.logical_or(tf.equal(position, limit), reachable <= state["scores"][:, -1])

    def outputs(self, state):
        """The best finished ones."""
        return state["best"], state["scores"]
