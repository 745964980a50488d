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


def test_a_column_of_nothing_but_nulls_is_missing_in_every_row(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": pa.nulls(3), "n": [1, 2, 3]}), path)
    assert read_all(path, ["text"]) == [("missing_field", None)] * 3


def test_a_long_text_repeated_through_a_dictionary_is_read_in_pieces(tmp_path):
    path = tmp_path / "a.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), ["x" * 1_000_000])
    pq.write_table(pa.table({"text": texts, "n": [{"text": "short"}] * 3000}), path)
    assert path.stat().st_size < 200_000
    (unit,) = registry.plan([str(path)], ["train"], 1 << 30)
    found = 0
    for batch in registry.read(unit, ["text", "n.text"]):
        assert batch.nbytes < 12 << 20
        assert batch.column(2)[0].as_py() == "x" * 1_000_000
        assert batch.column(0)[0].as_py() == found
        found += batch.num_rows
    assert found == 3000


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_dictionaries_of_any_kind_of_text(tmp_path, kind):
    path = tmp_path / "a.parquet"
    texts = pa.array(["a", None, "b", "a"], kind).dictionary_encode()
    pq.write_table(
        pa.table({"text": texts, "o": [{"x": "y"}, None, {"x": None}, {"x": "z"}]}), path
    )
    assert read_all(path, ["text", "o.x"]) == [
        (None, "a", "y"),
        ("missing_field", None, None),
        ("missing_field", None, None),
        (None, "a", "z"),
    ]


def test_column_name_that_is_not_utf8(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x"], "naïve": ["y"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace("naïve".encode(), b"na\xff\xffve"))
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as Parquet"):
        read_all(path, ["text"])


def test_row_group_that_says_it_has_fewer_rows(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"t{n}" for n in range(25)]}), path, store_schema=False)
    data = path.read_bytes()
    refused = 0
    for place in range(len(data)):
        if data[place] == 50:  # 25 as Thrift writes it, among others the count of the row group
            path.write_bytes(data[:place] + b"\x30" + data[place + 1 :])
            try:
                rows = read_all(path, ["text"])
            except InputError:
                refused += 1
            else:
                assert len(rows) == 25
    assert refused >= 2
