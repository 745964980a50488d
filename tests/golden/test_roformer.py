"""Rotary positions against Hugging Face's RoFormer (see `make_roformer`)."""

import numpy as np

from electra_model.encoder import embedding_of, encoder_of
from tests.golden import archive, published

CONFIG = published.config("rotary")


def test_hidden_states_and_attention():
    weights, arrays = archive.load("roformer")
    encoder = encoder_of(CONFIG, embedding_of(CONFIG, 50), "encoder")
    encoder.build()
    archive.assign(encoder, weights)
    token_ids = arrays["token_ids"]
    real = token_ids != 0
    hidden, scores = encoder(token_ids, return_scores=True)
    np.testing.assert_allclose(np.asarray(hidden)[real], arrays["hidden"][real], atol=1e-5)
    for layer, expected in zip(scores, arrays["attention"], strict=True):
        found, expected = (np.moveaxis(np.asarray(part), 1, 2)[real] for part in (layer, expected))
        np.testing.assert_allclose(found, expected, atol=1e-5)
