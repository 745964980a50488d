import dataclasses

import pytest

from pipelines import units
from pipelines.config import CleanConfig
from pipelines.units import Parts


def test_a_unit_is_committed_by_its_receipt(tmp_path):
    folder = str(tmp_path)
    parts = Parts(folder, "u", "f1")
    parts.add("rows", b"abc")
    assert units.committed(folder, "u", "f1") is None
    made = parts.commit({"n": 3})
    assert units.committed(folder, "u", "f1") == made
    assert units.read_part(folder, made, "rows") == b"abc"
    assert units.committed(folder, "u", "f2") is None  # other settings
    (tmp_path / "u.rows").write_bytes(b"ab")
    assert units.committed(folder, "u", "f1") is None  # a part was cut off


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"unit_id": "u"}', b"\xff"])
def test_damaged_receipts_count_as_none(tmp_path, content):
    (tmp_path / "u.receipt.json").write_bytes(content)
    assert units.committed(str(tmp_path), "u", "f") is None


def test_fingerprints_follow_values():
    assert units.fingerprint({"a": 1, "b": 2}) == units.fingerprint({"b": 2, "a": 1})
    assert units.fingerprint(CleanConfig()) == units.fingerprint(dataclasses.asdict(CleanConfig()))
    assert units.fingerprint(1) != units.fingerprint("1")
    with pytest.raises(TypeError, match="no fingerprint of object"):
        units.fingerprint(object())


def test_ids_are_ordered_by_number():
    ordered = [
        "99999", "100000", "00000-00007", "00000-99999", "00000-100000", "99999-00000",
        "100000-00000", "100000-00000-00001", "source-00002", "train-99999", "train-100000",
        "valid-00000",
    ]  # fmt: skip
    expected = sorted(ordered, key=lambda name: [
        part.zfill(9) if part.isdigit() else part for part in name.split("-")
    ])  # fmt: skip
    assert sorted(reversed(ordered), key=units.order_of) == expected
    assert expected.index("99999-00000") < expected.index("100000-00000")
    # As ever, where all have five digits.
    usual = ["00010-00002", "00009", "source-00000", "near", "train-00002", "00009-00001"]
    assert sorted(usual, key=units.order_of) == sorted(usual)
