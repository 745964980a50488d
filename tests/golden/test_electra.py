"""Generator and discriminator against Hugging Face's ELECTRA (see `make_electra`)."""

import numpy as np
import pytest
import tensorflow as tf

from electra_model.config import PretrainConfig
from electra_model.corruption import corrupt, sample_tokens
from electra_model.masking import mask_tokens
from electra_model.pretraining import ReplacedTokenDetection
from electra_model.randomness import SeedStream
from tests.golden import archive, published

WEIGHTS, ARRAYS = archive.load("electra")
TOKEN_IDS = tf.constant(ARRAYS["token_ids"], tf.int32)
REAL = ARRAYS["token_ids"] != 0
SEGMENTS = tf.constant(REAL, tf.int32)
SEED = 68
CONFIG = published.config()


@pytest.fixture(scope="module")
def model():
    pretrain = PretrainConfig(generator_fraction=0.5, mask_fraction=0.3)
    model = ReplacedTokenDetection(CONFIG, pretrain, 50)
    archive.assign(model, WEIGHTS)
    return model


def generator_logits(model, hidden):
    table, bias = model.embedding.table.value, model.generator_head.bias.value
    return tf.matmul(model.generator_head(hidden), table, transpose_b=True) + bias


@pytest.mark.parametrize("segments", [None, SEGMENTS], ids=["plain", "segments"])
def test_generator(model, segments):
    hidden = model.generator(ARRAYS["masked"], segment_ids=segments)
    np.testing.assert_allclose(
        np.asarray(hidden)[REAL], ARRAYS["generator_hidden"][REAL], atol=1e-5
    )
    logits = np.asarray(generator_logits(model, hidden))
    np.testing.assert_allclose(logits[REAL], ARRAYS["generator_logits"][REAL], atol=1e-5)


@pytest.mark.parametrize("segments", [None, SEGMENTS], ids=["plain", "segments"])
def test_discriminator(model, segments):
    hidden, scores = model.encoder(ARRAYS["corrupted"], segment_ids=segments, return_scores=True)
    np.testing.assert_allclose(
        np.asarray(hidden)[REAL], ARRAYS["discriminator_hidden"][REAL], atol=1e-5
    )
    for layer, expected in zip(scores, ARRAYS["discriminator_attention"], strict=True):
        found, expected = (np.moveaxis(np.asarray(part), 1, 2)[REAL] for part in (layer, expected))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    logits = np.asarray(model(ARRAYS["corrupted"], segment_ids=segments))
    np.testing.assert_allclose(logits[REAL], ARRAYS["discriminator_logits"][REAL], atol=1e-5)


def test_losses_of_a_batch(model):
    """Cross-entropy of the hidden tokens, binary cross-entropy of all real ones, and 50 of these
    to one of those."""
    output = model.losses_of(TOKEN_IDS, SEGMENTS, SEED)
    for name in ("generator_loss", "discriminator_loss"):
        np.testing.assert_allclose(getattr(output, name), ARRAYS[name], atol=1e-5)
    np.testing.assert_allclose(output.loss, ARRAYS["loss"], atol=1e-5 * 51)
    beforehand = model.losses_on(
        TOKEN_IDS, tf.constant(ARRAYS["corrupted"], tf.int32), SEGMENTS, SEED
    )
    np.testing.assert_allclose(
        beforehand.discriminator_loss, ARRAYS["discriminator_loss"], atol=1e-5
    )


def draws(model):
    """What `losses_of` hides and draws with `SEED`, as there is no dropout."""
    seeds = SeedStream(SEED)
    masked = mask_tokens(TOKEN_IDS, 0.3, seeds)
    hidden = tf.gather(
        model.generator(masked.token_ids, segment_ids=SEGMENTS), masked.positions, batch_dims=1
    )
    sampled = sample_tokens(generator_logits(model, hidden), 1.0, seeds)
    return masked, corrupt(TOKEN_IDS, masked, sampled)[0]


def test_the_archive_has_the_draws_of_the_seed(model):
    """Without this the losses above would be of other tokens: make the archive again."""
    masked, corrupted = draws(model)
    np.testing.assert_array_equal(masked.token_ids, ARRAYS["masked"])
    np.testing.assert_array_equal(corrupted, ARRAYS["corrupted"])
    replaced = ARRAYS["corrupted"] != ARRAYS["token_ids"]
    assert 0 < replaced.sum() < (ARRAYS["masked"] == 4).sum(), "one draw is the original again"
