import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.deduplication import minhash, shingle_sets
from pipelines.deduplication.shingle_sets import SETS, similarity, similarity_of, to_sets


def sets_of(*texts, width=2):
    return to_sets(minhash.shingle(pa.array(texts, pa.string()), width))


def test_sets_hold_every_shingle_once_and_rise():
    sets = sets_of("a b a b a b", "", "a b", "!", "c")
    assert sets.type == SETS
    assert sets.value_lengths().to_pylist() == [2, 0, 1, 0, 1]
    first, _, second, _, _ = sets.to_pylist()
    assert first == sorted(first) and set(second) < set(first)
    assert sets_of().to_pylist() == []


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ("a b c d e f", "a b c d e f", 1.0),
        ("a b c d e f", "A, b c d e f!", 1.0),
        ("a b c d e f", "a b c d e x", 4 / 6),
        ("a b c", "a b c a b c", 2 / 3),
        ("a b c", "x y z", 0.0),
        ("a b c", "", 0.0),
        ("", "", 0.0),
    ],
)
def test_similarity(first, second, expected):
    assert similarity(sets_of(first), sets_of(second)).tolist() == [expected]


SOME = st.lists(st.sets(st.integers(0, 12), max_size=8), min_size=1, max_size=9)


@given(SOME, st.data())
def test_similarity_of_pairs_in_portions(sets, data):
    pairs = data.draw(
        st.lists(st.tuples(*[st.integers(0, len(sets) - 1)] * 2), min_size=1, max_size=20)
    )
    first, second = np.array(pairs, np.int64).T
    sizes = np.array([len(sets[a]) + len(sets[b]) for a, b in pairs])
    column = pa.array([sorted(one) for one in sets], SETS)
    expected = [len(sets[a] & sets[b]) / max(1, len(sets[a] | sets[b])) for a, b in pairs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shingle_sets, "_COMPARED_AT_ONCE", 10)
        found = similarity_of(first, second, sizes, lambda ids: column.take(pa.array(ids)))
    assert found.tolist() == expected


def test_portions_are_bounded():
    asked = []
    column = pa.array([list(range(n, n + 1000)) for n in range(100)], SETS)

    def read(ids):
        asked.append(len(ids))
        return column.take(pa.array(ids))

    first = np.arange(0, 100, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shingle_sets, "_COMPARED_AT_ONCE", 10_000)
        found = similarity_of(first, first + 1, np.full(50, 2000), read)
    assert found.tolist() == [999 / 1001] * 50
    assert sum(asked) == 100 and max(asked) == 10
    assert similarity_of(first[:0], first[:0], first[:0], read).tolist() == []
