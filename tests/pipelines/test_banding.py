import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.banding import WINDOW, band_keys, candidates, choose_bands, forest, join, link


@pytest.mark.parametrize(
    "similarity, expected",
    [(1.0, (1, 128)), (0.95, (8, 16)), (0.9, (11, 10)), (0.8, (16, 6)), (0.5, (35, 3)),
     (0.3, (49, 2))],
)  # fmt: skip
def test_bands_find_what_is_similar(similarity, expected):
    bands, rows = choose_bands(similarity, 128)
    assert (bands, rows) == expected
    assert 1 - (1 - similarity**rows) ** bands >= 0.99
    assert bands * rows <= 128


def test_too_few_slots():
    with pytest.raises(ValueError, match="no bands of 2 slots find pairs of similarity 0.3"):
        choose_bands(0.3, 2)


def test_keys_are_equal_where_all_slots_of_a_band_are():
    signatures = np.array([[1, 2, 3, 4, 5], [1, 2, 3, 9, 5], [2, 1, 3, 4, 0]], np.uint32)
    keys = band_keys(signatures, 2, 2, "pair")
    assert keys.shape == (3, 2) and keys.dtype == np.uint64
    assert (keys[0] == keys[1]).tolist() == [True, False]
    assert (keys[0] == keys[2]).tolist() == [False, True]
    # Neither bands nor kinds meet.
    same = band_keys(np.full((1, 4), 7, np.uint32), 2, 2, "pair")
    assert same[0, 0] != same[0, 1]
    assert (same != band_keys(np.full((1, 4), 7, np.uint32), 2, 2, "monolingual:en")).all()
    assert band_keys(signatures[:0], 2, 2, "pair").shape == (0, 2)


def pairs_of(keys):
    found = [(int(a), int(b)) for pair in candidates(np.array(keys, np.uint64))
             for a, b in zip(*pair, strict=True)]  # fmt: skip
    assert len(found) == len(set(found))
    return sorted(found)


def test_candidates_are_all_pairs_with_a_key():
    assert pairs_of([]) == pairs_of([1, 2, 3]) == []
    assert pairs_of([1, 1, 2, 3, 3, 3]) == [(0, 1), (3, 4), (3, 5), (4, 5)]
    count = WINDOW + 1
    assert len(pairs_of([5] * count)) == count * (count - 1) // 2


def test_candidates_of_a_large_band_are_bounded():
    found = pairs_of([3] * 1000 + [4] * 3)
    assert len(found) <= 1003 * (WINDOW + 1)
    assert all(b - a <= WINDOW or a == 0 for a, b in found)
    assert {b for a, b in found if a == 0} == set(range(1, 1000))


EDGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60)


def components(edges):
    """id -> the smallest of its component, one edge after the other."""
    parent = {node: node for edge in edges for node in edge}

    def root(node):
        while parent[node] != node:
            node = parent[node]
        return node

    for a, b in edges:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return {node: root(node) for node in parent}


@given(EDGES)
def test_a_forest_has_the_clusters_of_its_links(edges):
    ids = np.array(edges, np.int64).reshape(-1, 2) * 1000
    first, second = forest(ids[:, 0], ids[:, 1])
    expected = {node: low for node, low in components(edges).items() if node != low}
    assert second.tolist() == [1000 * node for node in sorted(expected)]
    assert first.tolist() == [1000 * expected[node] for node in sorted(expected)]
    # Made in two goes, and in any order, it is the same.
    half = len(ids) // 2
    early = forest(ids[:half, 1], ids[:half, 0])
    again = forest(*(np.concatenate([a, b]) for a, b in zip(early, ids[half:].T, strict=True)))
    assert [part.tolist() for part in again] == [first.tolist(), second.tolist()]


def test_long_chains_are_joined():
    count = 10_000
    order = np.random.default_rng(1).permutation(count - 1)
    assert not join(np.arange(count), order, order + 1).any()
    before = np.arange(4)
    assert join(before, np.array([2]), np.array([3])).tolist() == [0, 1, 2, 2]
    assert before.tolist() == [0, 1, 2, 3]


def read_from(signatures):
    """How `link` gets at signatures, with what it has asked for."""
    asked = []

    def read(ids):
        asked.extend(ids.tolist())
        return signatures[ids]

    return read, asked


def test_an_equal_band_alone_is_no_similarity():
    signatures = np.zeros((4, 100), np.uint32)
    signatures[1, :20] = 1  # 0.80 to the first
    signatures[2, :21] = 2  # 0.79 to the first
    keys = np.array([9, 9, 9, 8], np.uint64)
    read, asked = read_from(signatures)
    first, second = link(keys, np.arange(4), read, 0.8)
    assert (first.tolist(), second.tolist()) == ([0], [1])
    assert asked == [0, 1, 2]  # the last has no key in common with any


def test_clusters_go_through_others_and_ids_may_repeat():
    signatures = np.zeros((4, 100), np.uint32)
    signatures[1, :15] = 1
    signatures[2, :30] = 1  # 0.85 to the second, 0.70 to the first
    signatures[3] = 5
    keys = np.array([7, 7, 4, 4, 4, 7, 6, 6], np.uint64)
    ids = np.array([2, 1, 0, 1, 3, 0, 0, 2])
    for order in ([0, 1, 2, 3, 4, 5, 6, 7], [7, 3, 5, 1, 0, 6, 4, 2]):
        read, _ = read_from(signatures)
        first, second = link(keys[order], ids[order], read, 0.8)
        assert (first.tolist(), second.tolist()) == ([0, 0], [1, 2])


def test_nothing_to_link():
    read, asked = read_from(np.zeros((0, 8), np.uint8))
    first, second = link(np.empty(0, np.uint64), np.empty(0, np.int64), read, 0.8)
    assert len(first) == len(second) == 0 and asked == []
