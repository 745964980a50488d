"""Greedy and beam search over the decoder's step: static shapes, cached keys and values.

A sentence's result is a function of the sentence alone: shapes come from its own length bucket, and
a sentence whose search is decided is not changed by the steps that its neighbours still need.
"""

import dataclasses
from typing import Any

import tensorflow as tf

from electra_model import masks
from electra_model.tokenizer import BOS_ID, EOS_ID, MASK_ID, PAD_ID, UNK_ID

LOWEST = -1e9


@dataclasses.dataclass(frozen=True)
class Hypotheses:
    """The best output of each sentence.

    Attributes:
      token_ids: int32 [batch, max_length], ended by the end mark and padded with 0.
      scores: float32 [batch], log-probability divided by the length penalty.
    """

    token_ids: Any
    scores: Any


def target_limit(source_length: int, max_length: int) -> int:
    """Most tokens, end mark included, that a source of `source_length` tokens may become."""
    return min(max_length, source_length + source_length // 2 + 10)


def length_penalty(length, alpha: float):
    """((5 + length) / 6) ** alpha (Wu et al. 2016, section 7); length in tokens, end mark
    included."""
    return tf.pow((5.0 + tf.cast(length, tf.float32)) / 6.0, alpha)


def search(model, source_ids, *, beam_size: int, alpha: float, max_length: int) -> Hypotheses:
    """Searches the likeliest output of each source.

    source_ids int32 [batch, source_length], 0 = padding. beam_size 1 is greedy search. alpha >= 0:
    strength of the length penalty; 0 compares plain log-probabilities.
    """
    real = masks.padding_mask(source_ids)
    memory = model.encoder(source_ids)
    memory_cache = model.decoder.memory_cache(memory)
    batch = tf.shape(source_ids)[0]
    cache = model.decoder.empty_cache(batch, beam_size, max_length)
    # The start token, the unknown token and their like are never output.
    size = model.target_vocab_size
    never = tf.reduce_sum(tf.one_hot([PAD_ID, UNK_ID, BOS_ID, MASK_ID], size, LOWEST, 0.0), axis=0)
    empty = tf.one_hot(EOS_ID, size, LOWEST, 0.0)

    def log_probabilities(tokens, position, cache):
        """tokens int32 [batch, beam] -> float32 [batch, beam, vocabulary] for the next token."""
        hidden, cache = model.decoder.step(tokens, position, cache, memory_cache, real)
        scores = tf.nn.log_softmax(model.logits(hidden) + never)
        # Nor is an output without any token: a weak model would take that way out.
        return scores + tf.where(tf.equal(position, 0), empty, 0.0), cache

    if beam_size == 1:
        return _greedy(log_probabilities, cache, batch, alpha, max_length)
    return _beam(log_probabilities, cache, batch, beam_size, alpha, max_length)


def _greedy(log_probabilities, cache, batch, alpha, max_length):
    def unfinished(position, tokens, *_):
        alive = tf.reduce_any(tf.logical_and(tokens != EOS_ID, tokens != PAD_ID))
        return tf.logical_and(position < max_length, alive)

    def body(position, tokens, output, total, cache):
        scores, cache = log_probabilities(tokens, position, cache)
        # The last position can only end the sentence.
        scores = _end_at_last(scores, position, max_length)
        chosen = tf.argmax(scores, axis=-1, output_type=tf.int32)  # [batch, 1]
        alive = tf.logical_and(tokens != EOS_ID, tokens != PAD_ID)
        total += tf.where(alive, tf.reduce_max(scores, axis=-1), 0.0)
        tokens = tf.where(alive, chosen, PAD_ID)
        output = _write(output, position, tokens)
        return position + 1, tokens, output, total, cache

    start = tf.fill([batch, 1], BOS_ID)
    output = tf.zeros([batch, 1, max_length], tf.int32)
    state = (tf.constant(0), start, output, tf.zeros([batch, 1]), cache)
    _, _, output, total, _ = tf.while_loop(unfinished, body, state)
    token_ids = output[:, 0]
    lengths = tf.reduce_sum(tf.cast(token_ids != PAD_ID, tf.int32), axis=1)
    return Hypotheses(token_ids, total[:, 0] / length_penalty(lengths, alpha))


def _beam(log_probabilities, cache, batch, beam_size, alpha, max_length):
    """Keeps the `beam_size` best unfinished hypotheses and the best finished one.

    Stops when no unfinished hypothesis can overtake: log-probabilities only fall, so the most that
    one can reach is its present sum under the largest penalty. That bound is exact for the best
    output.
    """
    largest_penalty = length_penalty(max_length, alpha)

    def undecided(position, _tokens, _output, alive_scores, _best, best_score, _cache):
        reachable = tf.reduce_max(alive_scores, axis=1) / largest_penalty
        return tf.logical_and(position < max_length, tf.reduce_any(reachable > best_score))

    def body(position, tokens, output, alive_scores, best, best_score, cache):
        scores, cache = log_probabilities(tokens, position, cache)
        scores = _end_at_last(scores, position, max_length)
        scores += alive_scores[:, :, None]  # [batch, beam, vocabulary]
        size = scores.shape[-1]

        # Hypotheses that end here: is one of them the best so far?
        ended = scores[:, :, EOS_ID] / length_penalty(position + 1, alpha)  # [batch, beam]
        which = tf.argmax(ended, axis=1, output_type=tf.int32)
        ended_score = tf.reduce_max(ended, axis=1)
        ended_output = _write(
            tf.gather(output, which[:, None], batch_dims=1), position, tf.fill([batch, 1], EOS_ID)
        )[:, 0]
        better = ended_score > best_score
        best = tf.where(better[:, None], ended_output, best)
        best_score = tf.where(better, ended_score, best_score)

        # Hypotheses that go on.
        ends = tf.equal(tf.range(size), EOS_ID)
        going = tf.where(ends, 2.0 * LOWEST, scores)
        # The best `beam_size` of each hypothesis hold the best of all: two small selections beat
        # one over beam x vocabulary.
        top_scores, top_tokens = tf.math.top_k(going, k=beam_size)  # [batch, beam, beam]
        alive_scores, flat = tf.math.top_k(
            tf.reshape(top_scores, [batch, beam_size**2]), k=beam_size
        )
        parents = flat // beam_size
        tokens = tf.gather(tf.reshape(top_tokens, [batch, beam_size**2]), flat, batch_dims=1)
        output = _write(tf.gather(output, parents, batch_dims=1), position, tokens)
        cache = tf.nest.map_structure(lambda part: tf.gather(part, parents, batch_dims=1), cache)
        return position + 1, tokens, output, alive_scores, best, best_score, cache

    # At first all hypotheses of a sentence are equal: only one counts.
    first = tf.concat([tf.zeros([batch, 1]), tf.fill([batch, beam_size - 1], LOWEST)], axis=1)
    state = (
        tf.constant(0),
        tf.fill([batch, beam_size], BOS_ID),
        tf.zeros([batch, beam_size, max_length], tf.int32),
        first,
        tf.zeros([batch, max_length], tf.int32),
        tf.fill([batch], 2.0 * LOWEST),
        cache,
    )
    _, _, _, _, best, best_score, _ = tf.while_loop(undecided, body, state)
    return Hypotheses(best, best_score)


def _end_at_last(scores, position, max_length):
    """At the last position only the end mark is possible, so that every output ends."""
    last = tf.equal(position, max_length - 1)
    ends = tf.equal(tf.range(scores.shape[-1]), EOS_ID)
    return tf.where(tf.logical_and(last, tf.logical_not(ends)), LOWEST, scores)


def _write(output, position, tokens):
    """Puts tokens int32 [batch, beam] at `position` of output int32 [batch, beam, max_length]."""
    at = tf.equal(tf.range(tf.shape(output)[2]), position)
    return tf.where(at[None, None, :], tokens[:, :, None], output)
