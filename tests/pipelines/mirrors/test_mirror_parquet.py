import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.formats import registry
from pipelines.mirrors import mirror_parquet
from pipelines.mirrors.mirror import Answer


def written(path, table, **settings):
    pq.write_table(table, path, **settings)
    return str(path)


def test_small_row_groups_stay(tmp_path):
    path = written(tmp_path / "a.parquet", pa.table({"text": ["a"] * 10}), row_group_size=2)
    assert mirror_parquet.regroup(path, str(tmp_path / "copy"), unit_bytes=10_000) == path
    assert [name.name for name in tmp_path.iterdir()] == ["a.parquet"]


def test_large_row_groups_are_cut_in_a_copy(tmp_path):
    table = pa.table({"text": [f"row {n}" for n in range(1000)], "n": range(1000)})
    path = written(tmp_path / "a.parquet", table)
    copy = mirror_parquet.regroup(path, str(tmp_path / "copy"), unit_bytes=1000)
    assert copy.startswith(str(tmp_path / "copy-"))
    assert pq.read_table(copy) == table
    assert pq.ParquetFile(copy).metadata.num_row_groups > 5
    other = mirror_parquet.regroup(path, str(tmp_path / "copy"), unit_bytes=3000)
    assert other != copy  # how it was cut is in its name: units of one never stand for the other's


def test_parts_together_have_the_schema_groups_and_codecs_of_the_input(tmp_path):
    table = pa.table(
        {
            "text": pa.array(["a", None, "c", "d", "e"]).dictionary_encode(),
            "when": pa.array([1, 2, 3, 4, None], pa.timestamp("us", tz="UTC")),
            "deep": [{"x": [1.5]}, None, {"x": []}, {"x": None}, {"x": [2.5]}],
        }
    ).replace_schema_metadata({"owner": "us"})
    path = written(
        tmp_path / "a.parquet",
        table,
        row_group_size=2,
        compression={"text": "gzip", "when": "zstd"},
    )
    answers = [Answer(f"t{n}", -n / 2) for n in range(4)] + [Answer(None, None, "missing_field")]
    units = registry.plan([path], ["translate"], 1)
    assert [(unit.start, unit.stop) for unit in units] == [(0, 1), (1, 2), (2, 3)]
    parts = [
        mirror_parquet.part(unit, answers[2 * n : 2 * n + 2], "de") for n, unit in enumerate(units)
    ]
    data = b"".join(mirror_parquet.joined(path, parts, "de"))
    assert data == b"".join(mirror_parquet.joined(path, parts, "de"))

    file = pq.ParquetFile(pa.BufferReader(data))
    assert file.read().select(table.schema.names) == table
    assert file.schema_arrow.metadata[b"owner"] == b"us"
    assert file.read().column("de").to_pylist() == ["t0", "t1", "t2", "t3", None]
    assert file.read().column("de_score").to_pylist() == [0.0, -0.5, -1.0, -1.5, None]
    assert file.read().column("de_error").to_pylist() == [None] * 4 + ["missing_field"]
    metadata = file.metadata
    assert [metadata.row_group(n).num_rows for n in range(3)] == [2, 2, 1]
    codecs = [metadata.row_group(0).column(n).compression for n in range(2)]
    assert codecs == ["GZIP", "ZSTD"]
