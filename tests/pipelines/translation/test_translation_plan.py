import gzip
import json
import os
import subprocess
import sys
import textwrap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from electra_model.errors import InputError, WorkError
from pipelines.translate import plan_translate
from tests.pipelines import shouting
from tests.pipelines.shouting import ROOT, config, rejected, snapshot


def test_a_complete_run_is_not_done_again(place):
    (place / "docs" / "a.txt").write_text("one\n")
    shouting.run(config())
    before = snapshot("out"), os.stat("out/a.txt").st_mtime_ns
    assert plan_translate(config()).complete
    assert plan_translate(config(input=(str(place / "docs" / "a.txt"),))).complete
    shouting.run(config(), loader=None)
    assert before == (snapshot("out"), os.stat("out/a.txt").st_mtime_ns)


def test_only_what_changed_is_done_again(place):
    for name in "abc":
        text = f'{{"text": "{name}"}}\nbad {name}\n'
        (place / "docs" / f"{name}.jsonl").write_text(text)
    shouting.run(config())
    (place / "docs" / "b.jsonl").write_text('{"text": "new"}\n')
    (place / "docs" / "c.jsonl").unlink()
    plan = plan_translate(config())
    assert [planned.file.name for planned in plan.made] == ["b.jsonl"]
    assert list(plan.kept) == ["a.jsonl"]
    assert plan.stale == ("c.jsonl",)
    shouting.run(config())
    found = snapshot("out")
    assert b'"NEW"' in found["b.jsonl"]
    assert "c.jsonl" not in found and b'"C"' in found["_electra/previous/c.jsonl"]
    assert [line["raw"] for line in rejected()] == ["bad a"]
    shouting.run(config(output="fresh"))
    del found["_electra/previous/c.jsonl"]
    assert found == snapshot("fresh")


@pytest.mark.parametrize(
    "changes", [{"beam_size": 1}, {"length_penalty": 0.0}, {"output_field": "de"}]
)
def test_other_settings_are_another_translation(place, changes):
    (place / "docs" / "a.jsonl").write_text('{"text": "one"}\n')
    shouting.run(config())
    plan = plan_translate(config(**changes))
    assert not plan.complete and len(plan.pending) == 1
    shouting.run(config(**changes))
    assert plan_translate(config(**changes)).complete


def test_another_model_is_another_translation(place):
    (place / "docs" / "a.txt").write_text("one\n")
    shouting.run(config())
    shouting.write_model_card(place / "model", "another")
    assert not plan_translate(config()).complete
    assert shouting.run(config())["model_fingerprint"] == "another"


@pytest.mark.parametrize("what", ["foreign", "edited", "folder", "link", "dangling"])
def test_files_of_others_are_not_overwritten(place, what):
    (place / "docs" / "a.txt").write_text("one\n")
    (place / "out").mkdir()
    target = place / "out" / "a.txt"
    if what == "edited":
        shouting.run(config())
        (place / "docs" / "a.txt").write_text("two\n")
        target.write_text("by hand\n")
    elif what == "foreign":
        target.write_text("mine\n")
    elif what == "folder":
        target.mkdir()
    elif what == "link":
        target.symlink_to(place / "docs" / "a.txt")
    else:
        target.symlink_to(place / "nowhere")
    with pytest.raises(InputError, match="out/a.txt: .* would be overwritten; .*--output"):
        plan_translate(config())
    if what != "edited":
        assert not (place / "out" / "_electra").exists()


def test_an_output_that_is_gone_is_made_again(place):
    (place / "docs" / "a.txt").write_text("one\n")
    (place / "docs" / "b.txt").write_text("two\n")
    shouting.run(config())
    before = snapshot("out")
    (place / "out" / "a.txt").unlink()
    assert [planned.file.name for planned in plan_translate(config()).made] == ["a.txt"]
    shouting.run(config())
    assert snapshot("out") == before


