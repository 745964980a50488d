"""The steps of both trainings: one update, and one pass over the validation split.

Each is traced once, by `compiled` here or for several devices by `replicas`; XLA compiles it, or
its parts (see `electra_model.fusion`), once for every bucket's shape.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from electra_model.averaging import MovingAverage
from electra_model.electra import Electra
from electra_model.fusion import WHOLE_PROGRAM, Computation, computing
from electra_model.losses import vocabulary_cross_entropy
from electra_model.optimizer import ClippedUpdate
from electra_model.pretraining import ReplacedTokenDetection
from electra_model.shares import WHOLE, Share

from .input_data import PairData

# Update n draws from the seed n behind that of the training: so far apart, that those of two
# trainings with different seeds do not meet, and low enough for 32 bits.
_SEED_STRIDE = 1_000_003
_HIGHEST_SEED = (1 << 31) - (1 << 28)


def first_seed(seed: int) -> int:
    """The seed of the first update of a training; each later one has the next."""
    return seed * _SEED_STRIDE % _HIGHEST_SEED


@dataclasses.dataclass(frozen=True)
class Step:
    """One update in two halves: what a share of the batch adds to it, and what becomes of all of
    them.

    Attributes:
      signature: of the arguments of `parts`; the update's number, or what goes with it, comes last.
      parts: the arguments, always of the whole batch -> the gradients of the share, and last the
        sums that `metrics` is made from. The parts of all shares, added up, are those of the batch.
      apply: the parts of each share -> the norm of the gradients; updates the weights.
      metrics: the sums of the batch -> name -> scalar.
      optimizer: whose learning rate is that of the update.
    """

    signature: list[Any]
    parts: Callable[..., list[Any]]
    apply: Callable[[Sequence[list[Any]]], Any]
    metrics: Callable[[Any], dict[str, Any]]
    optimizer: Any


def compiled(steps: Sequence[Step], computation: Computation = WHOLE_PROGRAM):
    """The whole update on one device: arguments of `Step.parts` -> metrics, all scalars. The steps
    are those of all shares of the batch, which are worked on side by side."""
    parts_of, told = halves(steps, computation)

    @tf.function(
        jit_compile=computation.jit_compile, autograph=False, input_signature=steps[0].signature
    )
    def update(*arguments):
        return told(parts_of(*arguments))

    return update


def compiled_adding(steps: Sequence[Step], computation: Computation = WHOLE_PROGRAM):
    """The same of steps that add up batches, with one more argument: whether it is the last of
    them, a bool scalar. Metrics are those so far."""
    signature = [*steps[0].signature, tf.TensorSpec([], tf.bool)]
    parts_of, told = halves(steps, computation)

    @tf.function(jit_compile=computation.jit_compile, autograph=False, input_signature=signature)
    def update(*arguments):
        *others, last = arguments
        shares = parts_of(*others)

        def not_yet():
            return {**steps[0].metrics(sums_of(shares)), "gradient_norm": 0.0}

        return tf.cond(last, lambda: told(shares), not_yet)

    return update


def halves(
    steps: Sequence[Step], computation: Computation
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The parts of each step, computed so, and what becomes of them: they are applied by the first
    step, and the metrics, all scalars, are returned. The second does not depend on the shape of the
    batch."""

    def of(step: Step):
        def parts_of(*arguments):
            with computing(computation):
                return step.parts(*arguments)

        return tf.function(parts_of, jit_compile=computation.jit_compile, autograph=False)

    each = [of(step) for step in steps]

    def told(shares):
        norm = steps[0].apply(shares)
        return {**steps[0].metrics(sums_of(shares)), "gradient_norm": norm}

    return (
        lambda *arguments: [parts_of(*arguments) for parts_of in each],
        tf.function(told, jit_compile=computation.jit_compile, autograph=False),
    )


def sums_of(shares: Sequence[list[Any]]):
    """What `Step.metrics` takes."""
    return tf.add_n([parts[-1] for parts in shares])


