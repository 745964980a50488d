import numpy as np
import pytest
import tensorflow as tf

from electra_model.decoder import Decoder
from electra_model.embeddings import TokenEmbedding
from electra_model.initialization import initialize

RANDOM = np.random.default_rng(4)
# Two sentences, three hypotheses of each, no padding inside.
HYPOTHESES = RANDOM.integers(5, 20, size=(2, 3, 6)).astype("int32")
IDS = HYPOTHESES[:, 0]
MEMORY = RANDOM.normal(size=(2, 4, 16)).astype("float32")
REAL = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)


PUBLISHED = dict(norm="post", embedding_norm=True, final_norm=False, norm_epsilon=1e-12)
SETTINGS = {
    "pre": dict(norm="pre"),
    "post": dict(norm="post"),
    "rotary": dict(position_encoding="rotary", activation="swiglu"),
    "rotary factorised": dict(position_encoding="rotary", embedding_dim=6, **PUBLISHED),
    "learned factorised": dict(position_encoding="learned", embedding_dim=6, **PUBLISHED),
}


@pytest.fixture(scope="module", params=SETTINGS)
def decoder(request):
    settings = dict(SETTINGS[request.param])
    embedding = TokenEmbedding(20, settings.pop("embedding_dim", 16), name="embedding")
    decoder = Decoder(2, 16, 4, 32, embedding, max_length=8, name="decoder", **settings)
    decoder.build()
    initialize(decoder, 1)
    return decoder


@pytest.mark.parametrize("t", range(5))
def test_position_t_sees_t_minus_1_but_not_t_plus_1(decoder, t):
    before = np.asarray(decoder(IDS, MEMORY, REAL))
    later = IDS.copy()
    later[:, t + 1] = (later[:, t + 1] - 5 + 7) % 15 + 5  # another ordinary token
    after = np.asarray(decoder(later, MEMORY, REAL))
    np.testing.assert_allclose(after[:, : t + 1], before[:, : t + 1], atol=1e-6)
    difference = abs(after - before)[:, t + 1 :].max(axis=-1)
    assert difference.min() > 1e-4, "all positions from the changed one on see it"


def test_padding_changes_nothing_at_real_positions(decoder):
    before = np.asarray(decoder(IDS, MEMORY, REAL))
    wide = decoder(
        np.pad(IDS, [(0, 0), (0, 2)]),
        np.pad(MEMORY, [(0, 0), (0, 3), (0, 0)], constant_values=9.0),
        np.pad(REAL, [(0, 0), (0, 3)]),
    )
    np.testing.assert_allclose(np.asarray(wide)[:, :6], before, atol=1e-5)


def test_the_memory_is_seen_where_it_is_real(decoder):
    before = np.asarray(decoder(IDS, MEMORY, REAL))
    changed = MEMORY.copy()
    changed[1, 2:] += 5.0
    after = np.asarray(decoder(IDS, changed, REAL))
    np.testing.assert_allclose(after, before, atol=1e-6)
    changed[1, 1] += 5.0
    after = np.asarray(decoder(IDS, changed, REAL))
    assert abs(after - before)[1].max(axis=-1).min() > 1e-3


def test_each_cached_step_equals_the_full_decoder(decoder):
    full = np.stack(
        [np.asarray(decoder(HYPOTHESES[:, n], MEMORY, REAL)) for n in range(3)], axis=1
    )  # [batch, beam, length, d_model]
    cache = decoder.empty_cache(2, 3, 8)
    memory_cache = decoder.memory_cache(MEMORY)
    own = np.broadcast_to(np.arange(3, dtype=np.int32)[None, :, None], (2, 3, 8))
    for position in range(6):
        output, cache = decoder.step(
            tf.constant(HYPOTHESES[:, :, position]),
            tf.fill([2], position),
            cache,
            memory_cache,
            own,
            REAL,
        )
        np.testing.assert_allclose(output, full[:, :, position], atol=2e-5)
    keys, values = cache[0]
    assert keys.shape == values.shape == (2 * 4 * 8, 3 * 4)
    later = np.reshape(keys, (2, 4, 8, 12))[:, :, 6:]
    assert (later == 0).all(), "later places are still empty"


def test_scores_of_every_block(decoder):
    output, self_scores, cross_scores = decoder(IDS, MEMORY, REAL, return_scores=True)
    assert output.shape == (2, 6, 16)
    assert [tuple(score.shape) for score in self_scores] == [(2, 4, 6, 6)] * 2
    assert [tuple(score.shape) for score in cross_scores] == [(2, 4, 6, 4)] * 2
    above = np.triu(np.ones((6, 6), bool), 1)
    assert all((np.asarray(score)[..., above] == 0).all() for score in self_scores)
    assert all((np.asarray(score)[1, :, :, 2:] == 0).all() for score in cross_scores)


def test_config_makes_a_decoder_over_the_same_embedding(decoder):
    again = Decoder(**decoder.get_config())
    assert again.get_config() == decoder.get_config()
    assert again.embedding is decoder.embedding
