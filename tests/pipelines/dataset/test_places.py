"""What a rejected record is numbered as is the line, or the record, that it is in the file."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cleaning.rejections import SAMPLES
from pipelines.dataset import places
from tests.pipelines.small_jobs import make_config, read_rejected, run, run_until, sentences


@pytest.mark.slow
def test_numbers_lead_to_the_lines_of_the_files(tmp_path):
    pairs = sentences(300)
    # Every 29th is a copy of its source, in files of many units.
    pairs = [(s, s if number % 29 == 3 else t) for number, (s, t) in enumerate(pairs)]
    with open(tmp_path / "a.tsv", "w") as stream:
        stream.write("source\ttarget\n")
        for number, (source, target) in enumerate(pairs[:100]):
            stream.write(f"{source}\t{target}\n" + "\n" * (number % 7 == 0))
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as stream:
        stream.writelines(
            json.dumps({"source": source, "target": target}) + "\n"
            for source, target in pairs[100:150]
        )
    with open(tmp_path / "c.csv", "w", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(["source", "target"])
        writer.writerows((source.replace(" ", "\n"), target) for source, target in pairs[150:250])
    columns = dict(
        zip(("source", "target"), map(list, zip(*pairs[250:], strict=True)), strict=True)
    )
    pq.write_table(pa.table(columns), tmp_path / "d.parquet", row_group_size=10)
    names = ("a.tsv", "b.jsonl.gz", "c.csv", "d.parquet")
    config = make_config(
        tmp_path,
        train=[str(tmp_path / name) for name in names],
        tsv_header=True,
        dataset={"unit_megabytes": 0.0005},
    )
    run(config)

    with open(tmp_path / "work" / "dataset" / "units.jsonl") as stream:
        units = {one["unit"]: one for one in map(json.loads, stream)}
    counts = {name: [one for one in units.values() if one["path"].endswith(name)] for name in names}
    assert all(len(counts[name]) > 3 for name in ("a.tsv", "c.csv", "d.parquet"))
    assert [sum(one["records"] for one in counts[name]) for name in names] == [115, 50, 100, 50]
    assert {name for name in names if "first_line" in counts[name][0]} == {"a.tsv", "b.jsonl.gz"}

    lines = (tmp_path / "a.tsv").read_text().split("\n")
    with gzip.open(tmp_path / "b.jsonl.gz", "rt") as stream:
        records = [json.loads(line)["source"] for line in stream]
    found = dict.fromkeys(names, 0)
    for rule in ("identical", "empty_line"):
        for row in read_rejected(config, rule):
            name = row["path"].rpartition("/")[2]
            unit = units[row["unit"]]
            number = unit["first_record"] + row["row"]
            found[name] += 1
            if name == "a.tsv":
                line = lines[unit["first_line"] + row["row"] - 1]
                assert line == ("" if "raw" in row else f"{row['source']}\t{row['target']}")
                assert unit["first_line"] == unit["first_record"] + 1
            elif name == "b.jsonl.gz":
                assert records[number - 1] == row["source"]
            else:
                start = 150 if name == "c.csv" else 250
                assert pairs[start + number - 1][0] == row["source"]
    assert found == {"a.tsv": 4 + 15, "b.jsonl.gz": 2, "c.csv": 3, "d.parquet": 2}

    with open(tmp_path / "work" / "dataset" / "samples" / "identical.jsonl") as stream:
        samples = [json.loads(line) for line in stream]
    assert 0 < len(samples) <= SAMPLES
    for row in samples:
        unit = units[row["unit"]]
        assert row["record"] == unit["first_record"] + row["row"]
        assert row.get("line") == (
            unit["first_line"] + row["row"] if "first_line" in unit else None
        )


def test_the_same_file_in_units_of_any_size(tmp_path):
    """Lines that are no text count as well."""
    rows = [f"{source}\t{target}" for source, target in sentences(60)]
    data = "\n".join(rows).encode().replace(b"the", b"\xff", 3)
    (tmp_path / "a.tsv").write_bytes(data)
    found = []
    for number, size in enumerate((0.0002, 0.001, 1)):
        config = make_config(
            tmp_path,
            f"work-{number}",
            train=[str(tmp_path / "a.tsv")],
            dataset={"unit_megabytes": size},
        )
        run_until(config, "clean")
        last = [*places.of_units(config).values()][-1]
        found.append(last.first_record + last.records - 1)
        assert last.first_line == last.first_record
    assert found == [60, 60, 60]
