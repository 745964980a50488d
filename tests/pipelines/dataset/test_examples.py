import numpy as np
import pyarrow as pa
import pytest

from pipelines import records
from pipelines.dataset.examples import cut_texts, encode, join_pairs, mix, shard_of


def test_long_texts_are_cut_into_pieces():
    ids = pa.array([[1, 2, 3, 4, 5], [6], [], [7, 8]], pa.list_(pa.int32()))
    order, cut, text = cut_texts(np.array([10, 20, 30, 40], np.uint64), ids, 2)
    assert text.tolist() == [0, 0, 0, 1, 3]
    assert cut.to_pylist() == [[1, 2], [3, 4], [5], [6], [7, 8]]
    assert order[[0, 3, 4]].tolist() == [10, 20, 40]
    assert len(set(order.tolist())) == 5  # every piece is shuffled on its own


def test_pairs_become_one_text():
    source = pa.array([[5, 3], [6, 7, 3], [3]], pa.list_(pa.int32()))
    target = pa.array([[8, 3], [9, 3], [4, 3]], pa.list_(pa.int32()))
    joined = join_pairs(np.array([2, 1, 5], np.uint64), source, target)
    assert joined.to_pylist() == [[5, 3, 8, 3], [9, 3, 6, 7, 3], [4, 3, 3]]
    nothing = join_pairs(np.empty(0, np.uint64), source.slice(0, 0), target.slice(0, 0))
    assert nothing.to_pylist() == []


def test_slices_are_cut_by_what_is_in_them():
    ids = pa.array([[9, 9], [1, 2, 3], [4]], pa.list_(pa.int32())).take(pa.array([1, 2]))
    _, cut, _ = cut_texts(np.array([1, 2], np.uint64), ids, 2)
    assert cut.to_pylist() == [[1, 2], [3], [4]]


def test_nothing_to_cut():
    order, cut, text = cut_texts(np.empty(0, np.uint64), pa.array([], pa.list_(pa.int32())), 2)
    assert len(order) == len(text) == 0 and cut.to_pylist() == []


def test_seeds_give_other_orders():
    hashes = np.arange(1000, dtype=np.uint64)
    first, second = mix(hashes, 1), mix(hashes, 2)
    assert len(set(first.tolist())) == 1000
    assert (np.argsort(first) != np.argsort(second)).mean() > 0.9
    # The finaliser of splitmix64 with seed 0: its first number from state 0 is well known.
    assert f"{mix(np.zeros(1, np.uint64), 0)[0]:x}" == "e220a8397b1dcdaf"


def test_shards_are_even():
    counts = np.bincount(shard_of(mix(np.arange(9000, dtype=np.uint64), 1), 3))
    assert len(counts) == 3 and counts.min() > 2800


def test_numbers_of_words_become_ids():
    texts = pa.array([[1, 0], None, [], [1, 1]], pa.list_(pa.uint16()))
    # The end mark; word 0 has two pieces, word 1 one.
    values, starts = np.array([3, 10, 11, 20], np.int32), np.array([0, 1, 3, 4])
    ids, words = encode(texts, values, starts)
    assert ids.to_pylist() == [[20, 10, 11, 3], [3], [3], [20, 20, 3]]
    assert (words, ids.type) == (4, pa.list_(pa.int32()))


@pytest.mark.parametrize(("size", "kind"), [(65_536, np.uint16), (65_537, np.int32)])
def test_ids_take_two_bytes_where_the_vocabulary_allows(size, kind):
    largest = size - 1
    values = np.array([3, 7, largest]).astype(records.id_type(size))
    ids, count = encode(pa.array([[0], [1, 0]], pa.list_(pa.int32())), values, np.arange(4))
    assert ids.to_pylist() == [[7, 3], [largest, 7, 3]]
    assert ids.type == pa.list_(pa.from_numpy_dtype(kind))
    assert count == 3
