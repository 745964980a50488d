"""Several pairs in one row: each is what it is alone, and what is learned is the same."""

import numpy as np
import pytest
import tensorflow as tf

from electra_model.electra import Electra
from electra_model.losses import vocabulary_cross_entropy
from electra_model.tokenizer import BOS_ID

DRAWS = np.random.default_rng(3)
# Source and target of each pair, with end marks; the lengths of the sides differ.
PAIRS = [
    tuple([*DRAWS.integers(5, 20, length).tolist(), 3] for length in lengths)
    for lengths in ((4, 2), (1, 5), (6, 3), (2, 2))
]
# Two rows of two pairs and one of one, as a training lays them; and each pair in a row of its own.
PACKED, ALONE = [[0, 1], [2, 3], [0]], [[0], [1], [2], [3], [0]]
LENGTH = 14


def batch(rows, length=LENGTH):
    """Rows of pairs -> int32 [rows, length]: source, decoder input, target, segments of both."""
    arrays = [np.zeros((len(rows), length), np.int32) for _ in range(5)]
    for row, members in enumerate(rows):
        source, target, shifted, sources, targets = [], [], [], [], []
        for segment, (one, other) in enumerate((PAIRS[member] for member in members), start=1):
            source += one
            target += other
            shifted += [BOS_ID, *other[:-1]]
            sources += [segment] * len(one)
            targets += [segment] * len(other)
        for array, values in zip(arrays, (source, shifted, target, sources, targets), strict=True):
            array[row, : len(values)] = values
    return arrays


def logits(model, arrays):
    source, shifted, _, sources, targets = arrays
    inputs = {
        "encoder_token_ids": source,
        "decoder_token_ids": shifted,
        "encoder_segment_ids": sources,
        "decoder_segment_ids": targets,
    }
    return np.asarray(model(inputs))


@pytest.fixture(
    scope="module",
    params=[("sinusoidal", "pre"), ("learned", "pre"), ("learned", "post"), ("rotary", "pre")],
    ids=lambda param: "-".join(param),
)
def model(request):
    encoding, norm = request.param
    return Electra(2, 16, 4, 32, 20, 20, encoding, encoding, norm=norm, max_length=LENGTH)


def of_pairs(values, arrays, rows):
    """What each pair's targets got, in the order of `rows`."""
    targets = arrays[4]
    return [
        values[row][targets[row] == segment]
        for row, members in enumerate(rows)
        for segment in range(1, len(members) + 1)
    ]


def test_the_logits_of_a_pair_are_those_that_it_has_alone(model):
    packed, alone = batch(PACKED), batch(ALONE)
    found = of_pairs(logits(model, packed), packed, PACKED)
    plain = np.asarray(model((alone[0], alone[1])))  # without any segments
    expected = of_pairs(plain, alone, ALONE)
    assert [len(values) for values in found] == [3, 6, 4, 3, 3]
    for values, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(values, other, atol=1e-5)
    # The same pair at another place of the row, in the same one alone, differs by nothing either.
    turned = batch([[1, 0], [3, 2], [0]])
    first, second = of_pairs(logits(model, turned), turned, PACKED)[:2]
    np.testing.assert_allclose(first, found[1], atol=1e-5)
    np.testing.assert_allclose(second, found[0], atol=1e-5)


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
def test_no_pair_sees_another(model, side):
    before, arrays = logits(model, batch(PACKED)), batch(PACKED)
    second = arrays[3 + side] == 2
    arrays[side][second] = (arrays[side][second] - 5 + 7) % 15 + 5
    after = logits(model, arrays)
    first = arrays[4] == 1
    np.testing.assert_allclose(after[first], before[first], atol=1e-6)
    changed = abs(after - before)[arrays[4] == 2].max(axis=-1)
    assert changed.min() > 1e-4  # every position of the pair that was changed


def test_without_segments_a_pair_does_see_its_neighbour(model):
    """What the other tests would not notice if pairs were not told apart."""
    packed, alone = batch(PACKED), batch(ALONE)
    found = of_pairs(np.asarray(model((packed[0], packed[1]))), packed, PACKED)
    expected = of_pairs(np.asarray(model((alone[0], alone[1]))), alone, ALONE)
    assert abs(found[1] - expected[1]).max() > 1e-2


def loss_and_gradients(model, arrays, segments):
    source, shifted, target, *numbers = arrays
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        hidden, _ = model.hidden(source, shifted, False, None, *(numbers if segments else ()))
        gold = tf.reshape(target, [-1])
        weights = tf.cast(gold != 0, tf.float32)
        table, bias = model.target_embedding.table.value, model.vocabulary_head.bias.value
        flat = tf.reshape(hidden, [-1, model.d_model])
        sums = vocabulary_cross_entropy(flat, table, bias, gold, weights, 0.1)
        loss = sums[0] / tf.reduce_sum(weights)
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    return float(loss), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def test_loss_and_gradients_are_those_of_the_pairs_one_by_one(model):
    loss, gradients = loss_and_gradients(model, batch(PACKED), segments=True)
    expected, others = loss_and_gradients(model, batch(ALONE), segments=False)
    assert loss == pytest.approx(expected, abs=1e-5)
    assert len(gradients) == len(others) > 20
    for gradient, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(gradient, other, atol=1e-5)
    assert sum(abs(gradient).max() > 1e-3 for gradient in gradients) > 20


def test_segments_of_one_side_only_are_refused(model):
    source, shifted, _, sources, _ = batch(PACKED)
    inputs = dict(encoder_token_ids=source, decoder_token_ids=shifted, encoder_segment_ids=sources)
    with pytest.raises(ValueError, match="segments are those of both sides, or there are none"):
        model(inputs)
