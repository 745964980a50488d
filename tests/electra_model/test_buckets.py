import numpy as np
import pytest

from electra_model.buckets import batches, bucket_of, default_buckets, pad, rows_for


@pytest.mark.parametrize(
    ("longest", "expected"),
    [(128, (16, 32, 64, 128)), (100, (16, 32, 64, 100)), (16, (16,)), (8, (8,)), (17, (16, 17))],
)
def test_default_buckets_double_and_end_at_the_longest(longest, expected):
    assert default_buckets(longest) == expected


def test_the_first_bucket_that_holds_it():
    lengths = np.array([1, 8, 9, 16, 17, 32, 33])
    assert bucket_of(lengths, (8, 16, 32)).tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_rows_of_a_batch():
    assert rows_for(32, 2048) == 64
    assert rows_for(16, 2048, most=64) == 64
    assert rows_for(100, 2048) == 20
    assert rows_for(4096, 2048) == 1


def test_pad_chooses_rows_pads_and_cuts():
    values = np.array([5, 6, 7, 8, 9, 10])
    offsets = np.array([0, 2, 2, 6])  # [5 6], [], [7 8 9 10]
    matrix = pad(values, offsets, np.array([2, 1, 0, 0]), 3)
    assert matrix.dtype == np.int32
    assert matrix.tolist() == [[7, 8, 9], [0, 0, 0], [5, 6, 0], [5, 6, 0]]


def test_batches_hold_every_row_with_tokens_once_and_are_filled_up():
    lengths = np.array([3, 0, 9, 4, 1, 40, 4, 2])
    found = [
        (length, batch.tolist(), filled.tolist())
        for length, batch, filled in batches(lengths, (4, 16), tokens=16, most=3)
    ]
    assert found == [
        (4, [0, 3, 4], [0, 3, 4]),
        (4, [6, 7], [6, 7, 7]),
        (16, [2], [2]),
        (16, [5], [5]),
    ]
    assert list(batches(np.zeros(0, int), (4,), 16, 3)) == []
