import numpy as np
import pytest

from pipelines.config import DataConfig, DatasetConfig, PrepareConfig
from pipelines.splitting.split import (
    choose_range,
    count_groups,
    smallest_groups,
    subtract_groups,
    wanted,
)


def config(**dataset):
    return PrepareConfig(
        workdir="w", source_lang="en", target_lang="de", dataset=DatasetConfig(**dataset)
    )


def test_groups_are_counted_and_ordered_by_place():
    high = np.array([1, 2, 1, 3], np.uint64)
    low = np.array([9, 4, 9, 4], np.uint64)
    places, sizes = count_groups(high, low)
    assert places.tolist() == [4, 4, 9] and sizes.tolist() == [1, 1, 2]
    nothing = np.empty(0, np.uint64)
    assert [len(part) for part in count_groups(nothing, nothing)] == [0, 0]


def test_smallest_groups_keep_one_more_as_bound():
    batch = smallest_groups(np.arange(9, dtype=np.uint64), np.ones(9, np.int64), 3)
    assert batch.column("place").to_pylist() == [0, 1, 2, 3]


def test_groups_without_what_was_lost_of_them():
    places = np.array([3, 5, 8], np.uint64)
    sizes = np.array([2, 1, 4], np.int64)
    lost = np.array([2, 5, 6, 8, 9], np.uint64), np.array([7, 1, 9, 3, 5], np.int64)
    left = subtract_groups(places, sizes, *lost)
    assert [part.tolist() for part in left] == [[3, 8], [2, 1]]
    assert sizes.tolist() == [2, 1, 4]
    nothing = places[:0], sizes[:0]
    assert subtract_groups(places, sizes, *nothing)[1].tolist() == [2, 1, 4]
    assert [len(part) for part in subtract_groups(*nothing, *lost)] == [0, 0]


@pytest.mark.parametrize(
    "sizes, fraction, most, expected",
    [
        ([1] * 10, 0.2, 100, (0, 20)),  # two records of ten
        ([1] * 10, 0.45, 3, (0, 30)),  # at most three
        ([1] * 10, 0.01, 100, (0, 10)),  # at least one
        ([2, 3, 5], 0.4, 100, (0, 10)),  # four of ten: the first group, not the second
        ([2, 3, 5], 0.49, 100, (0, 20)),  # five of ten: both
        ([8, 1, 1], 0.1, 100, (10, 20)),  # a group that is too large is passed over
        ([5, 5], 0.01, 100, (0, 10)),  # a small corpus gets its one group
        ([9, 5], 0.01, 5, (10, 11)),
        ([5, 5], 0.01, 3, (0, 0)),  # unless it is too large
        ([1, 1], 0.49, 100, (0, 10)),
        ([10], 0.4, 100, (0, 0)),  # something must be left to train on
        ([], 0.4, 100, (0, 0)),
    ],
)
def test_range(sizes, fraction, most, expected):
    places = np.arange(len(sizes), dtype=np.uint64) * np.uint64(10)
    sizes = np.array(sizes, np.int64)
    found = choose_range(
        places,
        sizes,
        len(sizes),
        int(sizes.sum()),
        config(valid_fraction=fraction, valid_max_records=most),
    )
    assert found == expected


def test_split_is_wanted_only_without_validation_data():
    assert wanted(config())
    assert not wanted(config(valid_fraction=0.0))
    assert not wanted(config(valid_max_records=0))
    named = PrepareConfig(
        workdir="w", source_lang="en", target_lang="de", data=DataConfig(valid=("v.tsv",))
    )
    assert not wanted(named)
