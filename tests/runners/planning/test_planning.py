import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pipelines.foresight import foresight
from pipelines.foresight.foresight import Outlook
from runners.engines import launch
from runners.jobs import stages, work
from runners.planning import planning
from tests.runners.conftest import toy_job


def shown(job):
    lines = []
    return planning.show(job, lines.append), lines


def prepare(job):
    return work.do_stages(job, [stages.BY_NAME["prepare"]])["prepare"]


@pytest.mark.parametrize(
    ("outlook", "text"),
    [
        (Outlook("clean", 0, 40, ""), "clean: nothing"),
        (Outlook("clean", 0, 40, "old.tsv gone"), "clean: nothing (old.tsv gone)"),
        (Outlook("clean", 3, 40, "a.tsv changed"), "clean: 3 of 40 units (a.tsv changed)"),
        (Outlook("clean", 40, 40, "not done yet"), "clean: 40 units"),
        (Outlook("clean", 1, 1, "not done yet"), "clean: 1 unit"),
        (Outlook("clean", 40, 40, "clean.mend off -> on"), "clean: again (clean.mend off -> on)"),
        (Outlook("split", 5, 12, foresight.LEFT), "split: 5 of 12 units left"),
        (Outlook("pieces", 4, 4, "since the vocabulary changes"),
         "pieces: again, since the vocabulary changes"),
        (Outlook("shards", 1, 3, "since files that it has written are gone"),
         "shards: 1 of 3 units, since files that it has written are gone"),
        (Outlook("words", None, None, "if the result of clean changes", False),
         "words: again if the result of clean changes"),
        (Outlook("words", None, None, "not done yet"), "words: to be done"),
        (Outlook("words", None, None, "cannot be done: train: too few"),
         "words: cannot be done: train: too few"),
        (Outlook("publish", 1, 1, "not done yet"), "publish: to be done"),
    ],
)  # fmt: skip
def test_words(outlook, text):
    assert planning.in_words([outlook]) == [text]


def test_stages_of_which_the_same_is_said_share_a_line():
    some = [Outlook("a", 0, 1, ""), Outlook("b", 0, 7, ""), Outlook("c", 1, 7, "x changed")]
    assert planning.in_words(some) == ["a, b: nothing", "c: 1 of 7 units (x changed)"]


@pytest.mark.parametrize(
    ("outlooks", "text"),
    [
        ([], ""),
        ([Outlook("clean", 3, 12, foresight.LEFT)], "9 of 12 units of clean are done"),
        ([Outlook("clean", 0, 12, ""), Outlook("dedup", 1, 1, foresight.FIRST)], "clean is done"),
        (
            [*(Outlook(name, 0, 9, "") for name in ("clean", "dedup", "split")),
             Outlook("words", 1, 4, foresight.LEFT)],
            "clean, dedup and split are done, and 3 of 4 units of words",
        ),
    ],
)  # fmt: skip
def test_what_a_run_goes_on_from(outlooks, text):
    assert planning.left_off(outlooks) == text


@pytest.mark.parametrize(
    ("least", "most", "text"),
    [
        (10.0, 25.0, "will take 0:10 to 0:25"),
        (60.0, 60.0, "will take about 1:00"),
        (60.0, 64.0, "will take about 1:04"),
        (0.2, 0.9, "will take about 0:01"),
    ],
)
def test_times(least, most, text):
    assert planning._time(least, most, measured=True) == text


def test_a_time_that_was_never_measured_is_a_guess():
    assert planning._time(10.0, 40.0, measured=False) == "a guess: 0:10 to 0:40"


def test_what_is_shown_is_what_is_done(tmp_path, capsys):
    job = toy_job(tmp_path)
    facts, lines = shown(job)
    assert lines[1].startswith(
        "  prepare    run      not complete yet; 1 file, 4.8 kB; a guess: 0:10 to 0:4"
    )
    assert lines[2:4] == [
        "    clean: 1 unit",
        "    dedup, split, words, vocabulary, pieces, encode, shards, publish: to be done",
    ]
    assert facts["prepare"][0] == {
        "stage": "clean", "todo": 1, "total": 1, "why": "not done yet",
    }  # fmt: skip
    assert facts["seconds"]["prepare"] == [10, 40]
    prepare(job)
    facts, lines = shown(job)
    assert lines[1] == "  prepare    skip     complete"
    assert facts["prepare"] == [] and "prepare" not in facts["seconds"]

    os.unlink(job.path(".stages", "prepare.json"))  # as a kill behind the last step leaves it
    facts, lines = shown(job)
    assert lines[1] == "  prepare    run      all of it is done; what is left is to say so"
    assert lines[2].startswith("  pretrain ")
    assert facts["stages"]["prepare"] == "run" and "prepare" not in facts["seconds"]
    capsys.readouterr()
    prepare(job)
    assert "goes on" not in capsys.readouterr().err

    vocabulary = dataclasses.replace(job.vocabulary, size=70)
    smaller = dataclasses.replace(job, vocabulary=vocabulary)
    facts, lines = shown(smaller)
    assert " before" not in lines[1]  # the last run had nothing to do
    assert lines[2:6] == [
        "    clean, dedup, split, words: nothing",
        "    vocabulary: again (vocabulary.size 100 -> 70)",
        f"    pieces, encode, shards: again {lines[4].partition(': again ')[2]}",
        "    publish: again, since a stage before it is to be done",
    ]
    assert [one["todo"] for one in facts["prepare"]][:5] == [0, 0, 0, 0, 1]


@pytest.mark.slow
def test_a_prepare_that_was_killed(tmp_path, capsys):
    """By SIGKILL in the middle of a stage: what is left is told, and done."""
    job = toy_job(tmp_path, dataset={"unit_megabytes": 0.0001})
    text = work.save_resolved(job)
    command = subprocess.Popen(
        [sys.executable, "-m", "runners", "prepare", text], stderr=subprocess.DEVNULL
    )
    split = tmp_path / "work" / "prepare" / "split"
    deadline = time.monotonic() + 60
    while len(list(split.glob("*.receipt.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.002)
    command.send_signal(signal.SIGKILL)
    command.wait()
    committed = len(list(split.glob("*.receipt.json")))
    facts, lines = shown(job)
    total = len(launch_units(job))
    assert 3 <= committed < total
    assert lines[2:5] == [
        "    clean, dedup: nothing",
        f"    split: {total - committed} of {total} units left",
        "    words, vocabulary, pieces, encode, shards, publish: to be done",
    ]
    before = {path: os.stat(path).st_mtime_ns for path in split.glob("*.receipt.json")}
    capsys.readouterr()
    prepare(job)
    assert capsys.readouterr().err.splitlines()[1] == (
        "prepare: goes on from what is there: clean and dedup are done, and "
        f"{committed} of {total} units of split"
    )
    assert all(os.stat(path).st_mtime_ns == stamp for path, stamp in before.items())
    assert len(list(split.glob("*.receipt.json"))) == total


def launch_units(job):
    from runners.jobs import job_inputs

    plan = job_inputs.check_texts(job)
    assert plan is not None
    return plan.units


def test_the_pace_is_recorded_and_used(tmp_path):
    job = toy_job(tmp_path)
    counts = prepare(job)
    with open(job.path("run.json")) as stream:
        recorded = json.load(stream)["stages"]["prepare"]["counts"]["pace"]
    assert recorded == counts["pace"]
    assert recorded["done"] == recorded["megabytes"] > 0
    assert recorded["seconds"] >= 0 and recorded["start_seconds"] >= 0
    assert launch.dataset_counts(job)["out"] == counts["out"]
