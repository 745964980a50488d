"""The compiled steps of both trainings: one update, and one pass over the validation split.

Each is traced once; XLA compiles it once for every bucket's shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from electra_model.averaging import MovingAverage
from electra_model.electra import Electra
from electra_model.losses import vocabulary_cross_entropy
from electra_model.optimizer import apply_clipped
from electra_model.pretraining import ReplacedTokenDetection

from .input_data import PairData

# Update n draws from the seed n behind that of the training: so far apart, that those of two
# trainings with different seeds do not meet, and low enough for 32 bits.
_SEED_STRIDE = 1_000_003
_HIGHEST_SEED = (1 << 31) - (1 << 28)


def first_seed(seed: int) -> int:
    """The seed of the first update of a training; each later one has the next."""
    return seed * _SEED_STRIDE % _HIGHEST_SEED


def pretraining_step(model: ReplacedTokenDetection, optimizer, length: int):
    """update(token_ids, segment_ids int32 [rows, length], step number) -> metrics, all scalars."""
    ids = tf.TensorSpec([None, length], tf.int32)

    @tf.function(
        jit_compile=True, autograph=False, input_signature=[ids, ids, tf.TensorSpec([], tf.int32)]
    )
    def update(token_ids, segment_ids, number):
        with tf.GradientTape() as tape:
            output = model.losses_of(
                token_ids, segment_ids, number + first_seed(model.pretrain.seed)
            )
        norm = _update(
            model.trainable_variables, optimizer, tape, output.loss, model.pretrain.clip_norm
        )
        tokens = tf.reduce_sum(tf.cast(tf.not_equal(token_ids, 0), tf.float32))
        return {**vars(output), "gradient_norm": norm, "tokens": tokens}

    return update


def discriminator_step(model: ReplacedTokenDetection, optimizer, length: int):
    """update(token_ids, replaced_token_ids, segment_ids int32 [rows, length], step number) ->
    metrics, all scalars: the discriminator alone, with replacements made beforehand."""
    ids = tf.TensorSpec([None, length], tf.int32)

    @tf.function(
        jit_compile=True,
        autograph=False,
        input_signature=[ids, ids, ids, tf.TensorSpec([], tf.int32)],
    )
    def update(token_ids, replaced_token_ids, segment_ids, number):
        seed = number + first_seed(model.pretrain.seed)
        with tf.GradientTape() as tape:
            output = model.losses_on(token_ids, replaced_token_ids, segment_ids, seed)
        norm = _update(
            model.trainable_variables, optimizer, tape, output.loss, model.pretrain.clip_norm
        )
        tokens = tf.reduce_sum(tf.cast(tf.not_equal(token_ids, 0), tf.float32))
        return {**vars(output), "gradient_norm": norm, "tokens": tokens}

    return update


def training_step(
    model: Electra,
    optimizer,
    label_smoothing: float,
    clip_norm: float,
    *,
    packed: bool = False,
    variables: Sequence[Any] | None = None,
    average: MovingAverage | None = None,
):
    """update(source, shifted, target int32 [rows, length], step number) -> metrics, all scalars;
    of packed pairs also the segments of source and target, before the number.

    Traced once; XLA compiles it once for each bucket's shape. `variables`: those that are trained,
    by default all of the model. `average` is kept up with each update.
    """
    trained = list(model.trainable_variables if variables is None else variables)
    ids = [tf.TensorSpec([None, None], tf.int32)] * (5 if packed else 3)

    @tf.function(
        jit_compile=True, autograph=False, input_signature=[*ids, tf.TensorSpec([], tf.int32)]
    )
    def update(*pairs_and_number):
        source, shifted, target, *segments, number = pairs_and_number
        with tf.GradientTape() as tape:
            seed = number + first_seed(model.seed)
            sums, tokens = _sums(model, source, shifted, target, label_smoothing, seed, *segments)
            loss = sums[0] / tokens
        norm = _update(trained, optimizer, tape, loss, clip_norm, average)
        return {
            "loss": loss,
            "nll": sums[1] / tokens,
            "accuracy": sums[2] / tokens,
            "gradient_norm": norm,
            "tokens": tokens,
        }

    return update


def accumulating_step(
    model: Electra,
    optimizer,
    label_smoothing: float,
    clip_norm: float,
    *,
    packed: bool = False,
    variables: Sequence[Any] | None = None,
    average: MovingAverage | None = None,
):
    """update(source, shifted, target, batch number, first, last) -> metrics so far, all scalars.

    As `training_step`, but several batches make one update: the first of them clears what was
    added up before, the last (both bool scalars) applies it. Gradients are added up as sums over
    target tokens and divided by the number of all tokens in the end, so that the update is that of
    the joined batch. What is added up does not outlive the update.
    """
    trained = list(model.trainable_variables if variables is None else variables)
    added = [tf.Variable(tf.zeros_like(variable.value)) for variable in trained]
    totals = tf.Variable(tf.zeros([4]))
    ids = [tf.TensorSpec([None, None], tf.int32)] * (5 if packed else 3)
    flags = [tf.TensorSpec([], tf.bool)] * 2

    @tf.function(
        jit_compile=True,
        autograph=False,
        input_signature=[*ids, tf.TensorSpec([], tf.int32), *flags],
    )
    def update(*arguments):
        *pairs, number, first, last = arguments
        source, shifted, target, *segments = pairs
        with tf.GradientTape() as tape:
            seed = number + first_seed(model.seed)
            sums, tokens = _sums(model, source, shifted, target, label_smoothing, seed, *segments)
            loss = sums[0]
        parts = [*_gradients(trained, tape, loss), tf.stack([*sums, tokens])]
        for sofar, part in zip([*added, totals], parts, strict=True):
            # Not by a factor: what is left of an update without finite gradients times 0 is none.
            sofar.assign(tf.where(first, part, sofar + part))
        number_of_tokens = totals[3]
        loss = totals[0] / number_of_tokens

        def apply():
            gradients = [gradient / number_of_tokens for gradient in added]
            return _apply(trained, optimizer, gradients, loss, clip_norm, average)

        norm = tf.cond(last, apply, lambda: 0.0)
        return {
            "loss": loss,
            "nll": totals[1] / number_of_tokens,
            "accuracy": totals[2] / number_of_tokens,
            "gradient_norm": norm,
            "tokens": number_of_tokens,
        }

    return update


def _update(variables, optimizer, tape, loss, clip_norm, average=None):
    """Applies the gradients of `loss`; returns their norm."""
    return _apply(variables, optimizer, _gradients(variables, tape, loss), loss, clip_norm, average)


def _gradients(variables, tape, loss):
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    # Of a table that was looked up these are parts, several for a row that was looked up several
    # times: their norm, and the squares in Adam, would not be those of the sum.
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def _apply(variables, optimizer, gradients, loss, clip_norm, average):
    """Applies gradients; where one of them or the loss is not finite, nothing changes, the state of
    the optimizer and the averages included. Returns the norm of the gradients.
    """
    norm = tf.linalg.global_norm(gradients)

    def apply():
        apply_clipped(optimizer, gradients, variables, clip_norm)
        if average is not None:
            average.update(optimizer.iterations)
        return 0

    is_finite = tf.logical_and(tf.math.is_finite(norm), tf.math.is_finite(loss))
    tf.cond(is_finite, apply, lambda: 0)
    return norm


def _sums(model, source, shifted, target, label_smoothing, seed, *segments):
    """Loss, negative log-likelihood and hits, each summed over the real targets, and their number
    (at least 1)."""
    hidden, _ = model.hidden(source, shifted, seed is not None, seed, *segments)
    flat = tf.reshape(model.vocabulary_head.vectors(hidden), [-1, model.embedding_dim])
    targets = tf.reshape(target, [-1])
    weights = tf.cast(tf.not_equal(targets, 0), tf.float32)
    table, bias = model.target_embedding.table.value, model.vocabulary_head.bias.value
    sums = vocabulary_cross_entropy(flat, table, bias, targets, weights, label_smoothing)
    return sums, tf.maximum(tf.reduce_sum(weights), 1.0)


def validation(data: PairData, model: Electra) -> Callable[[], dict[str, float]]:
    """A function that gives loss, accuracy and perplexity over all of `data`, without smoothing."""
    ids = tf.TensorSpec([None, None], tf.int32)

    @tf.function(jit_compile=True, autograph=False, input_signature=[ids, ids, ids])
    def evaluate(source, shifted, target):
        sums, _ = _sums(model, source, shifted, target, 0.0, None)
        return sums[1], sums[2], tf.reduce_sum(tf.cast(tf.not_equal(target, 0), tf.float32))

    def validate() -> dict[str, float]:
        totals = [0.0, 0.0, 0.0]
        for number in range(data.plan.batches_per_epoch):
            values = evaluate(*data.arrays(data.plan.batch(number)))
            totals = [total + float(value) for total, value in zip(totals, values, strict=True)]
        loss = totals[0] / totals[2]
        return {
            "valid_loss": round(loss, 6),
            "valid_accuracy": round(totals[1] / totals[2], 6),
            "valid_perplexity": round(math.exp(min(loss, 50.0)), 4),
        }

    return validate
