"""A generator alone: the same network as in its pretraining, and draws that follow its softmax."""

import hashlib
import io

import numpy as np
import pytest
import tensorflow as tf

from electra_model import generator
from electra_model.config import ModelConfig, PretrainConfig
from electra_model.encoder import embedding_of
from electra_model.errors import InputError, WorkError
from electra_model.generator_card import GeneratorCard
from electra_model.masking import mask_tokens
from electra_model.presets import PRETRAINING_OF_PRESETS
from electra_model.pretraining import ReplacedTokenDetection
from electra_model.randomness import SeedStream

VOCABULARY = 25
ROWS, LENGTH, FRACTION = 64, 16, 0.15
SIZES = ModelConfig(
    num_layers=2, num_decoder_layers=1, d_model=32, num_heads=4, dff=64, dropout=0.3, max_length=16
)


def packed(tensors):
    buffer = io.BytesIO()
    np.savez(buffer, **tensors)
    return buffer.getvalue()


def card_of(data, fraction=0.5):
    return GeneratorCard(
        model=SIZES.resolved(),
        fraction=fraction,
        vocabulary_fingerprint="v",
        vocabulary_size=VOCABULARY,
        checkpoint="checkpoints/step-000000001.npz",
        sha256=hashlib.sha256(data).hexdigest(),
        step=1,
    )


@pytest.fixture(scope="module")
def trained():
    """Both networks, with weights so large that the generator's opinions differ."""
    model = ReplacedTokenDetection(SIZES, PretrainConfig(generator_fraction=0.5), VOCABULARY, 1)
    for variable in model.trainable_variables:
        variable.assign(np.asarray(variable) * 2.0)
    return model


@pytest.fixture(scope="module")
def tensors(trained):
    found = {variable.path: np.asarray(variable) for variable in trained.trainable_variables}
    return {**found, "optimizer/iteration": np.array(3)}


@pytest.fixture(scope="module")
def alone(tensors):
    data = packed(tensors)
    return generator.load(card_of(data), data, "step-1")


@pytest.fixture(scope="module")
def sample(alone):
    """Its draws in windows of 64 rows; compiled once, since a temperature is an argument."""
    return generator.sampler(alone, FRACTION, ROWS, LENGTH)


