import numpy as np

from electra_model import buckets
from electra_model.search import target_limits
from tests.benchmarks import translate_peer


def test_rows_are_bounded_as_our_search_bounds_them():
    card = {"model": {"max_length": 40}, "buckets": [16, 32, 40]}
    lengths = np.array([3, 16, 17, 40])
    ((rows, limit),) = translate_peer.bounds(lengths, card, "model")
    assert rows.tolist() == [0, 1, 2, 3] and limit == 40
    found = translate_peer.bounds(lengths, card, "buckets")
    assert [(rows.tolist(), limit) for rows, limit in found if len(rows)] == [
        ([0], 16),
        ([1], 34),
        ([2], 40),
        ([3], 40),
    ]
    expected = [target_limits(width, 40) for width in buckets.fine_buckets(40)]
    assert [limit for _, limit in found] == expected
