import numpy as np
import pytest

from electra_model import features
from pipelines.dataset import packing


def packed(pairs, capacity, open_records=packing.OPEN_RECORDS):
    """The pairs of each record, as their places among `pairs` [(source length, target length)]."""
    lengths = np.array(pairs, np.int64).reshape(-1, 2)
    places, begins = packing.pack(lengths[:, 0], lengths[:, 1], capacity, open_records)
    assert places.dtype == begins.dtype == np.int64
    return [places[a:b].tolist() for a, b in zip(begins[:-1], begins[1:], strict=True)]


def drawn(count=5000, seed=0):
    draws = np.random.default_rng(seed)
    source = np.minimum(draws.geometric(0.06, count) + 1, 64)
    return np.stack([source, np.clip(source + draws.integers(-4, 9, count), 1, 64)], axis=1)


@pytest.mark.parametrize(
    "pairs, records",
    [
        ([], []),
        ([(6, 6)], [[0]]),
        # Both sides have to fit.
        ([(2, 5), (2, 2), (2, 1)], [[0, 2], [1]]),
        ([(5, 2), (2, 2), (1, 2)], [[0, 2], [1]]),
        # The third fits into both, and fills the second better.
        ([(3, 3), (4, 4), (2, 2)], [[0], [1, 2]]),
        # What is filled equally is filled in order.
        ([(4, 4), (4, 4), (2, 2), (2, 2)], [[0, 2], [1, 3]]),
        # A record is known by its first pair, though another one is full before.
        ([(3, 3), (5, 5), (1, 1), (3, 3)], [[0, 3], [1, 2]]),
    ],
)
def test_each_pair_goes_where_it_leaves_the_least_room(pairs, records):
    assert packed(pairs, 6) == records


@pytest.mark.parametrize(
    "open_records, records",
    [
        (1, [[0], [1], [2, 3], [4, 5]]),
        (2, [[0], [1, 4], [2, 3], [5]]),
        (3, [[0, 5], [1, 4], [2, 3]]),
    ],
)
def test_only_so_many_records_are_open(open_records, records):
    """With too few, the short ones come too late."""
    pairs = [(5, 5), (4, 4), (3, 3), (3, 3), (2, 2), (1, 1)]
    assert packed(pairs, 6, open_records) == records


def test_the_record_nearest_to_full_is_closed():
    """Of (5, 5) and (2, 2) the first gives its place to (5, 4); so (4, 4) still finds the other."""
    assert packed([(5, 5), (2, 2), (5, 4), (4, 4), (1, 1)], 6, 2) == [[0], [1, 3], [2, 4]]
    # A side without room closes a record, whatever room there is on the other.
    assert packed([(6, 1), (3, 3), (5, 5), (3, 3)], 6, 2) == [[0], [1, 3], [2]]


@pytest.mark.parametrize("open_records", [1, 4, packing.OPEN_RECORDS])
def test_every_pair_is_in_one_record_and_no_side_is_too_long(open_records):
    lengths = drawn()
    found = packed(lengths, 64, open_records)
    assert sorted(place for record in found for place in record) == list(range(len(lengths)))
    assert all(record == sorted(record) for record in found)
    assert [record[0] for record in found] == sorted(record[0] for record in found)
    sums = np.array([lengths[record].sum(axis=0) for record in found])
    assert sums.max() <= 64


def test_records_are_nearly_full_on_the_longer_side():
    lengths = drawn()
    found = packed(lengths, 64)
    assert lengths.sum(axis=0).max() / (64 * len(found)) > 0.95


def test_a_pair_that_fits_into_no_record_is_refused():
    with pytest.raises(ValueError, match="a side of 7 tokens is longer than a record, 6"):
        packed([(2, 2), (2, 7)], 6)


def ragged(rows):
    offsets = np.cumsum([0] + [len(row) for row in rows]).astype(np.int64)
    return np.array([value for row in rows for value in row], np.int32), offsets


def rows_of(column):
    values, offsets = column
    return [values[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]


def test_records_as_in_the_documentation_of_the_format():
    source, target = ragged([[7, 8, 3], [5, 3], [4, 3]]), ragged([[9, 3], [6, 8, 3], [3]])
    columns = packing.lay(source, target, np.array([0, 2, 3]))
    assert {name: rows_of(column) for name, column in columns.items()} == {
        "source_ids": [[7, 8, 3, 5, 3], [4, 3]],
        "source_segment_ids": [[1, 1, 1, 2, 2], [1, 1]],
        "target_ids": [[9, 3, 6, 8, 3], [3]],
        "target_segment_ids": [[1, 1, 2, 2, 2], [1]],
    }
    assert sorted(columns) == sorted(features.PACKED)


def test_no_pairs_are_no_records():
    empty = np.zeros(0, np.int64), np.zeros(1, np.int64)
    places, begins = packing.pack(empty[0], empty[0], 6)
    columns = packing.lay(empty, empty, begins)
    assert len(places) == 0 and begins.tolist() == [0]
    assert all(rows_of(column) == [] for column in columns.values())
