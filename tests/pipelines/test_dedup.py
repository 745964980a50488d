import numpy as np
import pyarrow as pa

from pipelines.dedup import DUPLICATE, LEAK, find_rejected, hash_texts, partition_of


def strings(*texts):
    return pa.array(texts, pa.string())


def find(rows, leak=True, duplicate=True):
    """rows: (group, equal, is it a validation or test record)."""
    keys = np.array([[group, group, equal, equal] for group, equal, _ in rows], np.uint64)
    measure = np.array([row[2] for row in rows], bool)
    return find_rejected(keys.reshape(-1, 4), measure, leak=leak, duplicate=duplicate).tolist()


def test_the_first_of_equal_records_stays():
    assert find([(1, 5, False), (2, 6, False), (1, 5, False), (1, 7, False), (1, 5, False)]) == [
        -1,
        -1,
        DUPLICATE,
        -1,
        DUPLICATE,
    ]


def test_test_records_come_first_and_lose_nothing():
    rows = [(1, 5, False), (1, 5, True), (1, 5, True), (2, 6, False)]
    assert find(rows) == [LEAK, -1, -1, -1]
    assert find(rows, leak=False) == [DUPLICATE, -1, -1, -1]
    assert find(rows, leak=False, duplicate=False) == [-1, -1, -1, -1]


def test_a_leak_is_of_the_group_and_not_of_the_record():
    assert find([(1, 5, False), (1, 9, True), (2, 7, False)]) == [LEAK, -1, -1]


def test_halves_are_compared_both():
    keys = np.array([[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 4], [9, 2, 3, 4]], np.uint64)
    found = find_rejected(keys, np.zeros(4, bool), leak=True, duplicate=True)
    assert found.tolist() == [-1, -1, DUPLICATE, -1]


def test_nothing():
    assert find([]) == []


def test_hashes_are_of_kind_and_text():
    pair = hash_texts("pair", strings("a", "b", "a"))
    assert pair.shape == (3, 2) and pair.dtype == np.uint64
    assert (pair[0] == pair[2]).all() and (pair[0] != pair[1]).all()
    assert (hash_texts("text", strings("a"))[0] != pair[0]).all()
    assert hash_texts("pair", strings()).shape == (0, 2)
    # The same on every machine.
    assert f"{pair[0, 0]:016x}{pair[0, 1]:016x}" == "79f80f36b81c734972430d611e0a2b4c"


def test_partitions_are_even_and_cover_the_range():
    hashes = hash_texts("pair", strings(*map(str, range(10_000))))[:, 0]
    counts = np.bincount(partition_of(hashes, 7), minlength=7)
    assert len(counts) == 7 and counts.min() > 1200 and counts.max() < 1700
    extremes = np.array([0, 2**64 - 1], np.uint64)
    assert partition_of(extremes, 7).tolist() == [0, 6]
