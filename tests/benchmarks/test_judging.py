"""What errors are told apart by."""

import itertools

import numpy as np
import pytest

from tests.benchmarks import judging


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    draw = np.random.default_rng(1)
    for _ in range(20):
        right, wrong = draw.integers(0, 9, 30), draw.integers(2, 12, 20)
        counted = np.mean(
            [(b > a) + (b == a) / 2 for a, b in itertools.product(right.tolist(), wrong.tolist())]
        )
        assert judging.area(right, wrong) == pytest.approx(counted)
    assert judging.area(np.array([1.0, 2.0]), np.array([3.0])) == 1.0


def test_each_error_is_one():
    pairs = [("One two three", "Eins zwei drei"), ("Four", "Vier"), ("Five six", "Sechs fünf")]
    found = judging.errors_of(pairs)
    for _, target in found["two neighbouring words are swapped"]:
        assert sorted(target.split()) in [sorted(one.split()) for _, one in pairs]
        assert target not in [one for _, one in pairs]
    for source, target in found["one word is another sentence's"]:
        before, after = dict(pairs)[source].split(), target.split()
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert len(found["the source, copied"]) == 3
