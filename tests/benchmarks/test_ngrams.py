"""The n-grams that continuations are compared with."""

import collections

import numpy as np
import pytest

from tests.benchmarks import ngrams

SIZE = 7
TEXT = np.random.default_rng(3).integers(0, SIZE, 400).tolist()


def slow(window, text, size):
    """The same probability by its definition, from dictionaries."""
    windows = [tuple(row) for row in ngrams.windows_of([], text, 0)]

    def counts(length):
        if length == ngrams.ORDER:
            return collections.Counter(windows)
        kinds = {gram for gram in counts(length + 1)}
        return collections.Counter(gram[1:] for gram in kinds)

    def of(gram):
        if not gram:
            return 1 / size
        found = counts(len(gram))
        values = [*found.values()]
        discount = values.count(1) / max(1, values.count(1) + 2 * values.count(2))
        same = [found[other] for other in found if other[:-1] == gram[:-1]]
        if not same:
            return of(gram[1:])
        own = max(found[gram] - discount, 0) / sum(same)
        return own + discount * len(same) / sum(same) * of(gram[1:])

    return of(tuple(window))


def test_probabilities_are_those_of_the_definition():
    model = ngrams.KneserNey(ngrams.windows_of([], TEXT, 0), SIZE)
    windows = np.array([[1, 2, 3, 4], TEXT[10:14], TEXT[200:204], [6, 6, 6, 6], [0, 5, 0, 5]])
    expected = [slow(window, TEXT, SIZE) for window in windows.tolist()]
    assert model.probabilities(windows) == pytest.approx(expected, rel=1e-12)


def test_probabilities_of_all_tokens_add_up_to_one():
    model = ngrams.KneserNey(ngrams.windows_of([], TEXT, 0), SIZE)
    for context in ([0, 1, 2], TEXT[5:8], [6, 6, 6]):
        windows = np.array([[*context, token] for token in range(SIZE)])
        assert model.probabilities(windows).sum() == pytest.approx(1.0)


def test_the_likeliest_token_is_the_one_that_always_followed():
    text = [1, 2, 3, 4, 5, 6] * 20
    model = ngrams.KneserNey(ngrams.windows_of([], text, 0), SIZE)
    assert model.likeliest(np.array([[1, 2, 3], [4, 5, 6]]), []).tolist() == [4, 1]
    assert model.likeliest(np.array([[1, 2, 3]]), [4])[0] != 4


def test_a_short_context_is_filled_up_in_front():
    assert ngrams.windows_of([9], [5, 6], 0).tolist() == [[0, 0, 9, 5], [0, 9, 5, 6]]
    assert ngrams.windows_of([1, 2, 3, 4], [5], 0).tolist() == [[2, 3, 4, 5]]
