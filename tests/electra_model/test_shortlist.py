import io

import numpy as np
import pytest

from electra_model.errors import InputError
from electra_model.shortlist import LENGTH, Shortlist, load

FREQUENT = np.array([9, 40], np.int32)
CANDIDATES = np.zeros((20, 2), np.int32)
CANDIDATES[7] = [31, 32]
CANDIDATES[8] = [40, 0]


def test_a_list_has_the_special_pieces_the_frequent_and_the_candidates():
    lists = Shortlist(FREQUENT, CANDIDATES).of_sources(np.array([[7, 8, 3, 0], [3, 0, 0, 0]]))
    assert lists.dtype == np.int32 and lists.shape == (2, LENGTH)
    assert lists[0, :9].tolist() == [0, 1, 2, 3, 4, 9, 31, 32, 40]
    assert lists[1, :7].tolist() == [0, 1, 2, 3, 4, 9, 40]
    assert not lists[0, 9:].any() and not lists[1, 7:].any()


def test_where_there_is_little_room_the_likelier_ones_come_first():
    many = 5 + np.arange(3 * LENGTH, dtype=np.int32).reshape(LENGTH, 3)
    (row,) = Shortlist(np.zeros(0, np.int32), many).of_sources(np.arange(1, LENGTH)[None])
    kept = set(row.tolist())
    assert len(kept) == LENGTH and (np.diff(row) > 0).all()
    assert {*many[1 : LENGTH - 4, 0].tolist()} <= kept
    assert not kept & {*many[:, 2].tolist()}


def test_the_file_is_read_again(tmp_path):
    made = Shortlist(FREQUENT, CANDIDATES)
    (tmp_path / "shortlist.npz").write_bytes(made.to_bytes())
    found = load(str(tmp_path / "shortlist.npz"))
    assert found is not None and made.to_bytes() == found.to_bytes()
    assert np.array_equal(found.candidates, CANDIDATES)
    assert load(str(tmp_path / "other.npz")) is None


def packed(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        Shortlist(FREQUENT, CANDIDATES).to_bytes()[:-30],
        packed(frequent=FREQUENT),
        packed(frequent=FREQUENT, candidates=CANDIDATES.astype(np.float32)),
        packed(frequent=FREQUENT, candidates=CANDIDATES[0]),
        packed(frequent=FREQUENT, candidates=-1 - CANDIDATES),
        packed(frequent=np.array([None]), candidates=CANDIDATES),
    ],
    ids=["empty", "no zip", "cut", "one missing", "floats", "flat", "negative", "objects"],
)
def test_what_is_no_such_file(tmp_path, data):
    (tmp_path / "shortlist.npz").write_bytes(data)
    with pytest.raises(InputError, match=r"shortlist.npz: cannot be read \(.*; remove it and"):
        load(str(tmp_path / "shortlist.npz"))
