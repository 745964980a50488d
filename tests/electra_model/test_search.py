import itertools
import math
import types

import numpy as np
import pytest
import tensorflow as tf

from electra_model.search import length_penalty, search, target_limit
from electra_model.tokenizer import BOS_ID, EOS_ID, PAD_ID

A, B, C = 5, 6, 7
SIZE = 8  # the five special ids and three tokens
LENGTH = 4
IMPOSSIBLE = -60.0


class TableModel:
    """A model of three tokens whose distributions are written down.

    Which table it reads is the first source token; the row is all that came before, which it knows
    from its cache alone. So a cache that follows the wrong hypothesis gives wrong numbers.
    """

    target_vocab_size = SIZE

    def __init__(self, *tables):
        """tables: {prefix: {token: probability}}, a prefix being a tuple of tokens."""
        logits = np.full((len(tables), SIZE ** (LENGTH - 1), SIZE), IMPOSSIBLE, "float32")
        for number, table in enumerate(tables):
            for prefix, row in table.items():
                code = sum(token * SIZE**place for place, token in enumerate(prefix))
                for token, probability in row.items():
                    logits[number, code, token] = math.log(probability)
        self.logits_of = tf.constant(logits)
        self.decoder = types.SimpleNamespace(
            memory_cache=lambda memory: memory,
            empty_cache=lambda batch, beam, _: [tf.zeros([batch, beam, LENGTH], tf.int32)],
            step=self.step,
        )

    def encoder(self, source_ids):
        """The number of the table, in place of a memory."""
        return source_ids[:, 0]

    def step(self, tokens, position, cache, memory, real):
        at = tf.range(LENGTH)[None, None, :] == position
        seen = tf.where(at, tokens[:, :, None], cache[0])
        # Position 0 holds the start mark; what follows it is the prefix.
        code = tf.reduce_sum(seen[:, :, 1:] * SIZE ** tf.range(LENGTH - 1)[None, None, :], axis=2)
        rows = tf.gather(tf.gather(self.logits_of, memory), code, batch_dims=1)
        return rows, [seen]

    def logits(self, hidden):
        """What `step` gave is the logits already."""
        return hidden


# Greedy takes A (0.6) and is left with 0.6 * 0.4 = 0.24; B and the end mark have 0.4 * 0.9 = 0.36.
GARDEN_PATH = {
    (): {A: 0.6, B: 0.4},
    (A,): {EOS_ID: 0.4, A: 0.3, B: 0.3},
    (B,): {EOS_ID: 0.9, A: 0.1},
    (A, A): {EOS_ID: 1.0},
    (A, B): {EOS_ID: 1.0},
    (B, A): {EOS_ID: 1.0},
}
# A: 0.55 * 0.6 = 0.33 in two tokens; B C: 0.45 * 0.8 * 0.88 = 0.3168 in three.
SHORT_OR_LONG = {
    (): {A: 0.55, B: 0.45},
    (A,): {EOS_ID: 0.6, C: 0.4},
    (B,): {C: 0.8, A: 0.2},
    (A, C): {EOS_ID: 0.5, C: 0.5},
    (B, C): {EOS_ID: 0.88, A: 0.12},
    (B, A): {EOS_ID: 1.0},
    (A, C, C): {EOS_ID: 1.0},
    (B, C, A): {EOS_ID: 1.0},
}


def run(model, sources, beam_size, alpha=0.0, max_length=LENGTH):
    source_ids = tf.constant([[source] for source in sources])
    found = search(model, source_ids, beam_size=beam_size, alpha=alpha, max_length=max_length)
    return np.asarray(found.token_ids).tolist(), np.asarray(found.scores)


def test_greedy_and_beam_differ_where_the_garden_path_leads():
    model = TableModel(GARDEN_PATH)
    ids, scores = run(model, [0], beam_size=1)
    assert ids == [[A, EOS_ID, 0, 0]]
    np.testing.assert_allclose(scores, [math.log(0.24)], rtol=1e-5)
    ids, scores = run(model, [0], beam_size=2)
    assert ids == [[B, EOS_ID, 0, 0]]
    np.testing.assert_allclose(scores, [math.log(0.36)], rtol=1e-5)


@pytest.mark.parametrize(
    ("alpha", "ids", "score"),
    [
        (0.0, [A, EOS_ID, 0, 0], math.log(0.33)),
        (1.0, [B, C, EOS_ID, 0], math.log(0.3168) / (8 / 6)),
    ],
)
def test_the_length_penalty_chooses_between_short_and_long(alpha, ids, score):
    found, scores = run(TableModel(SHORT_OR_LONG), [0], beam_size=3, alpha=alpha)
    assert found == [ids]
    np.testing.assert_allclose(scores, [score], rtol=1e-5)


def test_an_output_that_has_ended_takes_no_place_in_the_beam():
    # After two tokens "B A" (0.36) and "A, ended" (0.3) are ahead of "A A" (0.18), which must stay.
    model = TableModel(
        {
            (): {A: 0.6, B: 0.4},
            (A,): {EOS_ID: 0.5, A: 0.3, B: 0.2},
            (B,): {A: 0.9, B: 0.1},
            (A, A): {EOS_ID: 1.0},
            (B, A): {EOS_ID: 0.1, A: 0.9},
        }
    )
    ids, scores = run(model, [0], beam_size=2, alpha=3.0, max_length=3)
    assert ids == [[A, A, EOS_ID]]
    np.testing.assert_allclose(scores, [math.log(0.18) / (8 / 6) ** 3], rtol=1e-5)


