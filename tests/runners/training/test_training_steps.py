import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from electra_model.averaging import MovingAverage
from electra_model.config import ModelConfig, TrainConfig
from electra_model.electra import Electra
from electra_model.fusion import Computation
from electra_model.optimizer import build_optimizer
from electra_model.shares import Share
from runners.training.pair_updates import without_encoder
from runners.training.training_steps import (
    accumulating_step,
    compiled,
    compiled_adding,
    first_seed,
    training_step,
)

SIZES = ModelConfig(
    num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=32, max_length=8
)
SOURCE = np.array([[5, 6, 3, 0], [7, 8, 9, 3]], np.int32)
SHIFTED = np.array([[2, 9, 0, 0], [2, 5, 6, 0]], np.int32)
TARGET = np.array([[9, 3, 0, 0], [5, 6, 3, 0]], np.int32)


def make(make_step=training_step, sizes=SIZES, seed=1):
    config = TrainConfig(steps=10)
    model = Electra.from_config_and_vocabulary(sizes, 12, seed=seed)
    optimizer = build_optimizer(config, model.trainable_variables)
    return model, optimizer, compiled([make_step(model, optimizer, 0.1, 1.0)])


def values(model, optimizer):
    variables = [*model.trainable_variables, *optimizer.variables]
    return [np.array(variable.numpy()) for variable in variables]


FACTORISED = dataclasses.replace(
    SIZES, embedding_dim=6, position_encoding="rotary", activation="swiglu"
)


@pytest.mark.parametrize(
    "sizes",
    [SIZES, pytest.param(FACTORISED, marks=pytest.mark.slow)],
    ids=["as wide", "factorised"],
)
@pytest.mark.slow
def test_an_update_changes_the_weights(sizes):
    model, optimizer, update = make(sizes=sizes)
    before = values(model, optimizer)
    metrics = update(SOURCE, SHIFTED, TARGET, 0)
    assert np.isfinite(float(metrics["loss"])) and float(metrics["tokens"]) == 5
    changed = [
        not np.array_equal(a, b) for a, b in zip(before, values(model, optimizer), strict=True)
    ]
    assert sum(changed) > len(changed) // 2


