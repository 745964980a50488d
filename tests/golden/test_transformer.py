"""The encoder-decoder against `torch.nn.Transformer` (see `make_transformer`)."""

import numpy as np
import pytest

from electra_model.electra import Electra
from electra_model.losses import vocabulary_cross_entropy
from tests.golden import archive

WEIGHTS, ARRAYS = archive.load("transformer")


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_memory_hidden_logits_and_loss(norm, activation):
    model = Electra(
        2, 16, 2, 32, 50, 50, "learned", "learned",
        activation=activation, norm=norm, norm_epsilon=1e-5, max_length=12,
    )  # fmt: skip
    archive.assign(model, WEIGHTS)
    name = f"{norm}_{activation}"
    source, shifted, target = (ARRAYS[key] for key in ("source", "shifted", "target"))
    real = target != 0

    memory = np.asarray(model.encoder(source))
    np.testing.assert_allclose(
        memory[source != 0], ARRAYS[f"memory_{name}"][source != 0], atol=1e-5
    )
    hidden, _ = model.hidden(source, shifted)
    np.testing.assert_allclose(np.asarray(hidden)[real], ARRAYS[f"hidden_{name}"][real], atol=1e-5)
    logits = np.asarray(model((source, shifted)))
    np.testing.assert_allclose(logits[real], ARRAYS[f"logits_{name}"][real], atol=1e-5)

    weights = real.reshape(-1).astype("float32")
    total, _, _ = vocabulary_cross_entropy(
        np.asarray(hidden).reshape(-1, 16),
        model.embedding.table.value,
        model.vocabulary_head.bias.value,
        target.reshape(-1).astype("int32"),
        weights,
        label_smoothing=0.1,
    )
    np.testing.assert_allclose(total / weights.sum(), ARRAYS[f"loss_{name}"], atol=1e-5)


def test_the_four_variants_differ():
    """What the other test would not notice if a setting had no effect."""
    names = [f"logits_{norm}_{kind}" for norm in ("post", "pre") for kind in ("relu", "gelu")]
    for first, second in zip(names, names[1:], strict=False):
        assert abs(ARRAYS[first] - ARRAYS[second]).max() > 0.1
