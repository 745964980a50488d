import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from electra_model.errors import InputError, WorkError
from pipelines import inference
from pipelines.formats import lines
from pipelines.texts import segmentation
from pipelines.translate import build_translate, plan_translate
from tests.pipelines import shouting
from tests.pipelines.shouting import ROOT, config, rejected, snapshot


def test_every_format_mirrors_its_input(place):
    docs = place / "docs"
    (docs / "a.txt").write_bytes(b"Hi there. Bye!\r\n\r\n  42\n last\xe2\x80\xa8line")
    (docs / "b.jsonl").write_bytes(
        b'{"id": 1.50, "text": "One.\\n\\n  Two."}\r\n'
        b"\n"
        b"{broken\n"
        b'{"id": 2}\n'
        b'{"text": null}\n'
        b'{"text": 7}\n'
        b'{"text": "\\ud800"}\n'
        b'{"text": "", "id": 3}'
    )
    (docs / "c.csv").write_bytes(b'id,text\n1,"a, b\nc"\n2\n3,\xff\n')
    (docs / "d.tsv").write_bytes(b"one two\tx\n\nthree\n")
    (docs / "e.txt.gz").write_bytes(gzip.compress(b"packed\n"))
    table = pa.table({"text": ["x", None, ""], "n": [1, 2, 3]})
    pq.write_table(table, docs / "f.parquet", compression="zstd")
    manifest = shouting.run(config())

    out = place / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "_electra", "a.txt", "b.jsonl", "c.csv", "d.tsv", "e.txt.gz", "f.parquet",
    ]  # fmt: skip
    assert sorted(path.name for path in (out / "_electra").iterdir()) == [
        "manifest.json", "memory", "rejected.jsonl",
    ]  # fmt: skip
    assert (out / "a.txt").read_bytes() == b"HI THERE. BYE!\r\n\r\n  42\n LAST\xe2\x80\xa8LINE"
    nothing = b'"translation": null, "translation_score": null, "translation_error": '
    assert (out / "b.jsonl").read_bytes() == (
        b'{"id": 1.50, "text": "One.\\n\\n  Two.", "translation": "ONE.\\n\\n  TWO.", '
        b'"translation_score": -0.1}\r\n'
        b"\n"
        b"{" + nothing + b'"malformed_json", "_raw": "{broken"}\n'
        b'{"id": 2, ' + nothing + b'"missing_field"}\n'
        b'{"text": null, ' + nothing + b'"missing_field"}\n'
        b'{"text": 7, ' + nothing + b'"not_text"}\n'
        b'{"text": "\\ud800", ' + nothing + b'"not_utf8"}\n'
        b'{"text": "", "id": 3, "translation": "", "translation_score": null}'
    )
    assert (out / "c.csv").read_bytes() == (
        b'id,text,translation,translation_score\n1,"a, b\nc","A, B\nC",-0.15\n2,,,\n3,\xff,,\n'
    )
    assert (out / "d.tsv").read_bytes() == b"one two\tx\tONE TWO\t-0.2\n\nthree\tTHREE\t-0.1\n"
    assert gzip.decompress((out / "e.txt.gz").read_bytes()) == b"PACKED\n"
    found = pq.read_table(out / "f.parquet")
    assert found.to_pydict() == {
        "text": ["x", None, ""],
        "n": [1, 2, 3],
        "translation": ["X", None, ""],
        "translation_score": [-0.1, None, None],
        "translation_error": [None, "missing_field", None],
    }
    assert manifest["counts"] == {
        "in": 22,
        "out": 13,
        "rejected": {
            "empty_line": 1,
            "malformed_json": 1,
            "missing_field": 3,
            "not_text": 1,
            "not_utf8": 2,
            "wrong_columns": 1,
        },
        "files": 6,
    }
    assert manifest["model_fingerprint"] == "0123456789abcdef"
    for entry in manifest["files"]:
        assert hashlib.sha256((out / entry["name"]).read_bytes()).hexdigest() == entry["sha256"]
        counts = entry["counts"]
        assert counts["in"] == counts["out"] + sum(counts["rejected"].values())
    assert len(rejected()) == 9
    assert rejected()[1] == {
        "path": "docs/b.jsonl",
        "output": "b.jsonl",
        "row": 3,
        "rule": "malformed_json",
        "raw": "{broken",
    }


