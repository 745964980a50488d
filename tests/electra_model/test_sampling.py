import numpy as np
import pytest
import tensorflow as tf

from electra_model.decoding import Sampling
from electra_model.sampling import Sampled, draws
from electra_model.tokenizer import EOS_ID

SHARES = np.array([0, 0, 0, 0.1, 0, 0.4, 0.3, 0.15, 0.05], "float32")


def drawn(sampling, numbers, position=2):
    """The tokens that are drawn at one position of so many sentences."""
    way = Sampled(sampling, 0.0, 6)
    count = len(numbers)
    given = {"draws": tf.tile(tf.constant(numbers, tf.float32)[:, None], [1, 6])}
    probabilities = tf.tile(tf.constant(SHARES)[None, None], [count, 1, 1])
    state = way.advance(
        *(way.start(count, 6), tf.fill([count], position), tf.fill([count], 6)),
        *(lambda *_: probabilities, given),
    )
    return np.asarray(state["tokens"])[:, 0], np.asarray(state["total"])[:, 0]


NUMBERS = (np.arange(10_000) + 0.5) / 10_000


def shares_of(tokens):
    return np.bincount(tokens, minlength=len(SHARES)) / len(tokens)


def test_tokens_come_by_their_probabilities():
    tokens, total = drawn(Sampling(), NUMBERS)
    np.testing.assert_allclose(shares_of(tokens), SHARES, atol=2e-4)
    np.testing.assert_allclose(total, np.log(SHARES[tokens]), rtol=1e-5)


def test_the_unlikely_ones_are_cut_off():
    np.testing.assert_allclose(
        shares_of(drawn(Sampling(top_k=2), NUMBERS)[0])[[5, 6]], [4 / 7, 3 / 7], atol=2e-4
    )
    # 0.4 + 0.3 do not reach 0.75, with 0.15 they do.
    np.testing.assert_allclose(
        shares_of(drawn(Sampling(top_p=0.75), NUMBERS)[0])[[5, 6, 7]],
        np.array([0.4, 0.3, 0.15]) / 0.85,
        atol=2e-4,
    )
    assert set(drawn(Sampling(top_p=1e-6), NUMBERS)[0]) == {5}


def test_temperature():
    cold = SHARES**2 / (SHARES**2).sum()
    np.testing.assert_allclose(
        shares_of(drawn(Sampling(temperature=0.5), NUMBERS)[0]), cold, atol=2e-4
    )
    assert set(drawn(Sampling(temperature=0.01), NUMBERS)[0]) == {5}


def test_no_output_ends_before_it_begins():
    assert EOS_ID not in drawn(Sampling(), NUMBERS, position=0)[0]


@pytest.mark.parametrize("number", [0.0, np.nextafter(np.float32(1), np.float32(0))])
def test_the_ends_of_the_range_draw_what_is_possible(number):
    (token,), _ = drawn(Sampling(), [number])
    assert SHARES[token] > 0


def test_the_numbers_of_a_text_are_its_own():
    found = draws(["a", "b", "a"], 1, 5)
    assert found.dtype == np.float32 and (found >= 0).all() and (found < 1).all()
    assert np.array_equal(found[0], found[2]) and not np.array_equal(found[0], found[1])
    assert not np.array_equal(draws(["a"], 2, 5)[0], found[0])
    assert np.array_equal(draws(["a"], 1, 3)[0], found[0, :3])
    assert draws(["\ud800"], 1, 1).shape == (1, 1)