def windows(rows, length=LENGTH):
    ids = np.arange(rows * length).reshape(rows, length) % 20 + 5
    ids[:, -1] = 3
    segments = np.repeat([[1] * (length // 2) + [2] * (length - length // 2)], rows, axis=0)
    return ids.astype(np.int32), segments.astype(np.int32)


def test_alone_it_says_what_it_said_in_the_pretraining(trained, alone):
    ids, segments = windows(4)
    positions = tf.constant([[1, 9], [0, 3], [14, 2], [7, 8]])
    hidden = trained.generator(ids, segment_ids=segments)
    vectors = trained.generator_head(tf.gather(hidden, positions, batch_dims=1))
    table, bias = trained.embedding.table.value, trained.generator_head.bias.value
    expected = tf.matmul(vectors, table, transpose_b=True) + bias
    found = alone(ids, segments, positions)
    assert np.asarray(found).std() > 0.5
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=1e-5)


def test_other_bytes_than_described_are_refused(tensors):
    data = packed(tensors)
    with pytest.raises(InputError, match=r"step-1: is not the checkpoint that generator\.json"):
        generator.load(card_of(data), data + b"x", "step-1")


def test_a_checkpoint_without_the_generator_is_refused(tensors):
    data = packed({name: value for name, value in tensors.items() if "generator" not in name})
    with pytest.raises(WorkError, match="step-1: checkpoint tensor generator/.* is missing"):
        generator.load(card_of(data), data, "step-1")


def test_a_generator_of_another_width_is_refused(tensors):
    data = packed(tensors)
    with pytest.raises(WorkError, match="step-1: checkpoint tensor generator/.* is of shape"):
        generator.load(card_of(data, fraction=0.25), data, "step-1")


def test_bytes_that_are_no_checkpoint_are_refused():
    with pytest.raises(WorkError, match="step-1: the checkpoint is damaged"):
        generator.load(card_of(b"no archive"), b"no archive", "step-1")


def test_a_generator_that_is_not_finite_is_refused(tensors):
    bias = np.full(VOCABULARY, np.nan, np.float32)
    data = packed({**tensors, "generator_head/bias": bias})
    with pytest.raises(WorkError, match="step-1: tensor generator_head/bias is not finite"):
        generator.load(card_of(data), data, "step-1")


@pytest.mark.parametrize(
    "temperature",
    [pytest.param(0.5, marks=pytest.mark.slow), 1.0, pytest.param(3.0, marks=pytest.mark.slow)],
)
def test_draws_follow_the_softmax_at_the_temperature(alone, sample, temperature):
    """4,096 draws, each with the logits that it was drawn from.

    The number of draws of a token is a sum of independent ones of known probability: it is within
    five standard deviations of its mean but for one token in two million.
    """
    ids, segments = windows(ROWS)
    counted, mean, variance = (np.zeros(VOCABULARY) for _ in range(3))
    for seed in range(32):
        replaced, hidden = sample(ids, segments, seed, temperature)
        masked = mask_tokens(tf.constant(ids), FRACTION, SeedStream(tf.constant(seed, tf.int64)))
        assert hidden.tolist() == np.asarray(masked.weights).sum(axis=1).astype(int).tolist()
        logits = np.asarray(alone(masked.token_ids, segments, masked.positions), np.float64)
        scaled = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
        chosen = np.asarray(masked.weights) > 0
        share = (scaled / scaled.sum(-1, keepdims=True))[chosen]
        drawn = np.take_along_axis(replaced, np.asarray(masked.positions), 1)[chosen]
        counted += np.bincount(drawn, minlength=VOCABULARY)
        mean += share.sum(0)
        variance += (share * (1 - share)).sum(0)
    assert counted.sum() == 32 * ROWS * 2
    assert (np.abs(counted - mean) <= 5 * np.sqrt(variance) + 1e-9).all()
    even = counted.sum() / VOCABULARY
    assert (np.abs(counted - even) > 8 * np.sqrt(even)).any(), "the softmax is not an even one"


def test_only_hidden_tokens_change_and_special_ones_never(sample):
    ids, segments = windows(ROWS)
    ids[5:] = 0  # empty rows
    segments[5:] = 0
    replaced, hidden = sample(ids, segments, 5, 2.0)
    masked = mask_tokens(tf.constant(ids), FRACTION, SeedStream(tf.constant(5, tf.int64)))
    covered = np.asarray(masked.token_ids) != ids
    assert hidden.tolist() == [2] * 5 + [0] * (ROWS - 5)
    assert ((replaced != ids) <= covered).all()
    assert (replaced != ids).any()
    assert (replaced[:, -1] == ids[:, -1]).all()


def test_a_generator_that_is_sure_and_right_leaves_every_token_an_original(tensors):
    """Whatever is hidden is token 7, and the generator says 7: nothing counts as replaced."""
    bias = np.zeros(VOCABULARY, np.float32)
    bias[7] = 1000.0
    data = packed({**tensors, "generator_head/bias": bias})
    sure = generator.load(card_of(data), data, "step-1")
    ids = np.full((4, 16), 7, np.int32)
    sample = generator.sampler(sure, 0.15, 4, 16)
    replaced, hidden = sample(ids, np.ones_like(ids), 1, 1.0)
    assert hidden.tolist() == [2, 2, 2, 2]
    assert np.array_equal(replaced, ids)
    eights = np.full((4, 16), 8, np.int32)
    replaced, _ = sample(eights, np.ones_like(ids), 1, 1.0)
    assert sorted(np.unique(replaced).tolist()) == [7, 8] and (replaced == 7).sum() == 8


def test_the_same_seed_gives_the_same_draws_and_another_one_others(sample):
    ids, segments = windows(ROWS)
    first = sample(ids, segments, 1, 2.0)[0]
    assert np.array_equal(first, sample(ids, segments, 1, 2.0)[0])
    assert not np.array_equal(first, sample(ids, segments, 2, 2.0)[0])


@pytest.mark.parametrize(
    "vocabulary, length, rows",
    [(25, 16, 512), (8000, 128, 52), (250_000, 128, 1), (250_000, 4096, 1), (120, 4096, 2)],
)
def test_rows_of_a_batch_are_bounded_by_tokens_and_by_logits(vocabulary, length, rows):
    assert generator.batch_rows(vocabulary, length, 0.15) == rows


@pytest.mark.parametrize(
    ("preset", "width", "heads", "inner", "layers", "embedding"),
    [
        ("electra-small", 64, 1, 256, 12, 128),
        ("electra-base", 256, 4, 1024, 12, 768),
        ("electra-large", 256, 4, 1024, 24, 1024),
    ],
)
def test_published_generators(preset, width, heads, inner, layers, embedding):
    """Clark et al. 2020, table 6: 1/4, 1/3 and 1/4 of the discriminator's width."""
    sizes = ModelConfig(preset=preset)
    fraction = PRETRAINING_OF_PRESETS.get(preset, {}).get("generator_fraction", 0.25)
    embeddings = embedding_of(sizes, 8)
    encoder, head = generator.build_generator(sizes, fraction, embeddings, 8)
    found = (encoder.d_model, encoder.num_heads, encoder.dff, encoder.num_layers)
    assert found == (width, heads, inner, layers)
    assert (embeddings.d_model, head.embedding_dim) == (embedding, embedding)


def test_its_own_sizes_follow_from_the_discriminators():
    alone = generator.Generator(SIZES, 0.25, VOCABULARY)
    assert (alone.generator.d_model, alone.generator.num_heads, alone.generator.dff) == (8, 1, 16)
