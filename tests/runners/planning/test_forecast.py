import dataclasses
import json
import os

import pytest

from runners.jobs import job_inputs, stages, work
from runners.planning import forecast, planning
from tests.runners.conftest import toy_job


@pytest.fixture
def job(tmp_path):
    (tmp_path / "docs.txt").write_text("the red house is here\n" * 40)
    return toy_job(
        tmp_path,
        dataset={"window_length": 16, "max_tokens": 16, "valid_fraction": 0.1},
        translate={"input": [str(tmp_path / "docs.txt")], "output": str(tmp_path / "out")},
    )


def test_a_run_is_foretold_and_what_comes_of_it_stands_beside(job, tmp_path):
    lines = []
    told = planning.show(job, lines.append, measures=True)["foretold"]
    assert set(told["seconds"]) == {
        "prepare", "pretrain", "train", "evaluate", "translate", "report",
    }  # fmt: skip
    assert all(0 < least <= most for least, most in told["seconds"].values())
    assert told["total_seconds"] == [
        pytest.approx(sum(part), abs=3) for part in zip(*told["seconds"].values(), strict=True)
    ]
    assert told["peak_memory_bytes"] > 2e8
    assert set(told["disk_bytes"]) == {"prepare", "pretrain", "train", "translate"}
    in_all = next(line for line in lines if line.startswith("  in all "))
    assert "of memory" in in_all and "on the disk" in in_all
    # Nothing of the work is done, and nothing else is left.
    assert os.listdir(tmp_path / "work") == ["plan.json"]
    assert not (tmp_path / "out").exists()

    work.do_stages(job, [stages.BY_NAME["prepare"]])
    with open(job.path("run.json")) as stream:
        recorded = json.load(stream)
    assert recorded["foretold"] == told
    entry = recorded["stages"]["prepare"]
    assert entry["foretold_seconds"] == told["seconds"]["prepare"]
    assert 0.5 < told["disk_bytes"]["prepare"] / entry["disk_bytes"] < 2


@pytest.mark.slow
def test_what_is_done_is_not_measured_again(job):
    work.do_stages(job, [stages.BY_NAME["prepare"]])
    told = planning.show(job, [].append, measures=True)["foretold"]
    assert "prepare" not in told["seconds"] and "prepare" not in told["disk_bytes"]


def test_what_cannot_be_measured_is_told_and_the_rest_foretold(job, tmp_path):
    (tmp_path / "docs.txt").write_text("\n\n")
    found = forecast.measure(job, job_inputs.check_texts(job), ["prepare", "translate"])
    assert found.prepare is not None and found.translation is None
    (problem,) = found.problems
    assert problem.startswith("translate could not be measured: translate.input")


def test_minutes_of_training_are_taken_as_they_are(job):
    job = dataclasses.replace(job, train=dataclasses.replace(job.train, steps=None, minutes=30))
    nothing = forecast.Measured()
    found = forecast.of(job, nothing, ["train"], {"train": (1800.0, 1800.0)}, None)
    assert 1800 < found.seconds["train"][0] < 1900  # compiling comes on top
    assert found.total_seconds == found.seconds["train"]


def test_updates_that_nobody_has_timed_are_guessed_from_products(job):
    measured = forecast.measure(job, None, ["train"])
    least, most = measured.updates["train"]
    found = forecast.of(job, measured, ["train"], {}, None).seconds["train"]
    assert found[1] - found[0] == pytest.approx(60 * (most - least))


def test_nothing_wanted_is_nothing_foretold(job):
    found = forecast.of(job, forecast.measure(job, None, []), [], {}, None)
    assert found.to_json() == {
        "seconds": {}, "total_seconds": [0, 0], "peak_memory_bytes": 0, "disk_bytes": {},
    }  # fmt: skip
