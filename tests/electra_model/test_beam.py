import itertools
import math

import numpy as np
import pytest

from electra_model.tokenizer import EOS_ID, PAD_ID
from tests.electra_model.table_model import (
    LENGTH,
    SHORT_OR_LONG,
    SIZE,
    A,
    B,
    C,
    TableModel,
    run,
)


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
    ids, scores = run(TableModel(*tables), range(20), 2 * SIZE, alpha)
    expected = [best_of_all(table, alpha) for table in tables]
    np.testing.assert_allclose(scores, [score for score, _ in expected], rtol=1e-4)
    assert ids == [output for _, output in expected]
    _, greedy = run(TableModel(*tables), range(20), 1, alpha)
    assert (scores >= greedy - 1e-5).all() and (scores > greedy + 1e-3).any()


def test_a_wide_beam_finds_the_best_ones():
    """Both the best and the second best of all outputs."""
    ids, scores = run(TableModel(SHORT_OR_LONG), [0], 4, n_best=2, best=slice(None))
    assert ids[0][0] == [A, EOS_ID, 0, 0] and ids[0][1] == [B, C, EOS_ID, 0]
    np.testing.assert_allclose(scores[0], [math.log(0.33), math.log(0.3168)], rtol=1e-5)


def test_an_end_must_be_among_the_best_of_its_step():
    # After A the end has 0.2, which is more than any output that goes on: 0.3 * 0.6 = 0.18. With a
    # beam of two it is not among the best of its step, with one of three it is.
    table = {
        (): {A: 1.0},
        (A,): {A: 0.5, B: 0.3, EOS_ID: 0.2},
        (A, A): {A: 0.3, B: 0.3, C: 0.3, EOS_ID: 0.1},
        (A, B): {EOS_ID: 0.6, C: 0.4},
        (A, A, A): {EOS_ID: 1.0},
    }
    ids, scores = run(TableModel(table), [0], beam_size=2)
    assert ids == [[A, B, EOS_ID, PAD_ID]]
    np.testing.assert_allclose(scores, [math.log(0.18)], rtol=1e-5)
    ids, scores = run(TableModel(table), [0], beam_size=3)
    assert ids == [[A, EOS_ID, PAD_ID, PAD_ID]]
    np.testing.assert_allclose(scores, [math.log(0.2)], rtol=1e-5)
