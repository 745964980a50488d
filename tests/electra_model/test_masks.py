import numpy as np
from keras import ops

from electra_model import masks

# Rows of lengths 2, 4 and 3.
TOKEN_IDS = np.array([[7, 3, 0, 0], [5, 6, 9, 3], [8, 8, 3, 0]], np.int32)


def test_padding_mask_of_lengths_2_4_3():
    mask = np.asarray(masks.padding_mask(TOKEN_IDS))
    assert mask.dtype == bool
    assert mask.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]]


def test_attend_to_real_adds_heads_and_queries():
    mask = np.asarray(masks.attend_to_real(masks.padding_mask(TOKEN_IDS)))
    assert mask.shape == (3, 1, 1, 4)
    assert mask[0, 0, 0].astype(int).tolist() == [1, 1, 0, 0]
    assert mask[2, 0, 0].astype(int).tolist() == [1, 1, 1, 0]


def test_causal():
    mask = np.asarray(masks.causal(4))
    assert mask.shape == (1, 1, 4, 4)
    assert mask[0, 0].astype(int).tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
    ]


def test_causal_and_padding_of_lengths_2_4_3():
    real = masks.attend_to_real(masks.padding_mask(TOKEN_IDS))
    mask = np.asarray(ops.logical_and(masks.causal(4), real))
    assert mask[:, 0].astype(int).tolist() == [
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]],
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]],
    ]


def test_same_segment():
    mask = np.asarray(masks.same_segment(np.array([[1, 1, 2, 2, 0]], np.int32)))
    assert mask.shape == (1, 1, 5, 5)
    assert mask[0, 0].astype(int).tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]


def test_additive_is_finite_and_nothing_for_true():
    mask = np.array([True, False])
    assert np.asarray(masks.additive(mask, "float32")).tolist() == [0.0, -1e9]
    half = np.asarray(masks.additive(mask, "float16"))
    assert half[0] == 0 and np.isfinite(half[1]) and half[1] < -5e4


def test_a_row_without_any_true_gives_even_weights():
    scores = np.array([[3.0, -1.0, 0.5, 0.0]], np.float32)
    weights = ops.softmax(scores + masks.additive(np.zeros((1, 4), bool), "float32"))
    np.testing.assert_allclose(np.asarray(weights), [[0.25] * 4])


def test_same_segment_of_another_sequence():
    queries, keys = np.array([[1, 2, 2, 0]], np.int32), np.array([[1, 1, 2, 0, 0]], np.int32)
    mask = np.asarray(masks.same_segment(queries, keys))
    assert mask.shape == (1, 1, 4, 5)
    assert mask[0, 0].astype(int).tolist() == [
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0],
    ]
