import json

import pytest

from pipelines.foresight.foresight import Outlook
from pipelines.foresight.stage_costs import ALWAYS
from pipelines.units import Unit
from runners.jobs.job import make_job, save_resolved
from runners.planning import durations

UNITS = [Unit(0, "00000-00000", "a.tsv", "tsv", None, 0, 1, 64_000_000, "train")]

# What `stage_costs` says of all stages, with one worker: 3.75 seconds and 2 for the vocabulary.
PACE = {
    "megabytes": 64.0,
    "done": 64.0,
    "seconds": 57.5,
    "expected_seconds": 5.75,
    "start_seconds": 6.0,
}


def outlooks(**known):
    return [known.get(name, Outlook(name, 0, 9, "")) for name in ALWAYS]


ALL = [Outlook(name, None, None, "not done yet") for name in ALWAYS]
NONE = outlooks()


@pytest.mark.parametrize(
    ("todo", "pace", "seconds"),
    [
        # 64 MB at 10 and at 4 MB/s, half of what two workers do, after 10 to 40 seconds of start.
        (ALL, {}, (10 + 6.4, 40 + 16)),
        (NONE, {}, (10, 40)),
        (ALL, PACE, (6 + 57.5, 6 + 57.5)),
        (NONE, PACE, (6, 6)),
        (outlooks(shards=Outlook("shards", 9, 9, "x")), PACE, (15, 15)),
        (outlooks(shards=Outlook("shards", 3, 9, "x")), PACE, (9, 9)),
        (outlooks(shards=Outlook("shards", None, None, "x")), PACE, (15, 15)),
        (outlooks(shards=Outlook("shards", None, None, "if x", sure=False)), PACE, (6, 15)),
        # A run that did little of the work, or in no time, says nothing of the pace.
        (ALL, {**PACE, "done": 10.0}, (12.4, 56)),
        (ALL, {**PACE, "seconds": 1.9}, (12.4, 56)),
        (ALL, {**PACE, "seconds": "long"}, (12.4, 56)),
        (ALL, {"megabytes": 64.0}, (16.4, 56)),
    ],
)
def test_seconds_of_prepare(todo, pace, seconds):
    publish = Outlook("publish", 1, 1, "not done yet")
    found = durations.of_prepare([*todo, publish], UNITS, 1, pace)
    assert found == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(
    ("todo", "pace", "more"), [(ALL, {}, (32, 64)), (NONE, {}, (0, 0)), (ALL, PACE, (0, 0))]
)
def test_identifying_languages_takes_a_second_for_one_to_two_megabytes(todo, pace, more):
    """Where no pace of a former run has it already."""
    with_it, without = (
        durations.of_prepare(todo, UNITS, 1, pace, identifies=on) for on in (True, False)
    )
    assert [a - b for a, b in zip(with_it, without, strict=True)] == pytest.approx(more)


def job(folder, **sections):
    values = {
        "workdir": str(folder),
        "source_lang": "en",
        "target_lang": "de",
        "data": {"train": ["train.tsv"]},
        "train": {"steps": 1000},
        **sections,
    }
    return make_job(values, "a job")


def trained(folder, **sections):
    """A training of `job` that has come to step 200 in 50 seconds, and has then been stopped."""
    save_resolved(job(folder, **sections))
    (folder / "train").mkdir()
    lines = [
        {"step": 100, "elapsed_seconds": 26.0, "loss": 3.0},
        {"step": 200, "elapsed_seconds": 50.0, "loss": 2.0},
        {"step": 200, "valid_loss": 2.5},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "train" / "metrics.jsonl").write_text(text)


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        ({}, 200),  # the 800 updates that are left, at a quarter of a second
        ({"train": {"steps": 2000}}, 500),  # another schedule: all of them
        ({"train": {"steps": 1000, "batch_tokens": 4096}}, None),
        ({"train": {"steps": 1000, "accumulate": 2}}, None),
        ({"train": {"steps": 1000, "batch_tokens": 1024, "accumulate": 2}}, 250),
        ({"model": {"preset": "small"}}, None),
        ({"train": {"minutes": 2}}, 120),
    ],
)
def test_seconds_of_a_training_by_what_a_former_one_took(tmp_path, now, seconds):
    trained(tmp_path)
    found = durations.of_training(job(tmp_path, **now), "train")
    assert found == (None if seconds is None else (seconds, seconds))


def test_minutes_that_are_left(tmp_path):
    trained(tmp_path, train={"minutes": 2})
    assert durations.of_training(job(tmp_path, train={"minutes": 2}), "train") == (70, 70)


def test_nobody_knows_what_an_update_takes_before_there_was_one(tmp_path):
    assert durations.of_training(job(tmp_path), "train") is None
    trained(tmp_path)
    (tmp_path / "job.resolved.yaml").write_text("not: a job\n")
    assert durations.of_training(job(tmp_path), "train") is None


@pytest.mark.parametrize(
    "text",
    [None, "", "[]", "3", "{ torn", '{"start_seconds": "x"}', '{"start_seconds": null}',
     '{"start_seconds": NaN}', '{"start_seconds": -1}'],
)  # fmt: skip
def test_without_a_measure_there_is_no_pace(tmp_path, text):
    if text is not None:
        (tmp_path / "prepare").mkdir()
        (tmp_path / "prepare" / "pace.json").write_text(text)
    assert durations.pace_of(job(tmp_path)) == {}


def test_a_run_that_did_little_does_not_take_the_place_of_a_measure(tmp_path):
    little = {**PACE, "done": 1.0}
    for pace, kept in (
        ({"megabytes": 64.0}, {}),  # it did nothing at all
        (little, little),  # better than nothing: how long it takes to start
        (PACE, PACE),
        (little, PACE),
        ({**PACE, "seconds": 40.0}, {**PACE, "seconds": 40.0}),
    ):
        durations.keep_pace(job(tmp_path), pace)
        assert durations.pace_of(job(tmp_path)) == kept
