"""Parts compiled on their own: the same numbers as the whole, and where products are made in
bfloat16, numbers that are near them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_model.config import ModelConfig, PretrainConfig
from electra_model.electra import Electra
from electra_model.fusion import (
    WHOLE_PROGRAM,
    Computation,
    computing,
    dense_product,
    fused,
    product,
    with_transposed,
)
from electra_model.pretraining import ReplacedTokenDetection

FUSED = Computation(fused=True)
BFLOAT16 = Computation(fused=True, dtype="bfloat16")
X = np.array([[1.5, -2.0, 0.25], [0.5, 3.0, -1.0]], np.float32)
COUNTS = np.array([1, 2], np.int32)


@fused
def scaled(x, counts, shift, *, factor):
    """A tensor, an integer one, one that may be absent, and an option."""
    y = x * factor * tf.cast(counts, tf.float32)[:, None]
    return (y if shift is None else y + shift), tf.reduce_sum(x * x)


def of_scaled(computation, shift, factor=2.0):
    x = tf.constant(X)
    with computing(computation), tf.GradientTape() as tape:
        tape.watch(x)
        y, squares = scaled(x, tf.constant(COUNTS), shift, factor=factor)
        loss = tf.reduce_sum(y * y) + 3.0 * squares
    return [value.numpy() for value in (y, squares, tape.gradient(loss, x))]


@pytest.mark.parametrize("shift", [None, 0.5], ids=["absent", "given"])
@pytest.mark.parametrize("factor", [2.0, -1.0])
def test_values_and_gradients_are_those_of_the_function(shift, factor):
    for one, other in zip(
        of_scaled(FUSED, shift, factor), of_scaled(WHOLE_PROGRAM, shift, factor), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_one_width_after_the_other_is_known_to_the_function():
    """Two models of one process may differ in width alone."""
    seen = []

    @fused
    def noting(x):
        seen.append(x.shape[-1])
        return x * 2.0

    @tf.function(autograph=False)
    def run(x, wide):
        with computing(FUSED):
            return noting(x), noting(wide)

    run(tf.zeros([2, 3]), tf.zeros([2, 5]))
    assert seen == [3, 5]


def test_what_a_loss_does_not_depend_on_has_a_gradient_of_zero():
    x = tf.constant(X)
    with computing(FUSED), tf.GradientTape() as tape:
        tape.watch(x)
        _, squares = scaled(x, tf.constant(COUNTS), None, factor=2.0)
    np.testing.assert_allclose(tape.gradient(squares, x), 2 * X, rtol=1e-6)


def test_nothing_is_compiled_unless_it_is_asked_for():
    seen = []

    @fused
    def listening(x):
        seen.append(type(x).__name__)
        return x + 1

    listening(tf.constant(1.0))
    with computing(Computation(dtype="bfloat16")):
        listening(tf.constant(1.0))
    assert seen == ["EagerTensor", "EagerTensor"]
    with computing(FUSED):
        listening(tf.constant(1.0))
        listening(tf.constant(2.0))
    assert seen[2:] == ["SymbolicTensor"], "traced once for both calls"


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(("inner", "outer"), [(16, 32), (192, 768), (1024, 256)])
def test_a_row_has_the_same_bits_among_any_number_of_others(inner, outer, wide):
    draw = np.random.default_rng(1)
    dense = keras.layers.Dense(outer)
    dense.build((None, inner))
    dense.kernel.assign(draw.normal(size=(inner, outer)))
    x = draw.normal(size=(200, inner)).astype("float32")

    @tf.function(input_signature=[tf.TensorSpec([None, inner])], autograph=False)
    def multiplied(rows):
        with computing(Computation(alike=True)), with_transposed([dense] if wide else []):
            return dense_product(dense, rows)[0]

    whole = multiplied(x).numpy()
    np.testing.assert_allclose(whole, x @ dense.kernel.numpy(), rtol=1e-3, atol=1e-3)
    for count in (*range(1, 50), 95, 96, 97, 144, 199):
        np.testing.assert_array_equal(multiplied(x[:count]).numpy(), whole[:count])
        np.testing.assert_array_equal(multiplied(x[-count:]).numpy(), whole[-count:])


@pytest.mark.parametrize("transposed", [False, True])
def test_products_have_the_dtype_that_is_asked_for(transposed):
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4)
    given = kernel.T if transposed else kernel
    plain = product(tf.constant(X)[None], given, transposed)
    assert plain.dtype == tf.float32
    np.testing.assert_allclose(plain[0], X @ kernel, rtol=1e-6)
    with computing(BFLOAT16):
        rough = product(tf.constant(X)[None], given, transposed)
    assert rough.dtype == tf.bfloat16 and rough.shape == (1, 2, 4)
    np.testing.assert_allclose(tf.cast(rough[0], tf.float32), X @ kernel, rtol=1e-2)


# === whole networks ===

KINDS = {
    "pre, sinusoidal, relu": {},
    "post, learned, gelu": dict(norm="post", position_encoding="learned", activation="gelu"),
    "factorised, rotary, swiglu": dict(
        embedding_dim=8, position_encoding="rotary", activation="swiglu"
    ),
    "as published": dict(
        norm="post",
        position_encoding="learned",
        activation="gelu",
        embedding_dim=8,
        embedding_norm=True,
        final_norm=False,
        scale_embeddings=False,
    ),
}
SOURCE = np.array([[5, 6, 7, 3, 8, 9], [7, 8, 9, 3, 0, 0], [4, 3, 0, 0, 0, 0]], np.int32)
TARGET = np.array([[2, 9, 8, 7, 0, 0, 0], [2, 5, 6, 4, 8, 0, 0], [2, 9, 0, 0, 0, 0, 0]], np.int32)
SEGMENTS = [np.array([[1, 1, 1, 1, 2, 2]] * 3) * (SOURCE > 0), (TARGET > 0) * 1]


def sizes(**settings):
    return ModelConfig(
        num_layers=2,
        num_decoder_layers=1,
        d_model=16,
        num_heads=2,
        dff=32,
        max_length=8,
        **settings,
    )


def gradients(computation, model, loss_of):
    variables = [variable.value for variable in model.trainable_variables]

    @tf.function(autograph=False)
    def run():
        with computing(computation), tf.GradientTape() as tape:
            loss = loss_of()
        found = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return loss, [tf.convert_to_tensor(gradient) for gradient in found]

    loss, found = run()
    return float(loss), np.concatenate([gradient.numpy().ravel() for gradient in found])


def difference(found, expected):
    """Relative, by the norm over all weights."""
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("kind", "packed"),
    [
        slow("pre, sinusoidal, relu", False),
        ("factorised, rotary, swiglu", True),
        slow("as published", False),
        slow("post, learned, gelu", False),
        slow("factorised, rotary, swiglu", False),
        slow("pre, sinusoidal, relu", True),
        slow("post, learned, gelu", True),
        slow("as published", True),
    ],
)
def test_the_encoder_decoder(kind, packed):
    """Dropout is on: its noise is the same however it is computed."""
    model = Electra.from_config_and_vocabulary(sizes(**KINDS[kind], dropout=0.3), 12, seed=3)
    segments = SEGMENTS if packed else []

    def loss():
        hidden, _ = model.hidden(SOURCE, TARGET, True, 7, *segments)
        return tf.reduce_mean(tf.square(model.logits(hidden)))

    expected_loss, expected = gradients(WHOLE_PROGRAM, model, loss)
    found_loss, found = gradients(FUSED, model, loss)
    assert found_loss == pytest.approx(expected_loss, rel=1e-5)
    assert difference(found, expected) < 1e-5
    rough_loss, rough = gradients(BFLOAT16, model, loss)
    assert rough_loss == pytest.approx(expected_loss, rel=0.03)
    assert 1e-4 < difference(rough, expected) < 0.05


@pytest.mark.parametrize("kind", [slow("pre, sinusoidal, relu"), "as published"])
def test_replaced_token_detection(kind):
    """The generator draws the same tokens."""
    model = ReplacedTokenDetection(sizes(**KINDS[kind]), PretrainConfig(mask_fraction=0.4), 12, 5)
    ids = np.where(SOURCE > 3, SOURCE, SOURCE * 0)

    def loss():
        return model.losses_of(ids, (ids > 0).astype(np.int32), 11).loss

    expected_loss, expected = gradients(WHOLE_PROGRAM, model, loss)
    found_loss, found = gradients(FUSED, model, loss)
    assert found_loss == pytest.approx(expected_loss, rel=1e-5)
    assert difference(found, expected) < 1e-5
