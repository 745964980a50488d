"""Shortlists in a search: see `shortlist`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from electra_model.scoring import BLOCK


class ShortlistLogits:
    """The logits of the sentences in the slots, each over its own list.

    never: tokens that have no probability. The state of the search has `rows` float32
    [n, embedding_dim] and `bias` float32 [n], of the pieces that any of the lists has, and `own`
    int32 [slots, LENGTH], where among them each slot's are.
    """

    OF_ALL_SLOTS = ("rows", "bias")

    def __init__(self, model, never):
        self.head = model.vocabulary_head
        self.table = tf.convert_to_tensor(model.target_embedding.table)
        size = model.target_vocab_size
        self.bias = self.head.bias + tf.reduce_sum(tf.one_hot(never, size, -1e9, 0.0), axis=0)

    def prepared(self, shortlist) -> dict[str, Any]:
        """What the state has for the lists int32 [slots, LENGTH]."""
        size = tf.shape(self.bias)[0]
        flat = tf.reshape(shortlist, [-1, 1])
        used = tf.scatter_nd(flat, tf.ones_like(flat[:, 0]), [size]) > 0
        numbers = tf.cast(tf.where(used)[:, 0], tf.int32)
        place = tf.cumsum(tf.cast(used, tf.int32)) - 1
        # In whole blocks, for a product computes what is left over in another way.
        count: Any = tf.shape(numbers)[0]
        filled = tf.pad(numbers, [[0, -count % BLOCK]])
        return {
            "rows": tf.gather(self.table, filled),
            "bias": tf.gather(self.bias, filled),
            "own": tf.gather(place, shortlist),
        }

    def __call__(self, hidden, state):
        """[slots, beam, d_model] -> [slots, beam, LENGTH]."""
        logits = self.head.compared(hidden, state["rows"], state["bias"])
        return tf.gather(logits, state["own"], axis=2, batch_dims=1)


def named(chosen, given):
    """int32 [slots, beam, k], places in the lists -> the tokens; as they are where there are no
    lists."""
    if "shortlist" not in given:
        return chosen
    return tf.gather(given["shortlist"], chosen, batch_dims=1)
