import json
import os
import pathlib
import subprocess
import sys
import textwrap

import apache_beam as beam
import pydantic
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from electra_model.errors import InputError
from pipelines.translate import build_translate, plan_translate
from pipelines.translation import translation_engine
from tests.pipelines.shouting import ROOT, config, snapshot

TEXT = "the quick brown fox\nruns home. a lazy dog jumps!\n\nover the dog, the fox\n"


@pytest.fixture
def documents(place):
    (place / "docs" / "a.txt").write_text(TEXT)
    (place / "docs" / "b.jsonl").write_text('{"text": "the fox runs"}\n{"text": "a dog"}\n')
    return place


def run(settings):
    """As `electra translate` does it; gives what then lies in the output folder."""
    plan = plan_translate(settings)
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(flags=[]))
    build_translate(pipeline, settings, plan)
    pipeline.run().wait_until_finish()
    return snapshot(settings.output)


def decoding(found):
    return json.loads(found["_electra/manifest.json"])["settings"]["decoding"]


def test_documents_are_translated(documents, model_folder):
    settings = config(model=model_folder, beam_size=2, engine="ctranslate2")
    found = run(settings)
    assert sorted(found) == [
        *("_electra/manifest.json", "_electra/rejected.jsonl", "a.txt", "b.jsonl"),
    ]
    assert found["a.txt"].count(b"\n") == 4 and found["a.txt"] != TEXT.encode()
    rows = [json.loads(line) for line in found["b.jsonl"].splitlines()]
    assert all(row["translation"] and row["translation_score"] < 0 for row in rows)
    assert decoding(found)["engine"] == "ctranslate2 float32"
    assert plan_translate(settings).complete
    # Any size of the units gives the same.
    cut = run(config(model=model_folder, beam_size=2, engine="ctranslate2", unit_segments=1,
                     output="cut"))  # fmt: skip
    assert {name: cut[name] for name in ("a.txt", "b.jsonl")} == {
        name: found[name] for name in ("a.txt", "b.jsonl")
    }


def test_an_exported_model_is_used_as_it_is(documents, model_folder):
    from electra_model.ctranslate2_export import export
    from electra_model.export import load_model

    export(load_model(model_folder), "exported")
    before = snapshot("exported")
    settings = config(model=model_folder, beam_size=2, engine="ctranslate2")
    expected = run(settings)
    settings = config(model="exported", beam_size=2, engine="ctranslate2", output="again")
    assert run(settings) == expected and snapshot("exported") == before
    with pytest.raises(InputError, match="model: exported is in the format of CTranslate2; add"):
        plan_translate(config(model="exported"))


def test_the_engine_is_part_of_the_fingerprint_where_it_is_another(place):
    (place / "docs" / "a.txt").write_text("one\n")
    usual, other, rough = (
        plan_translate(config(**changes)).settings["decoding"]
        for changes in (
            {},
            {"engine": "ctranslate2"},
            {"engine": "ctranslate2", "compute_type": "int8"},
        )
    )
    # As it was before there were engines.
    assert usual == {
        "beam_size": 4,
        "length_penalty": 0.6,
        "max_length": None,
        "fingerprint": "97718e21f48038d0",
    }
    assert other["engine"] == "ctranslate2 float32" and rough["engine"] == "ctranslate2 int8"
    assert len({one["fingerprint"] for one in (usual, other, rough)}) == 3


def test_numbers_are_for_the_engine_that_has_them():
    with pytest.raises(pydantic.ValidationError, match="compute_type int8 is for engine ctransl"):
        config(compute_type="int8")


def test_what_the_engine_cannot_do_is_said_before_any_work(place, monkeypatch):
    (place / "docs" / "a.txt").write_text("one\n")
    card = json.loads((place / "model" / "model.json").read_text())
    card["model"] = {"embedding_norm": True, "embedding_dim": 8}
    (place / "model" / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="^model: model: CTranslate2 cannot normalise"):
        plan_translate(config(engine="ctranslate2"))
    for changes in ({"sample": True}, {"min_length": 3}, {"no_repeat_ngram": 2}):
        with pytest.raises(InputError, match=f"^translate.{[*changes][0]}: is for engine tensorfl"):
            plan_translate(config(engine="ctranslate2", **changes))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="^translate.engine: ctranslate2: needs CTranslate2,"):
        plan_translate(config(engine="ctranslate2"))
    assert not os.path.exists("out")


@pytest.mark.slow
def test_processes_share_one_conversion(model_folder, tmp_path):
    kept = tmp_path / "kept"
    program = textwrap.dedent("""
        import sys
        from pipelines.translation.translation_engine import load_ctranslate2
        model = load_ctranslate2(sys.argv[1], kept=sys.argv[2], compute_type="int8")
        print(model.translate(["the fox"], beam_size=1, length_penalty=0.0)[0])
    """)
    command = [sys.executable, "-c", program, model_folder, str(kept)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(2)]
    answers = [process.communicate()[0] for process in running]
    assert answers[0] == answers[1] != b""
    (folder,) = kept.iterdir()
    assert (folder / "model.bin").is_file()
    made = folder.stat().st_mtime_ns
    translation_engine.load_ctranslate2(model_folder, kept=str(kept))
    assert folder.stat().st_mtime_ns == made


def test_nothing_is_kept_where_there_is_no_place(model_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert translation_engine.loader(config(engine="ctranslate2"), "gs://b/out").keywords == {
        "kept": None,
        "compute_type": "float32",
    }
    model = translation_engine.load_ctranslate2(model_folder)
    assert list(pathlib.Path(tmp_path).iterdir()) == []
    assert model.fingerprint == json.loads(
        pathlib.Path(model_folder, "model.json").read_text()
    )["fingerprint"]  # fmt: skip
    assert model.count_tokens(["the fox"])[0] > 2
