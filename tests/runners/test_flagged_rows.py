"""What `electra translate` says of rows that are flagged."""

import functools
import json

from pipelines import translate
from runners.jobs import document_command
from tests.pipelines import losing, shouting


def translated(monkeypatch, *overrides):
    build = functools.partial(translate.build_translate, load=losing.load)
    monkeypatch.setattr(translate, "build_translate", build)
    options = dict.fromkeys(
        ("text_field", "output_field", "beam_size", "memory", "engine", "runner", "workers"), None
    ) | {"model": "model", "inputs": ("docs",), "output": "out"}
    return document_command.translate(options, overrides)


def test_their_number_and_where_to_look(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    shouting.write_model_card(tmp_path / "model")
    texts = ["Hello {name}.", "Say {name} (deaf).", "You always stutter here."]
    rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (tmp_path / "docs" / "a.jsonl").write_text(rows)
    counts = translated(monkeypatch, "translate.checks.wrong_language=off")
    assert counts["flagged"] == 2
    assert counts["flags"] == {"repetition": 1, "spans_in_source_order": 1}
    said = capsys.readouterr().err
    assert (
        "translate: 2 of 3 rows are flagged (repetition 1, spans_in_source_order 1); see "
        "translation_error in JSONL and Parquet, and for every file out/_electra/certificate\n"
    ) in said

    counts = translated(monkeypatch, "translate.checks=off")
    assert "flagged" not in counts
    assert "flagged" not in capsys.readouterr().err