@pytest.mark.parametrize("beam_size", [1, 2])
def test_no_output_is_empty(beam_size):
    model = TableModel({(): {EOS_ID: 0.9, A: 0.06, B: 0.04}, (A,): {EOS_ID: 1.0}})
    ids, scores = run(model, [0], beam_size=beam_size, alpha=0.0)
    assert ids == [[A, EOS_ID, PAD_ID, PAD_ID]]
    np.testing.assert_allclose(scores, [math.log(0.06)], rtol=1e-5)


def test_length_penalty_by_hand():
    assert float(length_penalty(1, 0.7)) == pytest.approx(1.0)
    assert float(length_penalty(7, 1.0)) == pytest.approx(2.0)
    assert float(length_penalty(19, 0.5)) == pytest.approx(2.0)
    assert float(length_penalty(100, 0.0)) == 1.0


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


def best_of_all(table, alpha):
    """Tries every output but the empty one."""
    best = (-math.inf, None)
    for length in range(1, LENGTH):
        for prefix in itertools.product((A, B), repeat=length):
            steps = [(prefix[:n], token) for n, token in enumerate((*prefix, EOS_ID))]
            total = sum(math.log(table[before][token]) for before, token in steps)
            score = total / ((5 + length + 1) / 6) ** alpha
            best = max(best, (score, [*prefix, EOS_ID, *[0] * (LENGTH - length - 1)]))
    return best


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_the_best_of_all(alpha):
    random = np.random.default_rng(0)
    tables = []
    for _ in range(20):
        table = {}
        for length in range(LENGTH):
            for prefix in itertools.product((A, B), repeat=length):
                row = random.dirichlet([0.5, 0.5, 0.3]) * 0.999 + 0.001 / 3
                table[prefix] = dict(zip((A, B, EOS_ID), row.tolist(), strict=True))
        tables.append(table)
    ids, scores = run(TableModel(*tables), range(20), SIZE, alpha)
    expected = [best_of_all(table, alpha) for table in tables]
    np.testing.assert_allclose(scores, [score for score, _ in expected], rtol=1e-4)
    assert ids == [output for _, output in expected]
    _, greedy = run(TableModel(*tables), range(20), 1, alpha)
    assert (scores >= greedy - 1e-5).all() and (scores > greedy + 1e-3).any()


def test_target_limit():
    assert target_limit(10, 128) == 25
    assert target_limit(100, 128) == 128


# === with a real model ===


ROTARY = dict(
    position_encoding_input="rotary",
    position_encoding_target="rotary",
    activation="swiglu",
    embedding_dim=12,
)


@pytest.fixture(scope="module", params=[{}, ROTARY], ids=["sinusoidal", "rotary"])
def electra(make_model, request):
    model = make_model(num_decoder_layers=2, **request.param)
    table = model.embedding.table
    table.assign(table * 1.5)  # surer of itself, so that hypotheses differ
    return model


SOURCES = np.random.default_rng(1).integers(5, 30, size=(6, 5)).astype("int32")
SOURCES[3:, 4] = 0


def log_probabilities(model, sources, prefixes):
    """Of every next token, by the whole decoder; special tokens but the end mark are left out."""
    logits = np.array(model((sources, prefixes)), np.float64)
    logits[..., [0, 1, 2, 4]] = -np.inf
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_greedy_is_the_likeliest_token_each_time(electra):
    found = search(electra, tf.constant(SOURCES), beam_size=1, alpha=0.0, max_length=8)
    prefixes = np.full((6, 1), BOS_ID, np.int32)
    ended = np.zeros(6, bool)
    for position in range(8):
        scores = log_probabilities(electra, SOURCES, prefixes)[:, -1]
        chosen = scores.argmax(axis=1) if position < 7 else np.full(6, EOS_ID)
        chosen = np.where(ended, 0, chosen).astype(np.int32)
        ended |= chosen == EOS_ID
        prefixes = np.concatenate([prefixes, chosen[:, None]], axis=1)
    assert np.asarray(found.token_ids).tolist() == prefixes[:, 1:].tolist()


@pytest.mark.parametrize("beam_size", [1, 3])
def test_the_score_is_that_of_the_output(electra, beam_size):
    found = search(electra, tf.constant(SOURCES), beam_size=beam_size, alpha=0.6, max_length=8)
    ids = np.asarray(found.token_ids)
    shifted = np.concatenate([np.full((6, 1), BOS_ID), ids[:, :-1]], axis=1).astype(np.int32)
    log_p = log_probabilities(electra, SOURCES, shifted)
    chosen = np.take_along_axis(log_p, ids[..., None], axis=2)[..., 0]
    lengths = (ids != 0).sum(axis=1)
    total = np.where(ids != 0, chosen, 0).sum(axis=1)
    np.testing.assert_allclose(found.scores, total / ((5 + lengths) / 6) ** 0.6, rtol=1e-4)
    assert not np.isin(ids, [1, 2, 4]).any()


def test_beam_is_at_least_as_good_as_greedy(electra):
    greedy, beam = (
        np.asarray(
            search(electra, tf.constant(SOURCES), beam_size=n, alpha=0.6, max_length=8).scores
        )
        for n in (1, 4)
    )
    assert (beam >= greedy - 1e-5).all()
    assert (beam > greedy + 1e-3).any()


def test_a_compiled_search_gives_the_same(electra):
    def find(source_ids):
        found = search(electra, source_ids, beam_size=2, alpha=0.6, max_length=6)
        return found.token_ids, found.scores

    compiled = tf.function(find, jit_compile=True, autograph=False)
    for plain, fast in zip(find(tf.constant(SOURCES)), compiled(tf.constant(SOURCES)), strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-4)
