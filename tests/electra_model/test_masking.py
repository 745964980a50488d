import numpy as np
import pytest
import tensorflow as tf

from electra_model.masking import mask_tokens, scatter
from electra_model.randomness import SeedStream
from electra_model.tokenizer import FIRST_PIECE_ID, MASK_ID


def windows(rows=64, length=40):
    """Random windows with end marks inside and padding at the end."""
    random = np.random.default_rng(0)
    ids = random.integers(0, 30, size=(rows, length)).astype("int32")
    ids[::3, length // 2 :] = 0
    return ids


@pytest.fixture(scope="module")
def masked():
    ids = windows()
    return ids, mask_tokens(tf.constant(ids), 0.15, SeedStream(1))


def test_a_fixed_count_without_repetition(masked):
    _, result = masked
    positions = np.asarray(result.positions)
    assert positions.shape == result.targets.shape == result.weights.shape == (64, 6)  # 0.15 * 40
    assert all(len(set(row)) == 6 for row in positions.tolist())


def test_special_tokens_are_never_hidden(masked):
    ids, result = masked
    hidden = np.asarray(result.token_ids) == MASK_ID
    assert (ids[hidden & (ids != MASK_ID)] >= FIRST_PIECE_ID).all()
    assert np.asarray(result.targets)[np.asarray(result.weights) > 0].min() >= FIRST_PIECE_ID


def test_hidden_where_the_weight_is_1_and_nothing_else_changed(masked):
    ids, result = masked
    expected = ids.copy()
    for row, (positions, weights) in enumerate(
        zip(np.asarray(result.positions), np.asarray(result.weights), strict=True)
    ):
        assert set(weights.tolist()) <= {0.0, 1.0}
        expected[row, positions[weights > 0]] = MASK_ID
    assert np.array_equal(np.asarray(result.token_ids), expected)
    targets = np.take_along_axis(ids, np.asarray(result.positions), axis=1)
    assert np.array_equal(np.asarray(result.targets), targets)


def test_each_row_gives_its_share(masked):
    ids, result = masked
    ordinary = (ids >= FIRST_PIECE_ID).sum(axis=1)
    assert np.asarray(result.weights).sum(axis=1).tolist() == np.round(0.15 * ordinary).tolist()


def test_short_rows():
    ids = np.zeros((3, 20), np.int32)
    ids[0, :3] = [9, 8, 3]  # two ordinary tokens: one is hidden all the same
    ids[1, :1] = [3]  # none: nothing is
    ids[2, :] = 7
    result = mask_tokens(tf.constant(ids), 0.15, SeedStream(2))
    assert np.asarray(result.weights).sum(axis=1).tolist() == [1.0, 0.0, 3.0]
    assert (np.asarray(result.token_ids) == MASK_ID).sum(axis=1).tolist() == [1, 0, 3]
    assert np.asarray(result.token_ids)[1].tolist() == ids[1].tolist()


def test_every_position_is_hidden_as_often_as_the_others():
    ids = tf.fill([4000, 20], 9)
    hidden = np.asarray(mask_tokens(ids, 0.15, SeedStream(3)).token_ids) == MASK_ID
    np.testing.assert_allclose(hidden.mean(axis=0), 0.15, atol=0.025)


def test_the_seed_decides():
    ids = tf.constant(windows())
    first, again, other = (mask_tokens(ids, 0.15, SeedStream(n)).token_ids for n in (1, 1, 2))
    assert np.array_equal(np.asarray(first), np.asarray(again))
    assert not np.array_equal(np.asarray(first), np.asarray(other))


def test_the_length_must_be_known():
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def hide(ids):
        return mask_tokens(ids, 0.15, SeedStream(1)).token_ids

    with pytest.raises(ValueError, match="needs a fixed length"):
        hide(tf.zeros([1, 4], tf.int32))


def test_scatter_puts_values_at_their_places():
    placed = scatter(
        tf.constant([[5, 6, 7, 8], [9, 9, 9, 9]]),
        tf.constant([[3, 0], [1, 2]]),
        tf.constant([[50, 0], [60, 61]]),
    )
    assert np.asarray(placed).tolist() == [[0, 6, 7, 50], [9, 60, 61, 9]]
