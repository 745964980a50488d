import json
import logging

import pytest

from runners.terminal import log_lines, progress


@pytest.fixture
def as_json(monkeypatch):
    monkeypatch.setenv(log_lines.VARIABLE, "json")


def test_text_is_as_it_is():
    assert log_lines.line("prepare: done") == "prepare: done"


def test_json_names_the_stage(as_json):
    entry = json.loads(log_lines.line("prepare: done in 0:12", done=3))
    assert entry.pop("time").endswith("Z")
    assert entry == {"level": "info", "stage": "prepare", "message": "done in 0:12", "done": 3}
    warning = json.loads(log_lines.line("prepare: warning: few words\nof German"))
    assert (warning["level"], warning["message"]) == ("warning", "warning: few words\nof German")
    assert json.loads(log_lines.line("Interrupted.", level="error"))["level"] == "error"


def test_progress_is_lines_with_numbers(as_json, capsys):
    with progress.Progress("train", 10, "steps") as bar:
        bar.update(4)
    (entry,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (entry["stage"], entry["done"], entry["total"], entry["unit"]) == (
        "train",
        4,
        10,
        "steps",
    )


def test_what_libraries_log(as_json):
    record = logging.LogRecord("some.library", logging.WARNING, "f.py", 1, "%s left", (3,), None)
    entry = json.loads(log_lines.Formatter("%(message)s").format(record))
    assert (entry["level"], entry["message"], entry["logger"]) == (
        "warning",
        "3 left",
        "some.library",
    )
