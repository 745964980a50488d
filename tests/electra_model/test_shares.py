"""The shares of a batch give together what the batch gives as a whole, noise included."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from electra_model import randomness
from electra_model.config import ModelConfig, PretrainConfig
from electra_model.electra import Electra
from electra_model.pretraining import ReplacedTokenDetection
from electra_model.shares import WHOLE, Share

SIZES = ModelConfig(
    num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=32, dropout=0.2, max_length=12
)


def token_ids(rows, length=12):
    draws = np.random.default_rng(rows)
    ids = draws.integers(5, 30, (rows, length))
    ids[np.arange(length)[None, :] >= draws.integers(1, length + 1, (rows, 1))] = 0
    return tf.constant(ids, tf.int32)


def test_rows_are_cut_into_equal_shares_and_filled_up():
    batch = tf.constant([[1, 1], [2, 2], [3, 3], [4, 4], [5, 5]])
    cut = [Share(index, 2).rows(batch).numpy().tolist() for index in range(2)]
    assert cut == [[[1, 1], [2, 2], [3, 3]], [[4, 4], [5, 5], [0, 0]]]
    assert WHOLE.rows(batch) is batch
    assert [Share(i, 4).rows(batch[:2]).numpy()[:, 0].tolist() for i in range(4)] == [
        [1],
        [2],
        [0],
        [0],
    ]


def test_shares_are_of_fixed_shape_when_compiled():
    @tf.function(jit_compile=True, input_signature=[tf.TensorSpec([None, 3], tf.int32)])
    def second(batch):
        return Share(1, 2).rows(batch)

    assert second(tf.ones([5, 3], tf.int32)).shape == (3, 3)
    assert second(tf.ones([2, 3], tf.int32)).shape == (1, 3)


def test_noise_is_that_of_the_rows_of_the_whole_batch():
    whole = np.asarray(randomness.uniform((6, 4), randomness.SeedStream(3).next()))
    parts = []
    for part in range(3):
        seeds = randomness.SeedStream(3, part)
        parts.append(np.asarray(randomness.uniform((2, 4), seeds.next())))
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("generator", [True, False])
def test_pretraining_sums_add_up(generator):
    """Rows of all lengths, more than the shares divide evenly, with dropout."""
    model = ReplacedTokenDetection(SIZES, PretrainConfig(), 30, seed=1, generator=generator)
    ids = token_ids(rows=7)
    segments = tf.cast(ids != 0, tf.int32)
    others = [ids] if generator else [ids, tf.where(ids == 9, 10, ids)]
    sums_of = model.sums_of if generator else model.sums_on
    whole = sums_of(*others, segments, 5)
    parts = []
    for share in (Share(0, 2), Share(1, 2)):
        rows = [share.rows(one) for one in (*others, segments)]
        parts.append(sums_of(*rows, 5, share.index))
    assert whole.keys() == parts[0].keys()
    for name, value in whole.items():
        added = float(parts[0][name]) + float(parts[1][name])
        assert added == pytest.approx(float(value), rel=1e-5), name
    for name, value in model.counts_of(ids).items():
        assert float(value) == float(whole[name]), name
    # The shares differ, so that adding the wrong ones up would be seen.
    assert float(parts[0]["real"]) != float(parts[1]["real"])


def test_the_decoder_sees_the_same_dropout():
    sizes = dataclasses.replace(SIZES, position_encoding="learned")
    model = Electra.from_config_and_vocabulary(sizes, 30, seed=1)
    source, target = token_ids(rows=4), token_ids(rows=4)
    whole, _ = model.hidden(source, target, True, 7)
    second, _ = model.hidden(source[2:], target[2:], True, 7, part=1)
    first, _ = model.hidden(source[2:], target[2:], True, 7)
    np.testing.assert_allclose(second, whole[2:], atol=1e-5)
    assert not np.allclose(first, whole[2:], atol=1e-2)
