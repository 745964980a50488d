import numpy as np
import pyarrow as pa
import pytest

from pipelines import records
from pipelines.vocabularies.words import (
    may_be_learned,
    most_frequent,
    partition_count,
    partition_of,
)

WORDS = ["house", "houses", "Haus", "Häuser", "the", "das", "", "a" * 300]


def strings(*texts):
    return pa.array(texts, pa.string())


@pytest.mark.parametrize("partitions", [1, 3, 7])
def test_a_partition_depends_on_the_word_alone(partitions):
    every = partition_of(strings(*WORDS), partitions)
    assert len(every) == len(WORDS) and every.min() >= 0 and every.max() < partitions
    for number, word in enumerate(WORDS):
        assert partition_of(strings("x", word, "yy").slice(1, 1), partitions) == [every[number]]
    assert partition_of(strings(), partitions).tolist() == []


def test_partitions_are_even():
    words = [f"{stem}{ending}" for stem in range(500) for ending in ("", "s", "en", ".", ",", ")")]
    counts = np.bincount(partition_of(strings(*words), 4))
    assert counts.min() > 650 and counts.max() < 850
    assert [partition_count(hashes) for hashes in (1, 9, 4096)] == [4, 36, 4096]


def test_what_is_no_word_is_not_learned():
    words = strings("the", "", "\x00", "a\tb", "end\x7f", "é")
    assert may_be_learned(words).tolist() == [True, False, False, False, False, True]


def test_the_most_frequent_come_first_and_equal_ones_by_their_text():
    counts = pa.table({"word": ["b", "é", "a", "z"], "count": [2, 2, 2, 9]}, records.WORDS)
    assert most_frequent(counts, 3).to_pydict() == {"word": ["z", "a", "b"], "count": [9, 2, 2]}
