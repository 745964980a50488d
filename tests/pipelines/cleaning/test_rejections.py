import gzip
import json

from pipelines.cleaning import rejections
from pipelines.cleaning.rejections import SAMPLES, add_part, publish, reject
from pipelines.config import PrepareConfig
from pipelines.dataset.places import Place
from pipelines.units import Parts

PLACES = {
    "00000-00000": Place("00000-00000", "a.tsv", 100, 1001, 1002),
    "0": Place("0", "a.csv", 4, 1, None),
}


def test_rejected_records_come_back_whole(tmp_path):
    rows = [reject("identical", "a.tsv", "00000-00000", n, f"s{n}", "ä\u2028\r") for n in range(30)]
    rows.insert(1, reject("not_utf8", "a.tsv", "00000-00000", 99, raw=b"bad \xff\n"))
    parts = Parts(str(tmp_path / "parts"), "u", "f")
    spans = add_part(parts, "rejected", rows)
    assert {rule: span["records"] for rule, span in spans.items()} == {
        "identical": 30,
        "not_utf8": 1,
    }

    config = PrepareConfig(workdir=str(tmp_path), source_lang="en", target_lang="de")
    path = str(tmp_path / "parts" / "u.rejected")
    twice = {rule: [(path, span["start"], span["stop"])] * 2 for rule, span in spans.items()}
    assert publish(config, twice, PLACES) == {
        "identical": "samples/identical.jsonl",
        "not_utf8": "samples/not_utf8.jsonl",
    }
    data = gzip.decompress((tmp_path / "dataset/rejected/identical.jsonl.gz").read_bytes())
    lines = [json.loads(line) for line in data.decode().split("\n")[:-1]]
    assert lines == [row for row in rows if row["rule"] == "identical"] * 2
    samples = (tmp_path / "dataset/samples/identical.jsonl").read_text().split("\n")[:-1]
    shown = [json.loads(line) for line in samples]
    assert [*shown[0]] == ["rule", "path", "unit", "row", "record", "line", "source", "target"]
    assert all(one.pop("record") == 1001 + one["row"] for one in shown)
    assert all(one.pop("line") == 1002 + one["row"] for one in shown)
    found = [lines.index(one) for one in shown]
    assert len(found) == SAMPLES and found[:3] == [0, 3, 6] and 29 in found  # evenly spread
    bad = (tmp_path / "dataset/samples/not_utf8.jsonl").read_text().split("\n")[0]
    assert json.loads(bad)["raw"] == "bad \\xff\n"


def test_samples_number_the_record_that_they_are_rejected_because_of(tmp_path):
    of = {"path": "a.csv", "unit": "0", "row": 2}
    row = reject("duplicate", "a.tsv", "00000-00000", 5, "x", "y", of=of)
    span = add_part(Parts(str(tmp_path / "parts"), "u", "f"), "rejected", [row])["duplicate"]
    config = PrepareConfig(workdir=str(tmp_path), source_lang="en", target_lang="de")
    path = str(tmp_path / "parts" / "u.rejected")
    publish(config, {"duplicate": [(path, span["start"], span["stop"])]}, PLACES)
    shown = json.loads((tmp_path / "dataset/samples/duplicate.jsonl").read_text())
    assert shown == row | {"record": 1006, "line": 1007, "of": of | {"record": 3}}
    lines = (tmp_path / "dataset/units.jsonl").read_text().splitlines()
    units = [json.loads(line) for line in lines]
    assert units == [
        {"unit": "00000-00000", "path": "a.tsv", "records": 100, "first_record": 1001,
         "first_line": 1002},
        {"unit": "0", "path": "a.csv", "records": 4, "first_record": 1},
    ]  # fmt: skip


def test_nothing_rejected_writes_nothing(tmp_path):
    assert add_part(Parts(str(tmp_path / "parts"), "u", "f"), "rejected", []) == {}
    assert not (tmp_path / "parts").exists()


def test_long_records_are_whole_but_for_the_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(rejections, "_JSON_AT_ONCE", 3)
    monkeypatch.setattr(rejections, "_LONG_SAMPLE", 120)
    monkeypatch.setattr(rejections, "_SHOWN", 20)
    texts = ['a "b"\\ \x07\u2028', "ä😀" * 30, "", "short"]
    rows = [reject("identical", "a.tsv", "0", n, text, text[::-1]) for n, text in enumerate(texts)]
    span = add_part(Parts(str(tmp_path / "parts"), "u", "f"), "rejected", rows)["identical"]
    config = PrepareConfig(workdir=str(tmp_path), source_lang="en", target_lang="de")
    path = str(tmp_path / "parts" / "u.rejected")
    publish(config, {"identical": [(path, span["start"], span["stop"])]}, PLACES)
    data = gzip.decompress((tmp_path / "dataset/rejected/identical.jsonl.gz").read_bytes())
    assert data.decode() == "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    samples = (tmp_path / "dataset/samples/identical.jsonl").read_text().split("\n")[:-1]
    shown = [json.loads(line) for line in samples]
    assert [one.pop("record") for one in shown] == [1, 2, 3, 4] and "line" not in shown[0]
    assert shown[0] == rows[0] and shown[2:] == rows[2:]
    assert shown[1] == rows[1] | {"source": "ä😀" * 10 + "...", "target": "😀ä" * 10 + "..."}
