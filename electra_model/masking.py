"""Which tokens are hidden from the generator (Clark et al. 2020, section 2: 15 % of them)."""

import dataclasses
from typing import Any

import tensorflow as tf

from electra_model import randomness
from electra_model.tokenizer import FIRST_PIECE_ID, MASK_ID


@dataclasses.dataclass(frozen=True)
class Masked:
    """A batch with tokens hidden; `count` is the same for every row, so that shapes are fixed.

    Attributes:
      token_ids: int32 [batch, length], chosen positions replaced by the mask token.
      positions: int32 [batch, count], chosen positions, without repetition.
      targets: int32 [batch, count], the tokens that stood there.
      weights: float32 [batch, count], 1 where the token was hidden; 0 beyond a row's own share.
    """

    token_ids: Any
    positions: Any
    targets: Any
    weights: Any


def mask_tokens(token_ids, mask_fraction, seeds):
    """token_ids int32 [batch, length] (0 = padding), seeds: a `SeedStream` -> `Masked`.

    Draws without replacement: the positions with the highest noise. A row of fewer ordinary tokens
    gets its own share of them, at least one; the rest of its `count` has weight 0.
    """
    length = token_ids.shape[1]
    if length is None:
        raise ValueError("mask_tokens needs a fixed length, to hide the same number in every row")
    count = _most_hidden(mask_fraction, length)
    shape = tf.shape(token_ids)
    noise: Any = randomness.uniform((shape[0], length), seeds.next())
    _, positions = tf.math.top_k(tf.where(_is_ordinary(token_ids), noise, -1.0), k=count)
    rank = tf.range(count, dtype=tf.float32)[None, :]
    chosen = rank < hidden_counts(token_ids, mask_fraction)[:, None]
    targets = tf.gather(token_ids, positions, batch_dims=1)
    replacement = tf.where(chosen, MASK_ID, targets)
    return Masked(
        scatter(token_ids, positions, replacement), positions, targets, tf.cast(chosen, tf.float32)
    )


def hidden_counts(token_ids, mask_fraction):
    """How many tokens `mask_tokens` hides in each row, whatever is drawn: float32 [batch]."""
    ordinary = tf.reduce_sum(tf.cast(_is_ordinary(token_ids), tf.float32), axis=1)
    share = tf.maximum(tf.round(mask_fraction * ordinary), 1.0)
    most = _most_hidden(mask_fraction, token_ids.shape[1])
    return tf.minimum(tf.minimum(share, ordinary), float(most))


def _most_hidden(mask_fraction, length):
    return max(1, int(mask_fraction * length + 0.5))


def _is_ordinary(token_ids):
    return token_ids >= FIRST_PIECE_ID  # special tokens are never hidden


def scatter(token_ids, positions, values):
    """Puts `values` at `positions` (both int32 [batch, count]) of token_ids int32 [batch, length].

    The positions of a row must differ.
    """
    hit = tf.equal(tf.range(token_ids.shape[1])[None, None, :], positions[:, :, None])
    placed = tf.reduce_sum(tf.where(hit, values[:, :, None], 0), axis=1)
    return tf.where(tf.reduce_any(hit, axis=1), placed, token_ids)
