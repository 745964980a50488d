import functools
import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_model.config import ModelConfig
from electra_model.decoding import Decoding, Sampling
from electra_model.electra import Electra
from electra_model.search import search, target_limits
from electra_model.shortlist import LENGTH, Shortlist
from electra_model.tokenizer import BOS_ID, EOS_ID, PAD_ID
from tests.electra_model.table_model import (
    GARDEN_PATH,
    SHORT_OR_LONG,
    A,
    B,
    TableModel,
    run,
)


@pytest.mark.parametrize("beam_size", [1, 2])
def test_no_output_is_empty(beam_size):
    model = TableModel({(): {EOS_ID: 0.9, A: 0.06, B: 0.04}, (A,): {EOS_ID: 1.0}})
    ids, scores = run(model, [0], beam_size=beam_size, alpha=0.0)
    assert ids == [[A, EOS_ID, PAD_ID, PAD_ID]]
    np.testing.assert_allclose(scores, [math.log(0.06)], rtol=1e-5)


def test_a_result_does_not_depend_on_neighbours_or_order():
    model = TableModel(GARDEN_PATH, SHORT_OR_LONG)
    for beam_size in (1, 3):
        alone = [run(model, [number], beam_size, 1.0) for number in (0, 1)]
        for order in ([0, 1], [1, 0], [1, 1, 0]):
            ids, scores = run(model, order, beam_size, 1.0)
            assert ids == [alone[number][0][0] for number in order]
            assert scores.tolist() == [alone[number][1][0] for number in order]


@pytest.mark.parametrize("beam_size", [1, 2])
def test_every_output_ends(beam_size):
    endless = {(A,) * length: {A: 1.0} for length in range(3)}
    endless[(A, A, A)] = {A: 0.999, EOS_ID: 0.001}
    ids, _ = run(TableModel(endless), [0], beam_size)
    assert ids == [[A, A, A, EOS_ID]]


def test_target_limits():
    assert target_limits(10, 128) == 25
    assert target_limits(100, 128) == 128


# === with a real model ===


ROTARY = dict(
    position_encoding_input="rotary",
    position_encoding_target="rotary",
    activation="swiglu",
    embedding_dim=12,
)


def surer(model):
    """The model, surer of itself, so that hypotheses differ."""
    table = model.embedding.table
    table.assign(table * 1.5)
    return model


@pytest.fixture(scope="module")
def electra(make_model):
    return surer(make_model(num_decoder_layers=2))


@functools.cache
def traced(model, decoding, draws=False, prefix=False, shortlist=False):
    """The search as a graph of any shapes: sources, longest outputs, slots, and what is given."""
    given = {
        **({"draws": tf.TensorSpec([None, None], tf.float32)} if draws else {}),
        **({"prefix": tf.TensorSpec([None, None], tf.int32)} if prefix else {}),
        **({"shortlist": tf.TensorSpec([None, LENGTH], tf.int32)} if shortlist else {}),
    }
    ids, numbers = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)

    @tf.function(
        autograph=False, input_signature=[ids, numbers, tf.TensorSpec([], tf.int32), given]
    )
    def find(source_ids, limits, slots, given):
        found = search(model, source_ids, decoding, limits, given, slots)
        return found.token_ids, found.scores

    return find


def outputs_of(model, sources, decoding, limits, given=None, slots=256):
    """int32 [batch, n_best, longest] and float32 [batch, n_best]. limits: of each, or of all."""
    given = {name: tf.constant(part) for name, part in (given or {}).items()}
    find = traced(model, decoding, **dict.fromkeys(given, True))
    limits = np.broadcast_to(limits, len(sources)).astype("int32")
    ids, scores = find(tf.constant(sources), tf.constant(limits), tf.constant(slots), given)
    return np.asarray(ids), np.asarray(scores)


# Of the model `many`: ten of its 600 pieces for each piece of a source.
LISTS = Shortlist(
    np.arange(5, 30, dtype=np.int32),
    np.random.default_rng(3).integers(5, 600, size=(600, 10)).astype(np.int32),
)
SOURCES = np.random.default_rng(1).integers(5, 30, size=(6, 5)).astype("int32")
SOURCES[3:, 4] = 0


def log_probabilities(model, sources, prefixes):
    """Of every next token, by the whole decoder; special tokens but the end mark are left out."""
    logits = np.array(model((sources, prefixes)), np.float64)
    logits[..., [0, 1, 2, 4]] = -np.inf
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_greedy_is_the_likeliest_token_each_time(electra):
    ids, _ = outputs_of(electra, SOURCES, Decoding(1, 0.0), 8)
    prefixes = np.full((6, 1), BOS_ID, np.int32)
    ended = np.zeros(6, bool)
    for position in range(8):
        scores = log_probabilities(electra, SOURCES, prefixes)[:, -1]
        chosen = scores.argmax(axis=1) if position < 7 else np.full(6, EOS_ID)
        chosen = np.where(ended, 0, chosen).astype(np.int32)
        ended |= chosen == EOS_ID
        prefixes = np.concatenate([prefixes, chosen[:, None]], axis=1)
    assert ids[:, 0].tolist() == prefixes[:, 1:].tolist()


