import numpy as np
import pytest

from electra_model import attention_flow
from electra_model.attention import MultiHeadAttention
from electra_model.attention_flow import AttentionLayer, flow
from electra_model.masks import padding_mask
from tests.electra_model.slow_network import SlowNetwork

WEIGHTS = np.random.default_rng(8)

# === worked by hand ===


def test_the_current_worked_by_hand():
    # Two heads, one query, two keys. Key 1: .5 * (6, 0) + .25 * (0, 16) = (3, 4), of length 5.
    # Key 2: .5 * (2, 0) + .75 * (-4, 0) = (-2, 0): the heads work against each other.
    layer = AttentionLayer(
        scores=np.array([[[0.5, 0.5]], [[0.25, 0.75]]]),
        values=np.array([[[6.0, 0.0], [0.0, 16.0]], [[2.0, 0.0], [-4.0, 0.0]]]),
        bias=np.array([10.0, 20.0]),
    )
    assert layer.norms().tolist() == [[5.0, 2.0]]
    assert layer.output().tolist() == [[11.0, 24.0]]
    np.testing.assert_allclose(layer.shares(), [[5 / 7, 2 / 7]], rtol=1e-15)


def test_transformed_values_worked_by_hand():
    attention = MultiHeadAttention(2, 2)
    attention.build()
    # W_V doubles, b_V = (1, 0); W_O of head 1 is (1, 10), of head 2 (100, 1000); keys play no part.
    attention.key_value_dense.set_weights(
        [np.array([[7.0, 7.0, 2.0, 0.0], [7.0, 7.0, 0.0, 2.0]]), np.array([7.0, 7.0, 1.0, 0.0])]
    )
    attention.output_dense.set_weights([np.array([[1.0, 10.0], [100.0, 1000.0]]), np.ones(2)])
    found = attention_flow.transformed_values(attention, np.array([[[3.0, 4.0]]], np.float32))
    assert found.tolist() == [[[[7.0, 70.0], [800.0, 8000.0]]]]


# === against a slow implementation of its own ===


def random_weights(model):
    """Large enough for uneven attention; biases and normalisations too."""
    for weight in model.trainable_variables:
        weight.assign(WEIGHTS.normal(size=weight.shape) * (0.3 if len(weight.shape) > 1 else 1.0))
    return model


SOURCE, TARGET = np.array([5, 9, 6, 3]), np.array([2, 7, 11])


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_equals_a_slow_implementation(make_model, norm):
    model = random_weights(make_model(num_layers=2, d_model=8, num_heads=2, dff=12, norm=norm))
    slow = SlowNetwork(model)
    slow.run(SOURCE, TARGET)
    found = flow(model, SOURCE, TARGET)
    for n in range(2):
        for layers, name in (
            (found.encoder_layers, f"encoder/block_{n}/self_attention"),
            (found.decoder_layers, f"decoder/block_{n}/self_attention"),
            (found.cross_layers, f"decoder/block_{n}/cross_attention"),
        ):
            np.testing.assert_allclose(layers[n].scores, slow.scores[name], atol=1e-5)
            np.testing.assert_allclose(layers[n].norms(), slow.norms[name], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            found.encoder[n],
            [[slow.encoder_reach(n, i, j) for j in range(4)] for i in range(4)],
            atol=1e-5,
        )
        for rolled, of_source, width in (
            (found.from_source, True, 4),
            (found.from_target, False, 3),
        ):
            np.testing.assert_allclose(
                rolled[n],
                [[slow.decoder_reach(n, i, j, of_source) for j in range(width)] for i in range(3)],
                atol=1e-5,
            )
    # The weights make it a case that tells wrong from right.
    assert np.ptp(found.from_source[-1], axis=-1).min() > 0.02


# === read off a network ===

KINDS = [("sinusoidal", "pre"), ("learned", "post"), ("rotary", "pre")]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: "-".join(kind))
def model(make_model, request):
    encoding, norm = request.param
    return random_weights(
        make_model(
            num_layers=2,
            num_decoder_layers=3,
            position_encoding_input=encoding,
            position_encoding_target=encoding,
            norm=norm,
            dropout=0.5,
        )
    )


SOURCES = np.array([[5, 9, 6, 3], [8, 3, 0, 0]], np.int32)
TARGETS = np.array([[2, 7, 11, 0, 0], [2, 12, 13, 14, 15]], np.int32)


def test_the_network_is_what_is_read_off_it(model):
    """With S = sum_i alpha_i * s_i in the place of every attention the logits are the same."""
    found = flow(model, SOURCES, TARGETS)
    x = model.encoder.start(SOURCES)[0]
    for block, layer in zip(model.encoder.blocks, found.encoder_layers, strict=True):
        x = block.feed(block.after(block.self_attention_norm, x, layer.output(), None))
    x = model.decoder.start(TARGETS, padding_mask(SOURCES))[0]
    for block, layer, cross in zip(
        model.decoder.blocks, found.decoder_layers, found.cross_layers, strict=True
    ):
        x = block.after(block.self_attention_norm, x, layer.output(), None)
        x = block.feed(block.after(block.cross_attention_norm, x, cross.output(), None))
    logits = np.asarray(model.logits(model.decoder.finish(x)))
    real = TARGETS != 0
    np.testing.assert_allclose(logits[real], np.asarray(model((SOURCES, TARGETS)))[real], atol=1e-3)


