"""A model whose distributions are written down, for tests of the search."""

import math
import types
from typing import Any

import numpy as np
import tensorflow as tf

from electra_model.decoding import Decoding
from electra_model.search import search
from electra_model.tokenizer import EOS_ID

A, B, C = 5, 6, 7
SIZE = 8  # the five special ids and three tokens
LENGTH = 4
IMPOSSIBLE = -60.0


class TableModel:
    """A model of three tokens whose distributions are written down.

    Which table it reads is the first source token, less one; the row is all that came before, which
    it knows from its cache alone. So a cache that follows the wrong hypothesis gives wrong numbers.
    """

    target_vocab_size = SIZE

    def __init__(self, *tables):
        """tables: {prefix: {token: probability}}, a prefix being a tuple of tokens."""
        logits = np.full((len(tables), SIZE ** (LENGTH - 1), SIZE), IMPOSSIBLE, "float32")
        for number, table in enumerate(tables):
            for prefix, row in table.items():
                code = sum(token * SIZE**place for place, token in enumerate(prefix))
                for token, probability in row.items():
                    logits[number, code, token] = math.log(probability)
        self.logits_of = tf.constant(logits)
        self.decoder = types.SimpleNamespace(
            memory_cache=lambda memory: memory,
            empty_memory=lambda batch, length: [(tf.zeros([batch, 1, length, 1], tf.int32),)],
            empty_cache=lambda batch, beam, length: tf.zeros([batch * length, beam], tf.int32),
            step=self.step,
            wide_layers=list,
        )

    def encoder(self, source_ids):
        """The number of the table comes first, in place of a memory."""
        return [(source_ids[:, None, :, None],)]

    def step(self, tokens, position, cache, memory, ancestors, real):
        batch, beam, length = ancestors.shape
        rows = tf.range(batch) * length + position
        cache = tf.tensor_scatter_nd_update(cache, rows[:, None], tokens)
        written = tf.reshape(cache, [batch, 1, length, beam])
        steps, at = tf.range(length)[None, None, :], position[:, None, None]
        places = tf.where(steps == at, tf.range(beam)[None, :, None], ancestors)
        there = tf.one_hot(places, beam, dtype=tf.int32)  # [batch, beam, length, beam]
        seen = tf.reduce_sum(written * there, axis=3) * tf.cast(steps <= at, tf.int32)
        # Position 0 holds the start mark; what follows it is the prefix.
        # There may be room for more than the tables know.
        places = SIZE ** tf.range(LENGTH - 1)[None, None, :]
        code = tf.reduce_sum(seen[:, :, 1:LENGTH] * places, axis=2)
        ((numbers,),) = memory
        logits = tf.gather(self.logits_of, tf.maximum(numbers[:, 0, 0, 0] - 1, 0))
        return tf.gather(logits, code, batch_dims=1), cache

    def logits_in_loops(self, never):
        """What `step` gave is the logits already."""
        lowered = np.where(np.isin(np.arange(SIZE), never), -1e9, 0.0).astype("float32")
        return lambda hidden: hidden + lowered


# Greedy takes A (0.6) and is left with 0.6 * 0.4 = 0.24; B and the end mark have 0.4 * 0.9 = 0.36.
GARDEN_PATH = {
    (): {A: 0.6, B: 0.4},
    (A,): {EOS_ID: 0.4, A: 0.3, B: 0.3},
    (B,): {EOS_ID: 0.9, A: 0.1},
    (A, A): {EOS_ID: 1.0},
    (A, B): {EOS_ID: 1.0},
    (B, A): {EOS_ID: 1.0},
}
# A: 0.55 * 0.6 = 0.33 in two tokens; B C: 0.45 * 0.8 * 0.88 = 0.3168 in three.
SHORT_OR_LONG = {
    (): {A: 0.55, B: 0.45},
    (A,): {EOS_ID: 0.6, C: 0.4},
    (B,): {C: 0.8, A: 0.2},
    (A, C): {EOS_ID: 0.5, C: 0.5},
    (B, C): {EOS_ID: 0.88, A: 0.12},
    (B, A): {EOS_ID: 1.0},
    (A, C, C): {EOS_ID: 1.0},
    (B, C, A): {EOS_ID: 1.0},
}


def run(model, sources, beam_size, alpha=0.0, max_length=LENGTH, n_best=1, best: Any = 0):
    source_ids = tf.constant([[source + 1] for source in sources])
    found = search(model, source_ids, Decoding(beam_size, alpha, n_best), max_length)
    return np.asarray(found.token_ids)[:, best].tolist(), np.asarray(found.scores)[:, best]