@pytest.mark.parametrize(
    ("beam_size", "changes"), [(1, {}), pytest.param(3, {}, marks=pytest.mark.slow), (3, ROTARY)]
)
def test_the_score_is_that_of_the_output(make_model, electra, beam_size, changes):
    if changes:
        electra = surer(make_model(num_decoder_layers=2, **changes))
    found = outputs_of(electra, SOURCES, Decoding(beam_size, 0.6), 8)
    ids = found[0][:, 0]
    shifted = np.concatenate([np.full((6, 1), BOS_ID), ids[:, :-1]], axis=1).astype(np.int32)
    log_p = log_probabilities(electra, SOURCES, shifted)
    chosen = np.take_along_axis(log_p, ids[..., None], axis=2)[..., 0]
    lengths = (ids != 0).sum(axis=1)
    total = np.where(ids != 0, chosen, 0).sum(axis=1)
    np.testing.assert_allclose(found[1][:, 0], total / ((5 + lengths) / 6) ** 0.6, rtol=1e-4)
    assert not np.isin(ids, [1, 2, 4]).any()


def test_beam_is_at_least_as_good_as_greedy(electra):
    greedy, beam = (outputs_of(electra, SOURCES, Decoding(n, 0.6), 8)[1] for n in (1, 4))
    assert (beam >= greedy - 1e-5).all()
    assert (beam > greedy + 1e-3).any()


@pytest.mark.parametrize(
    "decoding", [pytest.param(Decoding(1), marks=pytest.mark.slow), Decoding(3, n_best=2)]
)
def test_a_graph_gives_the_same_for_all_shapes(electra, decoding):
    for sources, longest in ((SOURCES, 6), (SOURCES[:2, :4], 8)):
        found = search(electra, tf.constant(sources), decoding, longest)
        ids, scores = outputs_of(electra, sources, decoding, longest)
        assert ids.shape == (len(sources), decoding.n_best, longest)
        assert np.array_equal(found.token_ids, ids)
        np.testing.assert_allclose(found.scores, scores, rtol=1e-5)
    ids, scores = outputs_of(electra, SOURCES[:0], decoding, 5)
    assert ids.shape[:2] == scores.shape == (0, decoding.n_best)
    assert traced(electra, decoding).experimental_get_tracing_count() == 1


# === many sentences, few slots ===


@pytest.fixture(scope="module")
def many():
    """A model whose outputs are of many lengths, and sources of many lengths."""
    sizes: dict[str, Any] = dict(
        num_layers=1, num_decoder_layers=1, d_model=64, dff=128, max_length=32
    )
    config = ModelConfig(preset="tiny", **sizes)
    model = Electra.from_config_and_vocabulary(config, 600, seed=1)
    for variable in model.trainable_variables:
        if len(variable.shape) == 2:
            variable.assign(variable.value * 1.5)
    model.vocabulary_head.bias.assign(4.0 * np.eye(600, dtype="float32")[EOS_ID])
    random = np.random.default_rng(0)
    sources = random.integers(5, 600, (40, 20)).astype("int32")
    for row, length in zip(sources, random.integers(2, 20, 40), strict=True):
        row[length:] = PAD_ID
    return model, sources


DECODINGS = [
    Decoding(1),
    pytest.param(Decoding(4, n_best=3), marks=pytest.mark.slow),
    Decoding(3, no_repeat_ngram=2, min_length=5),
    Decoding(sampling=Sampling(top_k=10)),
    pytest.param(Decoding(1, shortlist=True), marks=pytest.mark.slow),
    Decoding(3, no_repeat_ngram=2, shortlist=True),
]