def pretraining_step(
    model: ReplacedTokenDetection, optimizer, length: int, share: Share = WHOLE
) -> Step:
    """Arguments: token_ids, segment_ids int32 [rows, length], step number."""
    ids = tf.TensorSpec([None, length], tf.int32)

    def losses_of(token_ids, segment_ids, number):
        seed = number + first_seed(model.pretrain.seed)
        return model.sums_of(share.rows(token_ids), share.rows(segment_ids), seed, share.index)

    return _window_step(model, optimizer, [ids, ids], losses_of, share)


def discriminator_step(
    model: ReplacedTokenDetection, optimizer, length: int, share: Share = WHOLE
) -> Step:
    """Arguments: token_ids, replaced_token_ids, segment_ids int32 [rows, length], step number. The
    discriminator alone, with replacements made beforehand."""
    ids = tf.TensorSpec([None, length], tf.int32)

    def losses_of(*windows_and_number):
        *windows, number = windows_and_number
        token_ids, replaced, segments = (share.rows(one) for one in windows)
        seed = number + first_seed(model.pretrain.seed)
        return model.sums_on(token_ids, replaced, segments, seed, share.index)

    return _window_step(model, optimizer, [ids, ids, ids], losses_of, share)


def _window_step(model: ReplacedTokenDetection, optimizer, ids, losses_of, share) -> Step:
    variables = model.trainable_variables
    names: list[str] = []  # of the sums, in their order

    def parts(*arguments):
        with tf.GradientTape() as tape:
            sums = losses_of(*arguments)
            # A share's losses are divided by what all of them have.
            loss = model.output_of({**sums, **model.counts_of(arguments[0])}).loss
        names[:] = sums
        return [*_gradients(variables, tape, loss), tf.stack([sums[name] for name in names])]

    def output(sums):
        named = dict(zip(names, tf.unstack(sums), strict=True))
        return named, model.output_of(named)

    update = ClippedUpdate(optimizer, variables, model.pretrain.clip_norm, share.of)

    def apply(shares):
        loss = output(sums_of(shares))[1].loss
        return update([parts[:-1] for parts in shares], loss)[0]

    def metrics(sums):
        named, told = output(sums)
        return {**vars(told), "tokens": named["real"]}

    return Step([*ids, tf.TensorSpec([], tf.int32)], parts, apply, metrics, optimizer)


def training_step(
    model: Electra,
    optimizer,
    label_smoothing: float,
    clip_norm: float,
    *,
    packed: bool = False,
    variables: Sequence[Any] | None = None,
    average: MovingAverage | None = None,
    share: Share = WHOLE,
) -> Step:
    """Arguments: source, shifted, target int32 [rows, length], step number; of packed pairs also
    the segments of source and target, before the number.

    `variables`: those that are trained, by default all of the model. `average` is kept up with each
    update.
    """
    trained = list(model.trainable_variables if variables is None else variables)
    ids = [tf.TensorSpec([None, None], tf.int32)] * (5 if packed else 3)

    def parts(*pairs_and_number):
        *pairs, number = pairs_and_number
        with tf.GradientTape() as tape:
            seed = number + first_seed(model.seed)
            sums = _sums(model, pairs, label_smoothing, seed, share)
            loss = sums[0] / tf.maximum(tf.reduce_sum(_weights(pairs[2])), 1.0)
        return [*_gradients(trained, tape, loss), tf.stack(sums)]

    apply = _applied(trained, optimizer, clip_norm, average, share)
    return Step([*ids, tf.TensorSpec([], tf.int32)], parts, apply, _means, optimizer)


