"""Fixed shapes: a small set of (batch, length) pairs, chosen from a sequence's own length alone.

One compiled function per bucket, no retracing, and nothing about a sentence depends on its
neighbours.
"""

from collections.abc import Iterator, Sequence

import numpy as np


def default_buckets(max_length: int) -> tuple[int, ...]:
    """Lengths that double from 16 up to `max_length`, which is always the last."""
    lengths, length = [], 16
    while length < max_length:
        lengths.append(length)
        length *= 2
    return (*lengths, max_length)


def fine_buckets(max_length: int) -> tuple[int, ...]:
    """Lengths for what is not compiled for each of them: little is padded. `max_length` is always
    the last."""
    steps = [*range(4, 64, 4), *range(64, max_length, 16)]
    return (*(length for length in steps if length < max_length), max_length)


def bucket_of(lengths: np.ndarray, buckets: Sequence[int]) -> np.ndarray:
    """lengths int [n] -> int [n]: the first bucket that holds each, len(buckets) where none does.

    `buckets` are rising lengths.
    """
    return np.searchsorted(np.asarray(buckets), lengths, side="left")


def nearest_bucket_of(lengths: np.ndarray, buckets: Sequence[int]) -> np.ndarray:
    """As `bucket_of`, but the last one where none holds it."""
    return np.minimum(bucket_of(lengths, buckets), len(buckets) - 1)


def rows_for(length: int, tokens: int, most: int = 1 << 30) -> int:
    """Rows of a batch of `tokens` padded tokens at this length: at least 1, at most `most`."""
    return max(1, min(most, tokens // length))


def batches(
    lengths: np.ndarray, buckets: Sequence[int], tokens: int, most: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """lengths int [n] -> batches of all rows that have any: the length of a bucket, int [k], the
    rows that are worked on in it together, and the same filled up to the bucket's number of rows
    (see `rows_for`). What is longer than the last bucket is in that one."""
    bucket = nearest_bucket_of(lengths, buckets)
    for index, length in enumerate(buckets):
        members = np.flatnonzero((bucket == index) & (lengths > 0))
        rows = rows_for(length, tokens, most)
        for start in range(0, len(members), rows):
            batch = members[start : start + rows]
            # The last row fills a short batch up.
            yield length, batch, np.concatenate([batch, np.repeat(batch[-1:], rows - len(batch))])


def pad(values: np.ndarray, offsets: np.ndarray, rows: np.ndarray, length: int) -> np.ndarray:
    """Rows of a flat array as a matrix, padded with 0; longer rows are cut.

    values int [m], offsets int [n + 1], rows int [k] -> int32 [k, length].
    """
    starts = offsets[rows]
    lengths = np.minimum(offsets[rows + 1] - starts, length)
    columns = np.arange(length)
    inside = columns[None, :] < lengths[:, None]
    matrix = np.zeros((len(rows), length), np.int32)
    matrix[inside] = values[(starts[:, None] + columns[None, :])[inside]]
    return matrix
