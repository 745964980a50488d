"""The encoder-decoder against Hugging Face's Marian (see `make_marian`)."""

import numpy as np
import pytest
import tensorflow as tf

from electra_model.decoding import Decoding
from electra_model.electra import Electra
from electra_model.search import search
from tests.golden import archive


@pytest.fixture(
    scope="module",
    params=[(name, kind) for name in ("marian", "marian_sides") for kind in ("swish", "relu")],
    ids="-".join,
)
def case(request):
    """The model, the arrays, and the end of their names."""
    name, activation = request.param
    weights, arrays = archive.load(name)
    model = Electra(
        2, 16, 2, 32, 50, 50, "sinusoidal", "sinusoidal", tie_embeddings=name == "marian",
        activation=activation, norm="post", final_norm=False, norm_epsilon=1e-5, max_length=16,
    )  # fmt: skip
    archive.assign(model, weights)
    return model, arrays, activation


def test_memory_hidden_logits_and_attention(case):
    model, arrays, activation = case
    source, shifted = arrays["source"], arrays["shifted"]
    real, here = source != 0, shifted != 0
    memory = np.asarray(model.encoder(source))
    np.testing.assert_allclose(memory[real], arrays[f"memory_{activation}"][real], atol=1e-5)
    hidden, scores = model.hidden(source, shifted)
    np.testing.assert_allclose(
        np.asarray(hidden)[here], arrays[f"hidden_{activation}"][here], atol=1e-5
    )
    logits = np.asarray(model((source, shifted)))
    np.testing.assert_allclose(logits[here], arrays[f"logits_{activation}"][here], atol=1e-5)
    for layer, expected in zip(
        scores["decoder_cross"], arrays[f"cross_attention_{activation}"], strict=True
    ):
        found, expected = (np.moveaxis(np.asarray(part), 1, 2)[here] for part in (layer, expected))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_greedy_search_over_cached_keys_finds_what_generate_finds(case):
    model, arrays, activation = case
    expected = arrays[f"greedy_{activation}"]
    found = search(model, tf.constant(arrays["source"], tf.int32), Decoding(1, 0.0), 10)
    found = np.asarray(found.token_ids)[:, 0]
    np.testing.assert_array_equal(found[:, : expected.shape[1]], expected)
    assert (found[:, expected.shape[1] :] == 0).all()
    assert len({tuple(row) for row in expected.tolist()}) > 1, "different sources, other outputs"