def accumulating_step(
    model: Electra,
    optimizer,
    label_smoothing: float,
    clip_norm: float,
    *,
    packed: bool = False,
    variables: Sequence[Any] | None = None,
    average: MovingAverage | None = None,
    share: Share = WHOLE,
) -> Step:
    """As `training_step`, but several batches make one update. Arguments: those, with the number of
    the batch, and whether it is the first of its update, which clears what was added up before.

    Gradients are added up as sums over target tokens and divided by the number of all tokens in the
    end, so that the update is that of the joined batch. What is added up does not outlive the
    update.
    """
    trained = list(model.trainable_variables if variables is None else variables)
    added = [tf.Variable(tf.zeros_like(variable.value)) for variable in trained]
    totals = tf.Variable(tf.zeros([4]))
    ids = [tf.TensorSpec([None, None], tf.int32)] * (5 if packed else 3)
    number_and_first = [tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.bool)]

    def parts(*arguments):
        *pairs, number, first = arguments
        with tf.GradientTape() as tape:
            seed = number + first_seed(model.seed)
            sums = _sums(model, pairs, label_smoothing, seed, share)
        new = [*_gradients(trained, tape, sums[0]), tf.stack(sums)]
        for sofar, part in zip([*added, totals], new, strict=True):
            # Not by a factor: what is left of an update without finite gradients times 0 is none.
            sofar.assign(tf.where(first, part, sofar + part))
        return [tf.identity(sofar) for sofar in (*added, totals)]

    apply = _applied(trained, optimizer, clip_norm, average, share, by_tokens=True)
    return Step([*ids, *number_and_first], parts, apply, _means, optimizer)


def _means(sums) -> dict[str, Any]:
    loss, nll, hits, tokens = tf.unstack(sums)
    tokens = tf.maximum(tokens, 1.0)
    return {
        "loss": loss / tokens,
        "nll": nll / tokens,
        "accuracy": hits / tokens,
        "tokens": tokens,
    }


def _gradients(variables, tape, loss):
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    # Of a table that was looked up these are parts, several for a row that was looked up several
    # times: their norm, and the squares in Adam, would not be those of the sum.
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def _applied(variables, optimizer, clip_norm, average, share: Share, by_tokens=False):
    """`Step.apply` of pairs. by_tokens: the gradients are yet to be divided by the tokens. Where an
    update is left out, the averages, too, stay as they are."""
    update = ClippedUpdate(optimizer, variables, clip_norm, share.of)

    def averaged():
        average.update(optimizer.iterations)
        return 0

    def apply(shares):
        means = _means(sums_of(shares))
        factor = 1.0 / means["tokens"] if by_tokens else 1.0
        gradients = [parts[:-1] for parts in shares]
        norm, is_finite = update(gradients, means["loss"], factor)
        if average is not None:
            tf.cond(is_finite, averaged, lambda: 0)
        return norm

    return apply


def _sums(model, pairs, label_smoothing, seed, share: Share = WHOLE):
    """Of a share of the pairs: loss, negative log-likelihood and hits, each summed over the real
    targets, and their number."""
    source, shifted, target, *segments = (share.rows(one) for one in pairs)
    training = seed is not None
    hidden, _ = model.hidden(source, shifted, training, seed, *segments, part=share.index)
    flat = tf.reshape(model.vocabulary_head.vectors(hidden), [-1, model.embedding_dim])
    targets = tf.reshape(target, [-1])
    weights = _weights(targets)
    table, bias = model.target_embedding.table.value, model.vocabulary_head.bias.value
    sums = vocabulary_cross_entropy(flat, table, bias, targets, weights, label_smoothing)
    return [*sums, tf.reduce_sum(weights)]


def _weights(targets):
    return tf.cast(tf.not_equal(targets, 0), tf.float32)


def validation(
    data: PairData, model: Electra, computation: Computation = WHOLE_PROGRAM
) -> Callable[[], dict[str, float]]:
    """A function that gives loss, accuracy and perplexity over all of `data`, without smoothing."""
    ids = tf.TensorSpec([None, None], tf.int32)

    @tf.function(
        jit_compile=computation.jit_compile, autograph=False, input_signature=[ids, ids, ids]
    )
    def evaluate(source, shifted, target):
        with computing(computation):
            return _sums(model, (source, shifted, target), 0.0, None)[1:]

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
