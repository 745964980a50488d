import numpy as np
import tensorflow as tf

from electra_model import randomness

# The seeds for which the first draw has all bits 0 and all bits 1: the mixer can be inverted.
LOWEST_SEED, HIGHEST_SEED = 0, 0x331DA083


def murmur(x):
    """The finaliser in Python integers."""
    x ^= x >> 16
    x = x * 0x85EBCA6B % 2**32
    x ^= x >> 13
    x = x * 0xC2B2AE35 % 2**32
    return x ^ x >> 16


def draw_of(number, part=0):
    return tf.constant([number, part], tf.uint32)


def own(stream):
    """The number of its own of the next draw; the part is 0."""
    number, part = map(int, stream.next())
    assert part == 0
    return number


def test_bits_agree_with_python_integers():
    bits = np.asarray(randomness.random_bits((2, 3), draw_of(12345)))
    expected = [murmur(n * 0x9E3779B9 % 2**32 ^ 12345) for n in range(18)]
    assert bits.reshape(-1).tolist() == expected[:6]
    behind = np.asarray(randomness.random_bits((2, 3), draw_of(12345, part=2)))
    assert behind.reshape(-1).tolist() == expected[12:]


def test_seeds_of_a_stream_are_distinct_and_repeatable():
    stream, again, other = (randomness.SeedStream(seed) for seed in (7, 7, 8))
    drawn = [own(stream) for _ in range(200)]
    assert drawn == [own(again) for _ in range(200)]
    assert len(set(drawn) | {own(other) for _ in range(200)}) == 400
    assert drawn[1] == murmur((7 + 2 * 0x9E3779B9) % 2**32)


def test_a_seed_may_be_large_or_negative_or_a_tensor():
    # Step number plus seed times a factor can leave the range of int32, where it wraps.
    large, wrapped = 3_000_009_000, tf.constant(-1_294_958_296)
    assert own(randomness.SeedStream(large)) == own(randomness.SeedStream(wrapped))


def test_uniform_never_reaches_its_ends():
    for seed in (LOWEST_SEED, HIGHEST_SEED):
        value = float(randomness.uniform((1,), draw_of(seed))[0])
        assert 0.0 < value < 1.0
        assert np.isfinite(np.asarray(randomness.gumbel((1,), draw_of(seed)))).all()
    assert int(randomness.random_bits((1,), draw_of(HIGHEST_SEED))[0]) == 2**32 - 1


def test_uniform_is_even():
    draws = np.asarray(randomness.uniform((100, 200), draw_of(5)))
    counts, _ = np.histogram(draws, bins=10, range=(0, 1))
    assert (abs(counts - 2000) < 200).all()
    assert abs(np.corrcoef(draws[:, :-1].ravel(), draws[:, 1:].ravel())[0, 1]) < 0.03


def test_gumbel_noise_samples_the_softmax():
    probabilities = np.array([0.5, 0.3, 0.15, 0.05])
    noise = np.asarray(randomness.gumbel((20_000, 4), draw_of(1)))
    drawn = np.bincount((np.log(probabilities) + noise).argmax(axis=1), minlength=4) / 20_000
    np.testing.assert_allclose(drawn, probabilities, atol=0.015)


def dropout(x, rate, seeds):
    return randomness.dropped(x, *randomness.draw(rate, seeds))


def test_dropout_zeroes_its_share_and_scales_the_rest():
    x = tf.ones((100, 100))
    dropped = np.asarray(dropout(x, 0.25, randomness.SeedStream(3)))
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((dropped == 0).mean() - 0.25) < 0.02


def test_dropout_does_nothing_outside_training_or_at_rate_0():
    x = tf.constant([1.0, 2.0, 3.0])
    assert dropout(x, 0.5, None) is x
    stream = randomness.SeedStream(3)
    assert dropout(x, 0.0, stream) is x
    assert stream.draws == 0


def test_compiled_and_plain_draws_are_the_same():
    def draw(seed):
        return dropout(tf.ones((64,)), 0.5, randomness.SeedStream(seed))

    compiled = tf.function(draw, jit_compile=True, autograph=False)
    plain = np.asarray(draw(tf.constant(9)))
    assert np.array_equal(np.asarray(compiled(tf.constant(9))), plain)
    assert not np.array_equal(np.asarray(compiled(tf.constant(10))), plain)
