import json

import pytest

from pipelines import stages
from pipelines.units import Unit
from runners.terminal.prepare_progress import PrepareProgress

NAMES = ["clean", "split", "shards"]


def unit(megabytes, compression=None):
    size = round(megabytes * 1e6)
    return Unit(0, "00000-00000", "a.tsv", "tsv", compression, 0, size, size, "train")


class Folder:
    """A work folder in which stages are planned and tasks done as the pipeline does it."""

    def __init__(self, workdir):
        self.workdir = str(workdir)
        self.prepare = workdir / "prepare"
        self.prepare.mkdir(exist_ok=True)

    def plan(self, stage, tasks, done=0):
        names = [f"{number:05d}" for number in range(tasks)]
        with open(stages.plan_path(self.workdir, stage), "w") as stream:
            json.dump({"tasks": names, "done": done}, stream)
        self.do(stage, done)

    def do(self, stage, count):
        (self.prepare / stage).mkdir(exist_ok=True)
        for number in range(count):
            (self.prepare / stage / f"{number:05d}.receipt.json").touch()


class Clock:
    """Stands still until it is set; a look at the folder takes no time."""

    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def clock():
    return Clock()


def watch(folder, clock, megabytes=64.0, workers=1):
    return PrepareProgress(folder.workdir, NAMES, [unit(megabytes)], workers, clock)


def test_it_goes_from_nothing_to_everything_once(folder, clock):
    progress = watch(folder, clock)
    assert progress() == (0.0, 64.0, "starting, 0 of 64 MB")
    seen = []
    for stage, tasks in (("clean", 4), ("split", 2), ("shards", 1)):
        folder.plan(stage, tasks)
        seen.append(progress())
        for done in range(1, tasks + 1):
            clock.seconds += 1
            folder.do(stage, done)
            seen.append(progress())
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    # 0.85, 0.76 and 0.90 seconds: see `stage_costs`.
    assert [round(done, 2) for done, _, _ in seen] == [
        0, 5.42, 10.84, 16.25, 21.67, 21.67, 31.36, 41.05, 41.05, 64.0,
    ]  # fmt: skip
    assert [text.split(",")[0] for _, _, text in seen] == [
        "clean 0 of 4 units", "clean 1 of 4 units", "clean 2 of 4 units", "clean 3 of 4 units",
        "clean 4 of 4 units", "split 0 of 2 units", "split 1 of 2 units", "split 2 of 2 units",
        "shards 0 of 1 unit", "publish",
    ]  # fmt: skip
    assert seen[-1] == (64.0, 64.0, "publish, 64 of 64 MB, 9.1 MB/s")


def test_rate_and_time_left_are_told_when_they_mean_something(folder, clock):
    progress = watch(folder, clock)
    clock.seconds += 60  # of starting, which says nothing of the pace
    folder.plan("clean", 4)
    progress()
    clock.seconds += 2
    folder.do("clean", 1)
    assert progress()[2] == "clean 1 of 4 units, 5 of 64 MB"  # too early
    clock.seconds += 2
    folder.do("clean", 2)
    assert progress()[2] == "clean 2 of 4 units, 11 of 64 MB, 2.7 MB/s, 0:20 left"
    clock.seconds += 5
    # Nothing was done since: what is left becomes less, and the rate stays.
    assert progress()[2] == "clean 2 of 4 units, 11 of 64 MB, 2.7 MB/s, 0:15 left"
    clock.seconds += 500
    assert progress()[2].endswith(", 0:01 left")


def test_too_little_done_tells_no_time(folder, clock):
    progress = watch(folder, clock)
    folder.plan("clean", 1000)
    progress()
    clock.seconds += 50
    folder.do("clean", 80)
    assert progress()[2] == "clean 80 of 1,000 units, 2 of 64 MB"
    folder.do("clean", 100)
    assert progress()[2] == "clean 100 of 1,000 units, 2 of 64 MB, 0.043 MB/s, 23:46 left"


def test_what_was_committed_before_is_done_but_not_for_the_rate(folder, clock):
    folder.plan("clean", 4, 4)
    folder.plan("split", 2, 2)  # of an earlier run under other settings: not to be counted yet
    progress = watch(folder, clock)
    assert progress()[0] == 0
    folder.plan("clean", 4, 4)
    clock.seconds += 1
    done, _, text = progress()
    assert (round(done, 2), text) == (21.67, "clean 4 of 4 units, 22 of 64 MB")
    (folder.prepare / "split" / "00001.receipt.json").unlink()  # swept
    folder.plan("split", 2, 1)
    clock.seconds += 1
    assert progress()[2] == "split 1 of 2 units, 31 of 64 MB"
    clock.seconds += 4
    folder.do("split", 2)
    assert progress()[2] == "split 2 of 2 units, 41 of 64 MB, 2.4 MB/s, 0:09 left"
    clock.seconds += 1  # of publishing
    assert progress.pace() == {
        "megabytes": 64.0,
        "done": 9.689,
        "expected_seconds": 0.38,
        "seconds": 5.0,
        "start_seconds": 2.0,
    }


def test_the_pace_of_a_run_that_did_nothing(folder, clock):
    progress = watch(folder, clock)
    folder.plan("clean", 4, 4)
    progress()
    assert progress.pace() == {"megabytes": 64.0}


def test_a_stage_without_tasks_is_done(folder, clock):
    progress = watch(folder, clock)
    for stage in NAMES:
        folder.plan(stage, 0)
    assert progress() == (64.0, 64.0, "publish, 64 of 64 MB")


def test_compressed_input_is_shown_by_its_own_size(folder, clock):
    progress = PrepareProgress(folder.workdir, NAMES, [unit(16, "gzip")], 1, clock)
    assert progress()[1:] == (16.0, "starting, 0.0 of 16.0 MB")


def test_an_object_store_is_not_looked_at(clock):
    progress = PrepareProgress("gs://bucket/work", NAMES, [unit(1)], 2, clock)
    assert progress() == (0.0, None, "")
    assert progress.pace() == {"megabytes": 1.0}


def test_looking_takes_little_of_the_time(folder):
    """A folder with many receipts is slow to list, and is listed less often."""
    looked = []

    class SlowClock:
        seconds = 0.0

        def __call__(self):
            return self.seconds

    clock = SlowClock()

    class Slow(PrepareProgress):
        def _look(self):
            looked.append(clock.seconds)
            clock.seconds += 1.0
            super()._look()

    progress = Slow(folder.workdir, NAMES, [unit(64)], 1, clock)
    while clock.seconds < 60:
        progress()
        clock.seconds += 0.2
    assert 2 <= len(looked) <= 4