def test_a_sentence_without_a_translation_costs_its_row(place):
    """It is never counted as translated, and the other rows stay as they are."""
    (place / "docs").mkdir(exist_ok=True)
    (place / "docs" / "a.txt").write_text("One. Two.\nOne. Mute.\nThree.\n")
    manifest = shouting.run(config(input=("docs/a.txt",)))
    assert manifest["counts"] == {
        "in": 3, "out": 2, "rejected": {"empty_translation": 1}, "files": 1,
    }  # fmt: skip
    assert (place / "out" / "a.txt").read_text() == "ONE. TWO.\n\nTHREE.\n"


def test_empty_files_give_empty_files(place):
    for name in ("a.txt", "b.jsonl", "c.csv", "d.tsv", "e.txt.gz", "f.jsonl.xz"):
        (place / "docs" / name).write_bytes(b"")
    (place / "docs" / "g.jsonl.gz").write_bytes(gzip.compress(b""))
    (place / "docs" / "h.csv").write_bytes(b"text\n")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), place / "docs" / "i.parquet")
    manifest = shouting.run(config())
    found = snapshot("out")
    assert all(found[name] == b"" for name in ("a.txt", "b.jsonl", "c.csv", "d.tsv", "e.txt.gz"))
    assert gzip.decompress(found["g.jsonl.gz"]) == b""
    assert found["h.csv"] == b"text,translation,translation_score\n"
    assert pq.read_table("out/i.parquet").num_rows == 0
    assert manifest["counts"] == {"in": 0, "out": 0, "rejected": {}, "files": 9}


def test_equal_names_keep_their_folders(place):
    for folder in ("x", "y z/ü"):
        (place / "docs" / folder).mkdir(parents=True)
        (place / "docs" / folder / "a.txt").write_text(f"in {folder}\n")
    shouting.run(config(input=("docs/**/*.txt",)))
    found = snapshot("out")
    assert found["x/a.txt"] == b"IN X\n"
    assert found["y z/ü/a.txt"] == "IN Y Z/Ü\n".encode()


def test_units_of_any_size_give_the_same_bytes(place):
    draw = random.Random(3)
    vocabulary = ["one", "two.", "three!", "Four", "fünf", "😀", "\u2028", "\\n"]
    rows = [
        json.dumps({"id": n, "text": " ".join(draw.choices(vocabulary, k=draw.randrange(40)))})
        for n in range(300)
    ]
    (place / "docs" / "a.jsonl").write_text("\r\n".join(rows))
    lines = "\n".join(" ".join(draw.choices(vocabulary[:6], k=9)) for _ in range(200))
    (place / "docs" / "b.txt.gz").write_bytes(gzip.compress(lines.encode()))
    quoted = "".join(f'{n},"{lines[n : n + 60]}"\n' for n in range(100))
    (place / "docs" / "c.csv").write_text("id,text\n" + quoted)
    table = pa.table({"text": lines.split("\n"), "list": [[n] for n in range(200)]})
    pq.write_table(table, place / "docs" / "d.parquet", row_group_size=90)

    whole = plan_translate(config())
    assert whole.total_units == 4
    manifest = shouting.run(config())
    assert manifest["counts"]["in"] == manifest["counts"]["out"] == 800
    small = config(unit_segments=20, output="small")
    assert plan_translate(small).total_units > 30
    shouting.run(small)
    assert snapshot("out") == snapshot("small")
    groups = pq.ParquetFile("small/d.parquet").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [90, 90, 20]
    assert pq.read_table("small/d.parquet").column("list").to_pylist()[199] == [199]


def test_two_worker_processes_give_the_same_bytes(place, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ROOT)
    for number in range(6):
        text = "".join(f"Line {line} of {number}.\n" for line in range(20))
        (place / "docs" / f"{number}.txt").write_text(text)
    shouting.run(config(checks={}))
    two = config(output="two", unit_segments=5, checks={})
    plan = plan_translate(two)
    options = PipelineOptions(
        flags=[], direct_num_workers=2, direct_running_mode="multi_processing"
    )
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=options)
    build_translate(pipeline, two, plan, shouting.load)
    pipeline.run().wait_until_finish()
    assert snapshot("out") == snapshot("two")


