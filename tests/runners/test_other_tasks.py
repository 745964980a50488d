"""Every stage of a job that summarises, and of one that continues texts."""

import json

import pytest

from runners.jobs import document_command, stages, work
from runners.jobs.job import make_job
from tests.pipelines.small_jobs import sentences

SIZES = dict(d_model=16, num_heads=2, dff=32, num_layers=1, num_decoder_layers=1, max_length=16)


def texts(count):
    """Different texts of five sentences."""
    found = [f"{source.capitalize()}." for source, _ in sentences(5 * count)]
    return [" ".join(found[5 * n : 5 * n + 5]) for n in range(count)]


def job(folder, task, rows):
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "docs.jsonl").write_text(json.dumps({"text": " ".join(texts(3))}) + "\n")
    values = {
        "task": task,
        "workdir": str(folder / "work"),
        "source_lang": "en",
        "data": {"train": [str(corpus)], "source_field": "text", "target_field": "summary"},
        "vocabulary": {"size": 100, "character_coverage": 1.0},
        "dataset": {"window_length": 16, "max_tokens": 16, "valid_fraction": 0.1},
        "model": SIZES,
        "pretrain": {"steps": 0},
        "train": dict(steps=2, batch_tokens=256, buckets=[16], warmup_steps=1),
        "translate": {
            "input": [str(folder / "docs.jsonl")],
            "output": str(folder / "out"),
            "beam_size": 1,
        },
    }
    if task == "generate":
        values["dataset"]["stretch_characters"] = 30
    return make_job(values, "a job")


@pytest.mark.slow
@pytest.mark.parametrize("task", ["summarise", "generate"])
def test_a_whole_job(tmp_path, task, capsys):
    rows = [{"text": text, "summary": text.split(".")[0] + "."} for text in texts(60)]
    found = job(tmp_path, task, rows)
    counts = work.do_stages(found, stages.STAGES)
    assert [entry["status"] for entry in counts.values()] == ["done", "skipped", *["done"] * 4]
    prepared, scores = counts["prepare"], counts["evaluate"]
    assert prepared["in"] == prepared["out"] + sum(prepared["rejected"].values())
    assert prepared["in"] >= 60 and prepared["splits"]["valid"] == scores["sentences"] > 0
    if task == "summarise":
        assert 0 <= scores["model"]["rougeL"]["score"] <= scores["lead_1"]["rougeL"]["score"]
    else:
        assert 1 < scores["model"]["character_perplexity"]["score"] < 100
        assert scores["model"]["perplexity"]["score"] > 1
    card = json.loads((tmp_path / "work" / "model" / "model.json").read_text())
    assert (card["task"], card["source_lang"], card["target_lang"]) == (task, "en", "en")
    field = {"summarise": "summary", "generate": "continuation"}[task]
    row = json.loads((tmp_path / "out" / "docs.jsonl").read_text())
    # So small a model may stutter as well.
    assert isinstance(row[field], str) and row[f"{field}_error"].split(",")[0] == "source_cut"
    assert counts["translate"]["cut"] == 1
    page = (tmp_path / "work" / "report.html").read_text()
    title = {"summarise": "English summaries", "generate": "English continuations"}[task]
    assert f"<h1>{title}</h1>" in page

    assert "longer than the model takes" in capsys.readouterr().err
    # Without a job file the name of the field is that of the model's task.
    assert document_command._output_field(found.path("model")) == field