def test_scores_are_those_that_the_network_returns(model):
    found = flow(model, SOURCES, TARGETS)
    _, scores = model((SOURCES, TARGETS), return_attention=True)
    sides = SOURCES != 0, TARGETS != 0
    for layers, name, (keys, queries) in (
        (found.encoder_layers, "encoder", (sides[0], sides[0])),
        (found.decoder_layers, "decoder_self", (sides[1], sides[1])),
        (found.cross_layers, "decoder_cross", sides),
    ):
        assert len(layers) == len(scores[name])
        for layer, expected in zip(layers, scores[name], strict=True):
            real = (queries[:, None, :, None] & keys[:, None, None, :]) * np.ones(
                (1, 4, 1, 1), bool
            )
            np.testing.assert_allclose(layer.scores[real], np.asarray(expected)[real], atol=1e-6)
            assert not layer.scores[~real].any() and not layer.norms()[~real[:, 0]].any()
            np.testing.assert_allclose(layer.shares().sum(axis=-1), queries, atol=1e-5)


def test_shapes_sums_and_order_in_time(model):
    found = flow(model, SOURCES, TARGETS)
    assert found.encoder.shape == (2, 2, 4, 4)
    assert found.from_source.shape == (3, 2, 5, 4) and found.from_target.shape == (3, 2, 5, 5)
    assert found.encoder.dtype == found.from_source.dtype == found.from_target.dtype == np.float32
    np.testing.assert_allclose(found.encoder.sum(axis=-1), [SOURCES != 0] * 2, atol=1e-6)
    whole = found.from_source.sum(axis=-1) + found.from_target.sum(axis=-1)
    np.testing.assert_allclose(whole, [TARGETS != 0] * 3, atol=1e-6)
    assert (np.triu(found.from_target[-1], 1) == 0).all(), "nothing flows back in time"
    # A half of everything, and then half of what is left, comes over from the source.
    from_source = found.from_source.sum(axis=-1)[:, TARGETS != 0]
    np.testing.assert_allclose(from_source.T, [[0.5, 0.75, 0.875]] * 8, atol=1e-6)


def assert_same(found, expected):
    for name in ("encoder", "from_source", "from_target"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-5)
    for kind in ("encoder_layers", "decoder_layers", "cross_layers"):
        for one, other in zip(getattr(found, kind), getattr(expected, kind), strict=True):
            np.testing.assert_allclose(one.norms(), other.norms(), rtol=1e-4, atol=1e-4)


def cut(found, source, target):
    """The flows without what stands outside the two slices."""

    def layers(kind, query, key):
        return [
            AttentionLayer(one.scores[:, query, key], one.values[key], one.bias) for one in kind
        ]

    return attention_flow.Flow(
        found.encoder[:, source, source],
        found.from_source[:, target, source],
        found.from_target[:, target, target],
        layers(found.encoder_layers, source, source),
        layers(found.decoder_layers, target, target),
        layers(found.cross_layers, target, source),
    )


def test_a_sentence_in_a_batch_is_what_it_is_alone(model):
    found = flow(model, SOURCES, TARGETS)
    alone = flow(model, SOURCES[1, :2], TARGETS[1])
    assert alone.encoder.shape == (2, 2, 2)
    assert_same(cut(found.row(1), slice(2), slice(5)), alone)
    assert not found.encoder[:, 1, 2:].any() and not found.encoder[:, 1, :, 2:].any()
    assert not found.from_source[:, 1, :, 2:].any() and not found.from_target[:, 0, 3:].any()


def test_nothing_flows_between_packed_pairs(model):
    source, target = np.array([[5, 9, 6, 3, 8, 3, 0]]), np.array([[2, 7, 11, 2, 12, 13, 0]])
    source_segments, target_segments = (
        np.array([[1, 1, 1, 1, 2, 2, 0]]),
        np.array([[1, 1, 1, 2, 2, 2, 0]]),
    )
    found = flow(model, source, target, source_segments, target_segments)
    first, second = (slice(0, 4), slice(0, 3)), (slice(4, 6), slice(3, 6))
    for part_of_source, part_of_target in (first, second):
        alone = flow(model, source[0, part_of_source], target[0, part_of_target])
        assert_same(cut(found.row(0), part_of_source, part_of_target), alone)
    strangers = target_segments[0][:, None] != source_segments[0][None, :]
    assert not found.from_source[:, 0, strangers].any()
    assert not found.from_source[:, 0, 6].any() and not found.from_target[:, 0, :, 6].any()


# === what cannot be ===


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [2]), "encoder_token_ids must be integers"),
        (([0.5], [2]), "encoder_token_ids must be integers"),
        (([5, 3], [2, 30]), "decoder_token_ids must be from 0 to 29: got 2 to 30"),
        (([5] * 33, [2]), "encoder_token_ids has 33 positions; the model takes 32"),
        (([5, 3], [[2], [2]]), "as many rows"),
        (([[5, 3]], [[2], [2]]), "as many rows"),
        (([5, 3], [2], [1, 1]), "segment ids are those of both sides"),
        (([5, 3], [2], [1, 1], [1, 1]), "segment ids are those of both sides"),
    ],
)
def test_ids_that_the_model_cannot_take_are_named(make_model, arguments, message):
    with pytest.raises(ValueError, match=message):
        flow(make_model(), *arguments)