def test_the_log_is_made_again_when_it_is_gone(place):
    (place / "docs" / "a.jsonl").write_text('{"text": "one"}\n{}\n')
    (place / "docs" / "b.txt").write_text("two\n")
    shouting.run(config())
    before = snapshot("out")
    (place / "out" / "_electra" / "rejected.jsonl").unlink()
    assert [planned.file.name for planned in plan_translate(config()).made] == ["a.jsonl"]
    shouting.run(config())
    assert snapshot("out") == before


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("manifest.json", lambda values: values | {"files": None}),
        ("manifest.json", lambda values: values | {"files": 5}),
        ("manifest.json", lambda values: values | {"counts": 5}),
        ("manifest.json", lambda values: values | {"files": [values["files"][0] | {"input": 5}]}),
        ("manifest.json", lambda values: values | {"files": [values["files"][0] | {"counts": {}}]}),
        ("known.json", lambda values: {"a.txt": 5}),
        ("known.json", lambda values: {"a.txt": [[1]]}),
        ("known.json", lambda values: [7]),
    ],
)
def test_what_earlier_runs_wrote_may_be_damaged(place, name, damage):
    """The outputs are not known to be ours then, or are made again; nothing falls over."""
    (place / "docs" / "a.txt").write_text("one\n")
    shouting.run(config())
    before = snapshot("out")
    path = place / "out" / "_electra" / name
    values = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(damage(values)))
    try:
        shouting.run(config())
    except InputError as error:
        assert "is not ours and would be overwritten" in str(error)
        (place / "out" / "a.txt").unlink()
        shouting.run(config())
    if name not in {path.rpartition("/")[2] for path in before}:
        path.unlink(missing_ok=True)
    assert snapshot("out") == before


@pytest.mark.slow
def test_a_parquet_file_is_cut_otherwise_in_the_middle_of_a_run(place):
    """A unit's key is of the copy that its row groups are of."""
    table = pa.table({"text": [f"row {n}" + " and so on" * 30 for n in range(400)]})
    pq.write_table(table, place / "docs" / "a.parquet")
    shouting.run(config(output="whole"))
    first, second = (config(unit_segments=size) for size in (60, 20))
    plan = plan_translate(first)
    assert len(plan.pending) > 4
    shouting.commit_units(plan, first, 3)
    again = plan_translate(second)
    assert len(again.pending) == again.total_units > plan.total_units
    shouting.run(second)
    assert snapshot("out") == snapshot("whole")


def test_names_and_links_that_cannot_be(place):
    path = place / "docs" / ("n" * 217 + ".txt")
    path.write_text("one\n")
    with pytest.raises(InputError, match="has 221 bytes; 220 leave room for .*: rename the file"):
        plan_translate(config())
    path.rename(place / "docs" / ("n" * 216 + ".txt"))
    shouting.run(config())
    (place / "docs" / "gone.txt").symlink_to("nowhere.txt")
    with pytest.raises(InputError, match="gone.txt is a link to nowhere.txt, which is not there"):
        plan_translate(config())


@pytest.mark.parametrize("key", ["task", "source_lang", "target_lang"])
def test_a_model_whose_card_is_damaged(place, key):
    (place / "docs" / "a.txt").write_text("one\n")
    card = place / "model" / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {key: 7}))
    with pytest.raises(InputError, match=f"model.json: {key} is no text; the model folder is dam"):
        plan_translate(config())


def test_an_output_longer_than_the_model_makes(place):
    (place / "docs" / "a.txt").write_text("one\n")
    card = place / "model" / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"model": {"max_length": 64}}))
    with pytest.raises(InputError, match="min_length: found 65; the longest output of model"):
        plan_translate(config(min_length=65))
    assert plan_translate(config(min_length=64)).pending


def test_missing_settings(place):
    for key in ("input", "output", "model"):
        with pytest.raises(InputError, match=f"translate.{key}: is not given"):
            plan_translate(config(**{key: () if key == "input" else None}))
    with pytest.raises(InputError, match="output_field: is empty"):
        plan_translate(config(output_field=""))


def test_a_second_run_in_the_same_folder_is_refused(place):
    (place / "docs" / "a.txt").write_text("one\n")
    program = textwrap.dedent("""
        import sys
        from pipelines.config import TranslateConfig
        from pipelines.translate import plan_translate
        plan_translate(TranslateConfig(input=("docs",), output="out", model="model"))
        print("planned", flush=True)
        sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"planned\n"
        with pytest.raises(WorkError, match="out: another run is writing here"):
            plan_translate(config())
        other.kill()
    shouting.run(config())


def test_a_command_that_is_wrong_leaves_no_trace(place):
    row = b'{"text": "x", "translation": "y"}\n'
    (place / "docs" / "a.jsonl.gz").write_bytes(gzip.compress(row))
    with pytest.raises(InputError, match="a.jsonl.gz: row 1 has the field 'translation' already"):
        plan_translate(config())
    assert not (place / "out").exists()
    (place / "out").mkdir()
    with pytest.raises(InputError, match="already"):
        plan_translate(config())
    assert list((place / "out").iterdir()) == []
