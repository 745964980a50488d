import numpy as np

from pipelines.vocabularies import lexicon


def laid(rows):
    return np.concatenate(rows).astype(np.int64), np.cumsum([0, *map(len, rows)])


def test_the_worked_example_of_the_textbook():
    """the house, the book, a book: what always stands together is told apart from what need not
    (Koehn, Statistical Machine Translation, section 4.2.3)."""
    the, house, book, a = 5, 6, 7, 8
    das, haus, buch, ein = 5, 6, 7, 8
    source, target = [[the, house], [the, book], [a, book]], [[das, haus], [das, buch], [ein, buch]]
    found = lexicon.learned(laid(source), laid(target), [9, 9], 2)
    assert found.shape == (9, 2) and found.dtype == np.int32
    assert found[[the, house, book, a], 0].tolist() == [das, haus, buch, ein]
    assert not found[:5].any()


def test_numbers_are_those_of_an_independent_calculation():
    """Of one iteration after the other, written with dictionaries."""
    random = np.random.default_rng(0)
    source = [random.integers(5, 12, random.integers(0, 5)) for _ in range(30)]
    target = [random.integers(5, 12, random.integers(0, 5)) for _ in range(30)]
    table = {(s, t): 1.0 for s in range(5, 12) for t in range(5, 12)}
    for _ in range(lexicon._ITERATIONS):
        counts: dict = {}
        for one, other in zip(source, target, strict=True):
            for t in other.tolist():
                total = sum(table[s, t] for s in one.tolist())
                for s in one.tolist():
                    counts[s, t] = counts.get((s, t), 0.0) + table[s, t] / total
        sums: dict = {}
        for (s, _), count in counts.items():
            sums[s] = sums.get(s, 0.0) + count
        table = {pair: counts.get(pair, 0.0) / sums.get(pair[0], 1.0) for pair in table}
    found = lexicon.learned(laid(source), laid(target), [12, 12], 3)
    for s in range(5, 12):
        likely = sorted(range(5, 12), key=lambda t: -table[s, t])[:3]
        assert found[s].tolist() == [t for t in likely if table[s, t] > 0]


def test_no_pairs():
    empty = np.zeros(0, np.int64), np.zeros(1, np.int64)
    assert lexicon.learned(empty, empty, [6, 7], 4).shape == (6, 4)
