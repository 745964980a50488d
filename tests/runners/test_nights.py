"""Documents arrive night after night: each night costs what is new, whatever happened before."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.small_model import write_small_model

JOB = """
workdir: work
source_lang: en
target_lang: de
translate: {model: model, input: [docs/*.jsonl], output: translated, unit_segments: 8}
"""


# Other tests may have had TensorFlow speak in this process, and what they set would be inherited.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.getcwd(), "TF_CPP_MIN_LOG_LEVEL": "3"}


def write(path, texts):
    lines = [json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)]
    path.write_text("".join(lines), encoding="utf-8")


def texts(first, count):
    words = "the quick brown fox jumps over a lazy dog and runs home".split()
    found = []
    for number in range(first, first + count):
        picked = [words[number // 12**place % 12] for place in range(4)]
        found.append(" ".join([*picked, "home"]) + ".")
    return found


def start(folder, *more):
    return subprocess.Popen(
        [sys.executable, "-m", "runners", "run", "job.yaml", "--log-format", "json", *more],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def night(folder):
    """The counts of `translate`, after a look at what was said."""
    process = start(folder)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in errors.splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert any(line.get("stage") == "translate" for line in lines)
    return json.loads(output.splitlines()[-1])["stages"]["translate"]


def metric(folder, name, **labels):
    text = (folder / "work" / "metrics.prom").read_text(encoding="utf-8")
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


def outputs(folder):
    return {path.name: path.read_bytes() for path in (folder / "translated").glob("*.jsonl")}


@pytest.fixture
def folder(tmp_path):
    write_small_model(tmp_path / "model")
    (tmp_path / "docs").mkdir()
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


@pytest.mark.slow
def test_three_nights(folder):
    docs = folder / "docs"
    write(docs / "a.jsonl", texts(0, 20))
    write(docs / "b.jsonl", texts(20, 20))
    first = night(folder)
    assert (first["in"], first["out"]) == (40, 40)
    assert (first["translated"], first["remembered"]) == (40, 0)
    assert metric(folder, "electra_stage_segments", source="translated") == 40
    assert metric(folder, "electra_stage_state", stage="translate", state="complete") == 1
    before = outputs(folder)

    write(docs / "c.jsonl", texts(40, 20))
    second = night(folder)
    assert (second["in"], second["translated"], second["remembered"]) == (60, 20, 0)
    assert outputs(folder).items() > before.items()

    changed = texts(20, 20)
    changed[7] = "a lazy fox runs over the dog."
    write(docs / "b.jsonl", changed)
    third = night(folder)
    assert (third["in"], third["translated"], third["remembered"]) == (60, 1, 19)
    after = outputs(folder)
    assert {name for name in before if after[name] != before[name]} == {"b.jsonl"}
    old, new = (rows["b.jsonl"].splitlines() for rows in (before, after))
    assert [n for n in range(20) if old[n] != new[n]] == [7]

    # Nothing new: nothing is done, and that is success.
    assert night(folder)["status"] == "complete"
    assert outputs(folder) == after


@pytest.mark.slow
def test_a_night_that_was_cut_short(folder):
    write(folder / "docs" / "a.jsonl", texts(0, 200))
    process = start(folder)
    units = folder / "translated" / "_electra" / "units"
    while not any(units.glob("*.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    # A second run finds the first at work, and leaves it alone.
    second = start(folder)
    _, errors = second.communicate()
    if process.poll() is None:
        assert second.returncode == 1
        assert (
            "another electra command works there" in json.loads(errors.splitlines()[-1])["message"]
        )
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # The lock went with the process.
    counts = night(folder)
    assert (counts["in"], counts["out"]) == (200, 200)
    assert metric(folder, "electra_stage_records", direction="out") == 200