@pytest.mark.slow
def test_the_loss_of_factorised_embeddings_is_that_of_the_logits():
    model, _, update = make(sizes=dataclasses.replace(FACTORISED, dropout=0.0))
    logits = tf.cast(model((SOURCE, SHIFTED)), tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(TARGET, logits)
    expected = float(tf.reduce_sum(losses * (TARGET != 0)) / 5)
    assert float(update(SOURCE, SHIFTED, TARGET, 0)["nll"]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_an_update_that_is_not_finite_changes_nothing_at_all():
    """Neither weights nor moments nor the count of updates: momentum must not go on by itself."""
    model, optimizer, update = make()
    update(SOURCE, SHIFTED, TARGET, 0)
    table = model.embedding.table
    poisoned = np.array(table.numpy())
    poisoned[5, 0] = np.inf
    table.assign(poisoned)
    before = values(model, optimizer)
    metrics = update(SOURCE, SHIFTED, TARGET, 1)
    assert not np.isfinite(float(metrics["gradient_norm"]))
    for old, new in zip(before, values(model, optimizer), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_the_norm_is_that_of_sums_where_a_row_is_looked_up_again_and_again():
    """With a table for each side, so that the source's gets nothing but such parts."""
    sizes = dataclasses.replace(SIZES, dropout=0.0)
    model = Electra.from_config_and_vocabulary(sizes, 12, seed=1, target_vocabulary_size=12)
    assert model.embedding is not model.target_embedding
    optimizer = build_optimizer(TrainConfig(steps=10), model.trainable_variables)
    source = np.array([[5, 5, 5, 3], [5, 5, 5, 3]], np.int32)
    values = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        logits = tf.cast(model((source, SHIFTED), training=False), tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(TARGET, logits)
        loss = tf.reduce_sum(losses * (TARGET != 0)) / 5
    gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, values)]
    update = compiled([training_step(model, optimizer, 0.0, 1.0)])
    norm = float(update(source, SHIFTED, TARGET, 0)["gradient_norm"])
    assert norm == pytest.approx(float(tf.linalg.global_norm(gradients)), rel=1e-4)


# The same pairs, in one row.
PACKED = [
    np.array([row], np.int32)
    for row in (
        [5, 6, 3, 7, 8, 9, 3, 0],
        [2, 9, 2, 5, 6, 0, 0, 0],
        [9, 3, 5, 6, 3, 0, 0, 0],
        [1, 1, 1, 2, 2, 2, 2, 0],
        [1, 1, 2, 2, 2, 0, 0, 0],
    )
]


def test_packed_pairs_make_the_update_that_they_make_one_by_one():
    """With learned positions, whose table gets several gradients for each row."""
    sizes = dataclasses.replace(SIZES, dropout=0.0, position_encoding="learned")
    model, _, update = make(sizes=sizes)
    other, _, packed_update = make(functools.partial(training_step, packed=True), sizes)
    for number in range(3):
        expected = update(SOURCE, SHIFTED, TARGET, number)
        found = packed_update(*PACKED, number)
        assert float(found["tokens"]) == 5
        for name in ("loss", "nll", "accuracy", "gradient_norm"):
            assert float(found[name]) == pytest.approx(float(expected[name]), abs=1e-5)
    for variable, twin in zip(model.trainable_variables, other.trainable_variables, strict=True):
        # Attention does not depend on the bias of its keys, the first half. Its gradient is nothing
        # but rounding, of which Adam makes much.
        first = SIZES.d_model if variable.path.endswith("key_value/bias") else 0
        expected = variable.numpy()[first:]
        np.testing.assert_allclose(twin.numpy()[first:], expected, atol=1e-5)


def test_batches_that_are_added_up_make_the_update_of_all_their_pairs():
    """Rows of different numbers of tokens: every token counts the same. Then a batch that is
    not finite, which spoils its own update and no other."""
    sizes = dataclasses.replace(SIZES, dropout=0.0)
    model, optimizer, update = make(sizes=sizes)
    other = Electra.from_config_and_vocabulary(sizes, 12, seed=1)
    its_optimizer = build_optimizer(TrainConfig(steps=10), other.trainable_variables)
    average = MovingAverage(other.trainable_variables, 0.9)
    added = compiled_adding([accumulating_step(other, its_optimizer, 0.1, 1.0, average=average)])
    first = SOURCE[:1], SHIFTED[:1], TARGET[:1]
    second = SOURCE[1:], SHIFTED[1:], TARGET[1:]
    for number in range(2):
        expected = update(SOURCE, SHIFTED, TARGET, number)
        added(*first, 2 * number, True, False)
        found = added(*second, 2 * number + 1, False, True)
        assert float(found["tokens"]) == 5
        for name in ("loss", "nll", "accuracy", "gradient_norm"):
            assert float(found[name]) == pytest.approx(float(expected[name]), abs=1e-5)
    for variable, twin in zip(model.trainable_variables, other.trainable_variables, strict=True):
        rounding = SIZES.d_model if variable.path.endswith("key_value/bias") else 0
        expected = variable.numpy()[rounding:]
        np.testing.assert_allclose(twin.numpy()[rounding:], expected, atol=1e-5)

    table = other.embedding.table
    sound = np.array(table.numpy())
    before = values(other, its_optimizer) + [one.numpy() for one in average.variables]
    table.assign(np.full_like(sound, np.nan))
    added(*first, 4, True, False)
    table.assign(sound)
    assert not np.isfinite(float(added(*second, 5, False, True)["gradient_norm"]))
    after = values(other, its_optimizer) + [one.numpy() for one in average.variables]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    added(*first, 6, True, False)
    assert np.isfinite(float(added(*second, 7, False, True)["loss"]))
    assert not np.array_equal(table.numpy(), sound)
    assert added.experimental_get_tracing_count() == 1


def test_lanes_make_the_update_of_the_whole_batch():
    """With dropout, and an odd number of rows, which leaves a lane with padding."""
    ids = np.random.default_rng(1).integers(5, 12, (5, 8)).astype(np.int32)
    sizes = dataclasses.replace(SIZES, dropout=0.2)
    found = []
    for lanes in (1, 2):
        model = Electra.from_config_and_vocabulary(sizes, 12, seed=1)
        optimizer = build_optimizer(TrainConfig(steps=10), model.trainable_variables)
        shares = [Share(lane, lanes) for lane in range(lanes)]
        steps = [training_step(model, optimizer, 0.1, 1.0, share=share) for share in shares]
        update = compiled(steps, Computation(fused=True))
        told = [update(ids, ids, ids, number) for number in range(3)]
        found.append([[float(value) for value in one.values()] for one in told])
        assert update.experimental_get_tracing_count() == 1
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


@pytest.mark.parametrize("target_size", [None, 12])
def test_what_a_frozen_encoder_leaves_to_be_trained(target_size):
    sizes = dataclasses.replace(SIZES, position_encoding="learned")
    model = Electra.from_config_and_vocabulary(sizes, 12, target_vocabulary_size=target_size)
    paths = {one.path for one in model.trainable_variables}
    left_out = paths - {one.path for one in without_encoder(model)}
    assert {path.split("/")[0] for path in left_out} == {
        *("encoder", "encoder_positions"),
        *(["embedding"] if target_size else []),
    }
    # The decoder's own norms, cross-attention and head are all there.
    assert not [path for path in left_out if path.startswith(("decoder", "vocabulary_head"))]


@pytest.mark.slow
def test_a_frozen_encoder_does_not_change_by_a_bit():
    model = Electra.from_config_and_vocabulary(SIZES, 12, seed=1)
    optimizer = build_optimizer(TrainConfig(weight_decay=0.1), model.trainable_variables)
    trained = without_encoder(model)
    update = compiled([training_step(model, optimizer, 0.1, 1.0, variables=trained)])
    before = {one.path: np.array(one.numpy()) for one in model.trainable_variables}
    metrics = update(SOURCE, SHIFTED, TARGET, 0)
    assert np.isfinite(float(metrics["gradient_norm"]))
    free = {one.path for one in trained}
    for variable in model.trainable_variables:
        same = np.array_equal(before[variable.path], variable.numpy())
        assert same or variable.path in free
    assert not np.array_equal(before["embedding/table"], model.embedding.table.numpy())


def test_seeds_of_any_size_fit_into_32_bits():
    seeds = [first_seed(seed) for seed in (0, 1, 12345, 2**31 - 1)]
    assert seeds[:2] == [0, 1_000_003] and len(set(seeds)) == 4
    assert all(int(tf.constant(seed + 10**8, tf.int32)) > 0 for seed in seeds)
