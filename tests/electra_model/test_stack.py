import numpy as np
import pytest

from electra_model.decoder import Decoder
from electra_model.embeddings import TokenEmbedding
from electra_model.encoder import Encoder
from electra_model.initialization import initialize

IDS = np.array([[7, 9, 5, 3], [8, 6, 3, 0]], np.int32)
POSITIONS = np.arange(4)[None]


@pytest.fixture(params=[Encoder, Decoder])
def build(request):
    """A function: an encoder or a decoder over embeddings half as wide."""

    def make(position_encoding="sinusoidal", **settings):
        embedding = TokenEmbedding(20, 8, name="embedding")
        stack = request.param(
            2, 16, 2, 32, embedding, position_encoding, max_length=12, name="stack", **settings
        )
        stack.build()
        initialize(stack, 1)
        return stack

    return make


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
def test_embeddings_and_positions_are_normalised_before_they_are_projected(build, positions):
    """Devlin et al. 2019; Clark et al. 2020, section 3.2."""
    stack = build(positions, embedding_norm=True)
    x = np.asarray(stack.embedding(IDS))
    if positions != "rotary":  # which adds nothing
        x = x + np.asarray(stack.position_encoding(POSITIONS))
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    expected = x @ np.asarray(stack.projection.kernel)
    found, rotation = stack.embed(IDS, POSITIONS)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (rotation is not None) == (positions == "rotary")


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
def test_otherwise_positions_are_as_wide_as_the_representations(build, positions):
    stack = build(positions)
    expected = np.asarray(stack.embedding(IDS)) @ np.asarray(stack.projection.kernel)
    if positions != "rotary":
        expected = expected + np.asarray(stack.position_encoding(POSITIONS))
    np.testing.assert_allclose(stack.embed(IDS, POSITIONS)[0], expected, atol=1e-5)


def test_the_last_normalisation_can_be_left_out(build):
    stack = build(norm="post", final_norm=False)
    assert not [v.path for v in stack.trainable_variables if "final_norm" in v.path]
    x = np.full((1, 2, 16), 3.0, "float32")
    assert stack.finish(x) is x
    assert abs(np.asarray(build().finish(x))).max() < 1e-5


def test_every_normalisation_has_the_epsilon_of_the_settings(build):
    stack = build(norm="post", embedding_norm=True, norm_epsilon=1e-3)
    found = [layer.epsilon for layer in stack._flatten_layers() if hasattr(layer, "epsilon")]
    assert len(found) >= 6 and set(found) == {1e-3}
