import numpy as np
import pytest

from electra_model.rollout import decoder_rollout, rollout

# Two positions, two layers. Means over the heads: [[.8, .2], [.3, .7]] and [[.4, .6], [1, 0]], so
# with the residual connection [[.9, .1], [.15, .85]] and [[.7, .3], [.5, .5]].
SELF = [
    np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.6, 0.4], [0.1, 0.9]]]),
    np.array([[[0.4, 0.6], [1.0, 0.0]]] * 2),
]
# .7 * .9 + .3 * .15 = .675 and .7 * .1 + .3 * .85 = .325; .5 * (.9 + .15) and .5 * (.1 + .85).
ROLLED = [[[0.9, 0.1], [0.15, 0.85]], [[0.675, 0.325], [0.525, 0.475]]]


def test_rollout_worked_by_hand():
    np.testing.assert_allclose(rollout(SELF), ROLLED, rtol=1e-15)


def test_rollout_through_a_decoder_worked_by_hand():
    causal = [np.array([[[1.0, 0.0], [0.4, 0.6]]]), np.array([[[1.0, 0.0], [0.5, 0.5]]])]
    cross = [np.array([[[1.0, 0.0], [0.2, 0.8]]]), np.array([[[0.0, 1.0], [0.5, 0.5]]])]
    from_source, from_target = decoder_rollout(causal, cross, ROLLED[-1])
    # Layer 1. Self-attention with its residual: [[1, 0], [.2, .8]]. Then half of the first row is
    # source 1 as the encoder mixed it, [.675, .325] / 2; of the second
    # (.2 * [.675, .325] + .8 * [.525, .475]) / 2; the other halves stay.
    np.testing.assert_allclose(from_source[0], [[0.3375, 0.1625], [0.2775, 0.2225]], rtol=1e-14)
    np.testing.assert_allclose(from_target[0], [[0.5, 0.0], [0.1, 0.4]], rtol=1e-14)
    # Layer 2. Self-attention: [[1, 0], [.25, .75]], so that the second row becomes
    # .25 * [.3375, .1625] + .75 * [.2775, .2225] = [.2925, .2075] and [.2, .3]. Cross-attention:
    # ([.525, .475] + [.3375, .1625]) / 2 and ([.6, .4] + [.2925, .2075]) / 2.
    np.testing.assert_allclose(from_source[1], [[0.43125, 0.31875], [0.44625, 0.30375]], rtol=1e-14)
    np.testing.assert_allclose(from_target[1], [[0.25, 0.0], [0.1, 0.15]], rtol=1e-14)


def test_padding_gets_nothing_and_gives_nothing():
    # What the third position does, and what it might get, is not looked at.
    wide = [np.full((2, 3, 3), 0.25) for _ in SELF]
    for layer, scores in zip(wide, SELF, strict=True):
        layer[:, :2, :2] = scores
    found = rollout(wide, [True, True, False])
    np.testing.assert_allclose(found[:, :2, :2], ROLLED, rtol=1e-15)
    assert not found[:, 2].any() and not found[:, :, 2].any()
    from_source, from_target = decoder_rollout(
        wide, wide, found[-1], [True, True, False], [True, True, False]
    )
    np.testing.assert_allclose(
        np.concatenate([from_source, from_target], axis=-1).sum(axis=-1), [[1, 1, 0]] * 2
    )
    assert not from_source[..., 2].any() and not from_target[..., 2].any()


def test_scores_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="scores must be of at least one layer"):
        rollout([])
    with pytest.raises(ValueError, match="square: got 2 by 3 positions"):
        rollout([np.ones((1, 2, 3))])
    with pytest.raises(ValueError, match=r"real must end in 2 positions: got \(3,\)"):
        rollout(SELF, [True] * 3)
    with pytest.raises(ValueError, match="self_scores are of 2 layers.*cross_scores of 1 layers"):
        decoder_rollout(SELF, SELF[:1], ROLLED[-1])
    with pytest.raises(ValueError, match=r"memory_flow must end in 2 by 2: got \(3, 3\)"):
        decoder_rollout(SELF, SELF, np.eye(3))