@pytest.mark.parametrize("how", ["grown", "same size", "gone"])
def test_input_that_changes_under_the_run_fails_it(place, how):
    path = place / "docs" / "a.txt"
    path.write_text("one\n")
    plan = plan_translate(config())
    {
        "grown": lambda: path.write_text("one\ntwo\n"),
        "same size": lambda: path.write_text("two\n"),
        "gone": path.unlink,
    }[how]()
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(flags=[]))
    build_translate(pipeline, config(), plan, shouting.load)
    with pytest.raises((WorkError, RuntimeError), match="a.txt: (changed|cannot be read)"):
        pipeline.run().wait_until_finish()
    assert not (place / "out" / "a.txt").exists()
    path.write_text("one\n")
    shouting.run(config())
    assert (place / "out" / "a.txt").read_text() == "ONE\n"


SLOWLY = """
import sys, time
from pipelines import files
from pipelines import inference
from pipelines.texts import segmentation
from pipelines.config import TranslateConfig
from tests.pipelines import shouting
from tests.pipelines.shouting import ROOT, config, rejected, snapshot

class Slow(shouting.ShoutingModel):
    def translate(self, texts, **settings):
        time.sleep(0.05)
        return super().translate(texts, **settings)

write = files.write_atomic
def slow_write(path, data, **options):
    time.sleep(0.01)
    return write(path, data, **options)
files.write_atomic = slow_write
shouting.run(
    TranslateConfig(input=("docs",), output="out", model="model", unit_segments=10),
    lambda model_dir: Slow("0123456789abcdef"),
)
"""


@pytest.mark.parametrize("most", [3, pytest.param(12, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_ends_with_the_same_bytes(place, most):
    for number in range(3):
        rows = [json.dumps({"text": f"Line {n} of {number}."}) for n in range(40)]
        (place / "docs" / f"{number}.jsonl").write_text("\n".join(rows) + "\nbad\n")
    (place / "docs" / "p.txt.gz").write_bytes(gzip.compress(b"Packed line.\n" * 50))
    shouting.run(config(output="whole", checks={}))
    draw = random.Random(11)
    environment = os.environ | {"PYTHONPATH": ROOT}
    ends = []
    for _ in range(most):
        with subprocess.Popen(
            [sys.executable, "-c", SLOWLY], env=environment, stderr=subprocess.DEVNULL
        ) as process:
            seen = place / "out" / "_electra"
            while process.poll() is None and not seen.exists():
                time.sleep(0.01)
            try:
                process.wait(draw.uniform(0.2, 2.0))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        ends.append(process.returncode)
        complete = (seen / "manifest.json").exists()
        placed = {path.name for path in (place / "out").iterdir()} - {"_electra"}
        assert not placed or complete or (seen / "placing.json").exists()
        if process.returncode == 0:
            break
    assert ends[0] == -signal.SIGKILL
    shouting.run(config(unit_segments=10, checks={}))
    assert snapshot("out") == snapshot("whole")
    assert len([name for name in snapshot("out") if "/certificate/" in name]) == 4


def test_a_real_model(place, model_folder):
    from electra_model.export import load_model

    long = "the lazy dog jumps over the quick brown fox, " * 20
    (place / "docs" / "a.txt").write_text(f"A fox runs.  A dog jumps!\n\n😀\n{long}\n")
    (place / "docs" / "b.jsonl").write_text('{"text": "A dog jumps!\\u0000"}\n')
    settings = config(model=model_folder, beam_size=1)
    manifest = shouting.run(settings, inference.load_exported_model)

    model = load_model(model_folder)
    (fox, dog), scores = model.translate(
        ["A fox runs.", "A dog jumps!"], beam_size=1, length_penalty=0.6
    )
    lines = (place / "out" / "a.txt").read_text().split("\n")
    assert lines[0] == f"{segmentation.one_line(fox)}  {segmentation.one_line(dog)}"
    assert lines[1:3] == ["", "😀"]
    assert lines[3] and lines[4:] == [""]
    row = json.loads((place / "out" / "b.jsonl").read_text())
    assert isinstance(row["translation"], str) and row["translation_score"] < 0
    assert scores[0] < 0
    assert manifest["model_fingerprint"] == model.fingerprint
    assert manifest["segments"] == 4
    assert plan_translate(settings).complete


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_line_that_is_too_large_to_be_mirrored(place, monkeypatch, name):
    monkeypatch.setattr(lines, "LONGEST_LINE", 100)
    (place / "docs" / name).write_text('{"text": "one"}\n{"text": "' + "x" * 100 + '"}\n')
    with pytest.raises(InputError, match=rf"{name}: a line is longer than 32 MiB, which is not"):
        shouting.run(config())
