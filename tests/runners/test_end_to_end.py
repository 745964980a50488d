import json
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

COLOURS = {"red": "rote", "green": "grüne", "blue": "blaue", "black": "schwarze", "white": "weiße"}
THINGS = {"lamp": "Lampe", "door": "Tür", "clock": "Uhr", "bottle": "Flasche", "car key": "Karte"}
VERBS = {"Open": "Öffne", "Close": "Schließe", "Take": "Nimm", "Find": "Finde", "Show": "Zeige"}

JOB = """\
workdir: work
source_lang: en
target_lang: de
data: {train: [train.tsv], valid: [valid.tsv], test: [test.tsv]}
vocabulary: {size: 120}
dataset: {window_length: 16, max_tokens: 32, unit_megabytes: 0.005}
model: {num_layers: 1, num_decoder_layers: 1, d_model: 32, num_heads: 2, dff: 64, max_length: 32}
pretrain: {steps: 3, batch_tokens: 256}
train: {steps: 5, batch_tokens: 256, buckets: [32], checkpoint_minutes: 0.01}
translate: {input: [docs/*], output: out, beam_size: 1}
runner: {workers: 1}
"""


@pytest.fixture
def folder(tmp_path):
    pairs = [
        f"{verb} the {colour} {thing} number {number}.\t{VERBS[verb]} die {COLOURS[colour]} "
        f"{THINGS[thing]} Nummer {number}.\n"
        for verb in VERBS
        for colour in COLOURS
        for thing in THINGS
        for number in (3, 14, 15)
    ]
    random.Random(1).shuffle(pairs)
    # Sources are told apart without their digits when test data is kept out of training.
    for name, part in (("test", pairs[:20]), ("valid", pairs[20:40]), ("train", pairs[40:])):
        (tmp_path / f"{name}.tsv").write_text("".join(part))
    (tmp_path / "docs").mkdir()
    rows = [
        {"id": n, "text": text} for n, text in enumerate(["Open the red door.", "", "A. B.\nC."])
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows) + "no JSON\n"
    (tmp_path / "docs" / "a.jsonl").write_text(text)
    (tmp_path / "docs" / "b.txt").write_text("Take the clock.\n\nClose the white door.")
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "runners", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def electra(folder, *arguments):
    command = start(folder, *arguments)
    output, errors = command.communicate(timeout=240)
    assert command.returncode == 0, errors
    return json.loads(output.splitlines()[-1]), errors.splitlines()


@pytest.mark.slow
def test_the_whole_job_with_a_kill_in_the_middle(folder):
    command = start(folder, "run", "job.yaml")
    deadline = time.monotonic() + 120
    while not list(folder.glob("work/prepare/**/*.receipt.json")) and time.monotonic() < deadline:
        assert command.poll() is None, command.communicate()[1]
        time.sleep(0.05)
    command.send_signal(signal.SIGKILL)
    command.communicate()
    done, errors = electra(folder, "run", "job.yaml")
    stages = done["stages"]
    assert {name: stage["status"] for name, stage in stages.items()} == dict.fromkeys(
        ["prepare", "pretrain", "train", "evaluate", "translate", "report"], "done"
    )
    prepared = stages["prepare"]
    assert prepared["in"] == 375
    assert prepared["in"] == prepared["out"] + sum(prepared["rejected"].values())
    assert prepared["out"] == sum(prepared["splits"][name] for name in ("train", "valid", "test"))
    assert (stages["pretrain"]["steps"], stages["train"]["steps"]) == (3, 5)
    assert 0 <= stages["evaluate"]["model"]["chrf"]["score"] <= 100
    assert (stages["translate"]["in"], stages["translate"]["files"]) == (7, 2)
    assert stages["translate"]["translated"] == stages["translate"]["segments"] > 0
    for name in ("report.html", "run.json", "job.resolved.yaml", "model/model.json"):
        assert (folder / "work" / name).stat().st_size > 0
    recorded = json.loads((folder / "work" / "run.json").read_text())["stages"]
    least, most = recorded["prepare"]["foretold_seconds"]
    assert 0 < least <= most and recorded["prepare"]["seconds"] > 0

    rows = (folder / "out" / "a.jsonl").read_text().splitlines()
    assert [json.loads(row).get("id") if row[0] == "{" else row for row in rows[:3]] == [0, 1, 2]
    assert "translation" in json.loads(rows[0]) and len(rows) == 4
    assert (folder / "out" / "b.txt").read_text().count("\n") == 2

    again, errors = electra(folder, "run", "job.yaml")
    assert all(stage["status"] == "complete" for stage in again["stages"].values())
    assert errors == [f"{name}: complete already" for name in stages]

    # The model alone, elsewhere, in one process: the same translations.
    options = ["--model", "work/model", "--input", "docs/*", "--output", "again"]
    counts, _ = electra(folder, "translate", *options, "--beam-size", "1")
    assert (counts["in"], counts["files"]) == (7, 2)
    for name in ("a.jsonl", "b.txt"):
        first = pathlib.Path(folder, "out", name).read_bytes()
        assert pathlib.Path(folder, "again", name).read_bytes() == first
