import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from electra_model.errors import InputError
from pipelines.formats import registry


def read_all(path, fields, unit_bytes=1 << 20):
    found = []
    for unit in registry.plan([str(path)], ["train"], unit_bytes):
        for batch in registry.read(unit, fields):
            columns = batch.to_pydict()
            found += zip(columns["error"], *(columns[field] for field in fields), strict=True)
    return found


def test_nulls_and_bytes_that_are_not_text(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table(
            {"a": pa.array([b"x", None, b"\xff", b""], pa.binary()), "b": ["1", "2", "3", "4"]}
        ),
        path,
    )
    assert read_all(path, ["a", "b"]) == [
        (None, "x", "1"),
        ("missing_field", None, None),
        ("not_utf8", None, None),
        (None, "", "4"),
    ]


def test_nested_dictionary_and_large_columns(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "translation": pa.array([{"en": "house", "de": "Haus"}, None, {"en": None, "de": "x"}]),
            "kind": pa.array(["u", "v", "u"]).dictionary_encode(),
            "long": pa.array(["p", "q", "r"], pa.large_string()),
            "a.b": ["1", "2", "3"],
        }
    )
    pq.write_table(table, path)
    assert read_all(path, ["translation.en", "translation.de"]) == [
        (None, "house", "Haus"),
        ("missing_field", None, None),
        ("missing_field", None, None),
    ]
    assert read_all(path, ["kind", "long", "a.b"]) == [
        (None, "u", "p", "1"),
        (None, "v", "q", "2"),
        (None, "u", "r", "3"),
    ]


def test_row_groups_are_units(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"t{n}" for n in range(10)]}), path, row_group_size=3)
    assert len(registry.plan([str(path)], ["train"], 1)) == 4
    assert len(registry.plan([str(path)], ["train"], 1 << 20)) == 1
    for unit_bytes in (1, 60, 1 << 20):
        assert read_all(path, ["text"], unit_bytes) == [(None, f"t{n}") for n in range(10)]


def test_file_without_rows(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    assert read_all(path, ["text"]) == []


def test_cut_off_file(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x"] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as Parquet"):
        read_all(path, ["text"])