@pytest.mark.parametrize("decoding", DECODINGS)
def test_what_a_sentence_becomes_depends_on_nothing_else(many, decoding):
    """To the last bit: on the slots, the neighbours, the order, the padding of the source, and how
    long the others may become."""
    model, sources = many
    numbers = np.random.default_rng(7).random((40, 24)).astype("float32")
    limits = np.random.default_rng(8).integers(6, 25, 40).astype("int32")
    lists = LISTS.of_sources(sources)

    def found(rows, sources=sources, slots=256):
        given = {"draws": numbers[rows]} if decoding.sampling else {}
        if decoding.shortlist:
            given["shortlist"] = lists[rows]
        ids, scores = outputs_of(model, sources[rows], decoding, limits[rows], given, slots)
        assert ids.shape[2] == limits[rows].max()
        return np.pad(ids, [(0, 0), (0, 0), (0, 24 - ids.shape[2])]), scores

    every = np.arange(40)
    ids, scores = found(every)
    assert len({row.tobytes() for row in ids}) > 4, "outputs differ"
    assert ((ids != 0).sum(axis=2) <= limits[:, None]).all()
    if not decoding.no_repeat_ngram:
        assert len(set((ids[:, 0] != 0).sum(axis=1))) > 1, "and end at various steps"
    wider = np.pad(sources, [(0, 0), (0, 7)])
    for rows, padded, slots in (
        (every, sources, 2),
        (every, sources, 5),
        (every[::-1], sources, 16),
        (np.array([17]), sources, 256),
        (np.argsort((sources == 0).sum(axis=1)), sources, 3),
        (np.array([3, 30, 3]), sources, 256),
        (every, wider, 256),
    ):
        again = found(rows, padded, slots)
        assert np.array_equal(again[0], ids[rows])
        assert np.array_equal(again[1], scores[rows])


@pytest.mark.parametrize("decoding", [Decoding(1, shortlist=True), Decoding(3, shortlist=True)])
def test_outputs_have_the_pieces_of_their_lists_only(many, decoding):
    model, sources = many
    given = {"shortlist": LISTS.of_sources(sources)}
    ids, _ = outputs_of(model, sources, decoding, 14, given)
    assert len({row.tobytes() for row in ids}) > 4
    for row, allowed in zip(ids[:, 0], given["shortlist"], strict=True):
        assert set(row.tolist()) <= set(allowed.tolist())


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.slow
def test_with_all_pieces_in_the_lists_outputs_are_what_they_are_without(electra, beam_size):
    every = np.arange(30, dtype=np.int32)
    lists = Shortlist(every, np.zeros((30, 1), np.int32)).of_sources(SOURCES)
    ids, scores = outputs_of(electra, SOURCES, Decoding(beam_size), 8)
    found, found_scores = outputs_of(
        electra, SOURCES, Decoding(beam_size, shortlist=True), 8, {"shortlist": lists}
    )
    assert np.array_equal(found, ids)
    np.testing.assert_allclose(found_scores, scores, rtol=1e-5)


def test_lists_are_for_what_is_searched(electra):
    given = {"shortlist": LISTS.of_sources(SOURCES), "prefix": np.zeros((6, 2), np.int32)}
    with pytest.raises(ValueError, match="shortlist is for outputs that are searched"):
        outputs_of(electra, SOURCES, Decoding(1, shortlist=True), 8, given)


def test_the_best_outputs_come_first_and_differ(many):
    ids, scores = outputs_of(many[0], many[1], Decoding(4, n_best=4), 12)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len({row.tobytes() for row in outputs}) == 4 for outputs in ids)
    best, _ = outputs_of(many[0], many[1], Decoding(4), 12)
    assert np.array_equal(best[:, 0], ids[:, 0])


@pytest.mark.parametrize("beam_size", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_no_output_is_shorter_than_allowed(many, beam_size):
    free, bound = (
        outputs_of(many[0], many[1], Decoding(beam_size, min_length=n), 24)[0] for n in (2, 20)
    )
    assert (free != 0).sum(axis=2).min() < 20 <= (bound != 0).sum(axis=2).min()


@pytest.mark.parametrize("alpha", [0.0, 0.6])
@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.slow
def test_where_there_is_no_room_for_the_shortest_output_it_ends_with_the_room(
    many, beam_size, alpha
):
    ids, scores = outputs_of(many[0], many[1], Decoding(beam_size, alpha, min_length=20), 6)
    assert (ids[:, 0, -1] == EOS_ID).all() and (scores > -100).all()


@pytest.mark.parametrize("beam_size", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_tokens_in_the_same_order_come_once(many, beam_size):
    free, without = (
        outputs_of(many[0], many[1], Decoding(beam_size, no_repeat_ngram=n), 16)[0][:, 0]
        for n in (0, 2)
    )

    def repeats(ids):
        pairs = [tuple(ids[at : at + 2]) for at in range((ids != 0).sum() - 1)]
        return len(pairs) > len(set(pairs))

    assert any(map(repeats, free)) and not any(map(repeats, without))


@pytest.mark.parametrize("beam_size", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_outputs_begin_as_they_are_told_to(electra, beam_size):
    prefix = np.array([[7, 8, 9], [11, 0, 0], [0, 0, 0]] * 2, np.int32)
    ids = outputs_of(electra, SOURCES, Decoding(beam_size), 8, {"prefix": prefix})[0][:, 0]
    assert ids[0, :3].tolist() == [7, 8, 9] and ids[1, 0] == 11
    free = outputs_of(electra, SOURCES, Decoding(beam_size), 8)[0]
    assert np.array_equal(ids[2], free[2, 0]) and not np.array_equal(ids[0], free[0, 0])
