import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.deduplication import minhash
from pipelines.deduplication.banding import (
    WINDOW,
    band_keys,
    candidates,
    choose_bands,
    forest,
    join,
    link,
    margin,
)
from pipelines.deduplication.shingle_sets import SETS


@pytest.mark.parametrize(
    "similarity, expected",
    [(1.0, (1, 128)), (0.95, (8, 14)), (0.9, (11, 9)), (0.8, (18, 6)), (0.5, (40, 3)),
     (0.3, (57, 2))],
)  # fmt: skip
def test_bands_find_what_is_similar(similarity, expected):
    bands, rows = choose_bands(similarity, 128)
    assert (bands, rows) == expected
    assert 1 - (1 - similarity**rows) ** bands >= 0.995
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


def read_from(signatures, sets=None):
    """How `link` gets at signatures and shingles (the same, if no others are given), and what it
    has asked for of either."""
    asked = [], []
    sets = [np.unique(row) for row in signatures] if sets is None else sets

    def read_signatures(ids):
        asked[0].extend(ids.tolist())
        return signatures[ids], np.array([len(sets[n]) for n in ids], np.int32)

    def read_sets(ids):
        asked[1].extend(ids.tolist())
        return pa.array([sets[n] for n in ids], SETS)

    return (read_signatures, read_sets), asked


def slots_of(sets, slots):
    """Signatures whose slots are numbers of the sets in turn, so that they say much the same."""
    return np.array([np.resize(np.array(one), slots) for one in sets], np.uint32)


def test_shingles_decide_and_not_the_estimate():
    whole = list(range(20))
    sets = [whole, [*whole[:18], 99, 98], [*whole[:17], 97, 96, 95], whole]
    signatures = np.zeros((4, 100), np.uint32)
    signatures[1, :25] = 1  # estimated at 0.75 to the first; it is 18 of 22
    signatures[2, :15] = 2  # estimated at 0.85 to the first; it is 17 of 23
    keys = np.array([9, 9, 9, 8], np.uint64)
    read, asked = read_from(signatures, sets)
    first, second = link(keys, np.arange(4), *read, 0.8)
    assert (first.tolist(), second.tolist()) == ([0], [1])
    assert asked[0] == [0, 1, 2]  # the last has no key in common with any


@pytest.mark.parametrize("shared, found", [(16, [1]), (15, [])])
def test_pairs_at_the_bound_are_similar(shared, found):
    sets = [list(range(18)), [*range(shared), *range(50, 68 - shared)]]  # 16 of 20, 15 of 21
    read, _ = read_from(slots_of(sets, 100), sets)
    assert link(np.array([3, 3], np.uint64), np.arange(2), *read, 0.8)[1].tolist() == found


def test_what_is_far_below_the_bound_is_not_read():
    signatures = np.zeros((2, 128), np.uint32)
    sets = [list(range(200)), list(range(200))]
    keys, ids = np.array([9, 9], np.uint64), np.arange(2)
    for differ, asked_for in [(43, [0, 1]), (45, [])]:  # 0.8 - 4 * 0.0354 is 0.659, 84.3 slots
        signatures[1, :differ] = 1
        read, asked = read_from(signatures, sets)
        link(keys, ids, *read, 0.8)
        assert asked[1] == asked_for


def test_the_margin_is_wider_where_few_shingles_fill_a_signature():
    found = margin(0.8, np.array([0, 16, 64, 128, 9999], np.int32), 128)
    assert found == pytest.approx([1.6, 0.4, 0.2, 0.14142, 0.14142], abs=1e-5)


def test_clusters_go_through_others_and_ids_may_repeat():
    whole = list(range(100))
    # The second is 0.90 to the first; the third 0.87 to the second, 0.78 to the first.
    sets = [whole, whole[:90], whole[12:90], [7]]
    keys = np.array([7, 7, 4, 4, 4, 7, 6, 6], np.uint64)
    ids = np.array([2, 1, 0, 1, 3, 0, 0, 2])
    signatures = np.zeros((4, 100), np.uint32)
    for order in ([0, 1, 2, 3, 4, 5, 6, 7], [7, 3, 5, 1, 0, 6, 4, 2]):
        read, _ = read_from(signatures, sets)
        first, second = link(keys[order], ids[order], *read, 0.8)
        assert (first.tolist(), second.tolist()) == ([0, 0], [1, 2])


@pytest.mark.parametrize("similarity", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("shingles", [20, 200])
def test_bands_miss_less_than_one_in_a_hundred_at_the_bound(similarity, shingles):
    trials, shared = 5000, round(similarity * shingles)
    only = (shingles - shared) // 2
    draw = np.random.default_rng(1)
    hashes = draw.integers(0, 2**64 - 1, (trials, shingles), np.uint64)
    bands, rows = choose_bands(similarity, 128)
    keys = []
    for some in (hashes[:, : shared + only], np.delete(hashes, range(shared, shared + only), 1)):
        offsets = np.arange(trials + 1) * some.shape[1]
        signatures = minhash.sign(minhash.Shingles(some.ravel(), offsets), 128)
        keys.append(band_keys(signatures, bands, rows, "pair"))
    assert (keys[0] == keys[1]).any(axis=1).mean() >= 0.99


def test_nothing_to_link():
    read, asked = read_from(np.zeros((0, 8), np.uint8))
    first, second = link(np.empty(0, np.uint64), np.empty(0, np.int64), *read, 0.8)
    assert len(first) == len(second) == 0 and asked == ([], [])
