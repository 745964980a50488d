import pyarrow as pa
import pytest

from pipelines.dataset import provenance
from runners.report import report_shards


def test_sizes_and_balance_of_shards():
    shards = [{"records": 10, "bytes": 100}, {"records": 14, "bytes": 140}, {"bytes": 120}]
    split = {"records": 24, "tokens": {"source": 48}, "shards": shards}
    found = report_shards.describe("train", split)
    assert found["bytes"] == 360 and found["shards"] == 3
    assert (found["smallest"], found["largest"]) == (100, 140)
    assert (found["fewest"], found["most"]) == (0, 14)
    assert found["balance"] == pytest.approx(140 / 120)
    assert found["mean_tokens"] == {"source": 2.0}
    assert report_shards.describe("x", {})["balance"] is None


def test_buckets_are_summed_over_shards():
    shards = [{"buckets": {"16": [0, 6], "128": [6, 8]}}, {"buckets": {"16": [0, 2]}}, {}]
    assert report_shards.buckets(shards) == [(16, 8, 0.8), (128, 2, 0.2)]
    assert report_shards.buckets([{"bytes": 1}]) == []


def lines(files, lengths):
    count = len(files)
    values = {
        "record": list(range(count)), "start": [0] * count, "length": lengths,
        "side": ["text"] * count, "file": files, "unit": ["u"] * count, "row": [0] * count,
    }  # fmt: skip
    columns = [
        pa.array(values[field.name], field.type.value_type).dictionary_encode()
        if pa.types.is_dictionary(field.type)
        else pa.array(values[field.name], field.type)
        for field in provenance.LINES
    ]
    return provenance.to_bytes(pa.Table.from_arrays(columns, schema=provenance.LINES))


def test_where_tokens_came_from(tmp_path):
    (tmp_path / "dataset" / "provenance").mkdir(parents=True)
    many = [f"/data/{n}.tsv" for n in range(10)]
    data = lines([*many, "/data/0.tsv"], [50, 1, 1, 1, 1, 1, 1, 1, 1, 2, 40])
    (tmp_path / "dataset" / "provenance" / "a.parquet").write_bytes(data)
    shard = {"provenance": {"file": "provenance/a.parquet", "lines": 11, "bytes": 500}}
    gone = {"provenance": {"file": "provenance/b.parquet", "lines": 2, "bytes": 5}}
    splits = {"train": {"shards": [shard, gone]}, "valid": {"shards": [gone]}, "test": {}}
    train, valid = report_shards.origins(str(tmp_path), splits)
    assert train["lines"] == 13 and train["bytes"] == 505 and train["shard"] == "a.parquet"
    assert train["files"][:3] == [("0.tsv", 0.9), ("9.tsv", 0.02), ("1.tsv", 0.01)]
    assert len(train["files"]) == 8 and train["rest"] == pytest.approx(0.02)
    assert valid["files"] == [] and valid["lines"] == 2


def test_windows_with_replaced_tokens():
    made = {
        "copies": 2, "records": 8, "tokens": {"text": 1000, "hidden": 150, "replaced": 90},
        "generator": {"step": 700},
        "shards": [{"temperature": 2.0, "bytes": 10}, {"temperature": 1.0, "bytes": 12}],
    }  # fmt: skip
    assert report_shards.replacements({"replacements": made}) == {
        "copies": 2, "records": 8, "hidden": 0.15, "replaced": 0.09, "first": 2.0, "last": 1.0,
        "shards": 2, "bytes": 22, "step": 700,
    }  # fmt: skip
    assert report_shards.replacements({}) is None
