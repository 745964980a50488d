import numpy as np
import pytest

from electra_model.embeddings import TokenEmbedding
from electra_model.encoder import Encoder, segment_starts
from electra_model.initialization import initialize

IDS = np.array([[7, 9, 5, 3], [8, 6, 3, 0]], np.int32)


def build_encoder(position_encoding="sinusoidal", embedding_dim=16, **overrides):
    embedding = TokenEmbedding(20, embedding_dim, name="embedding")
    encoder = Encoder(
        2, 16, 2, 32, embedding, position_encoding, max_length=12, name="encoder", **overrides
    )
    encoder.build()
    initialize(encoder, 1)
    return encoder


@pytest.fixture(scope="module", params=["sinusoidal", "learned", "rotary"])
def encoder(request):
    return build_encoder(request.param)


def test_padding_changes_nothing_at_real_positions(encoder):
    short = np.asarray(encoder(IDS))
    wide = np.asarray(encoder(np.pad(IDS, [(0, 0), (0, 5)])))
    real = IDS != 0
    np.testing.assert_allclose(wide[:, :4][real], short[real], atol=1e-5)
    alone = np.asarray(encoder(IDS[1:, :3]))
    np.testing.assert_allclose(short[1, :3], alone[0], atol=1e-5)


def test_every_real_token_counts(encoder):
    before = np.asarray(encoder(IDS))
    changed = IDS.copy()
    changed[0, 3] = 11
    after = np.asarray(encoder(changed))
    assert abs(after[0] - before[0]).max(axis=-1).min() > 1e-3, "every position sees the last"
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)


def test_order_counts(encoder):
    forward, backward = (np.asarray(encoder(IDS[:1, order])) for order in ([0, 1, 2], [2, 1, 0]))
    assert abs(forward[0, 0] - backward[0, 2]).max() > 1e-3


def test_texts_in_one_window_are_as_if_alone(encoder):
    window = np.array([[7, 9, 3, 8, 6, 5, 3, 0]], np.int32)
    segments = np.array([[1, 1, 1, 2, 2, 2, 2, 0]], np.int32)
    packed = np.asarray(encoder(window, segment_ids=segments))[0]
    np.testing.assert_allclose(packed[:3], np.asarray(encoder(window[:, :3]))[0], atol=1e-5)
    np.testing.assert_allclose(packed[3:7], np.asarray(encoder(window[:, 3:7]))[0], atol=1e-5)


def test_where_segments_start():
    segments = np.array([[1, 1, 2, 2, 2, 0], [1, 2, 3, 3, 0, 0]], np.int32)
    starts = np.asarray(segment_starts(segments))
    assert starts.tolist() == [[0, 0, 2, 2, 2, 5], [0, 1, 2, 2, 4, 4]]


def test_scores_of_every_block(encoder):
    output, scores = encoder(IDS, return_scores=True)
    assert output.shape == (2, 4, 16)
    assert [tuple(score.shape) for score in scores] == [(2, 2, 4, 4)] * 2
    for score in map(np.asarray, scores):
        np.testing.assert_allclose(score.sum(axis=-1), 1.0, atol=1e-5)
        assert (score[1, :, :, 3] == 0).all()


def test_embeddings_of_another_width_are_projected():
    assert build_encoder().projection is None
    encoder = build_encoder(embedding_dim=24)
    assert encoder.projection.kernel.shape == (24, 16)
    assert encoder(IDS).shape == (2, 4, 16)


def test_config_makes_an_encoder_over_the_same_embedding():
    encoder = build_encoder(
        "rotary", 8, dropout=0.3, activation="swiglu", norm="post",
        embedding_norm=True, final_norm=False, norm_epsilon=1e-5,
    )  # fmt: skip
    again = Encoder(**encoder.get_config())
    assert again.get_config() == encoder.get_config()
    assert again.embedding is encoder.embedding
