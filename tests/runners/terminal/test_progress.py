import io
import time

import pytest

from runners.terminal.progress import Progress, amount, clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    with Progress("train", 10, "steps", stream=stream, every_seconds=0, settle_seconds=0) as bar:
        bar.update(2)
        bar.update(3)
        time.sleep(0.1)
        bar.update(4, loss=3.14159, tokens_per_second=12345)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "train: 2 of 10 steps"
    assert lines[2].startswith("train: 4 of 10 steps, ") and " left, " in lines[2]
    assert lines[2].endswith(", loss 3.14, tokens per second 12,345")
    assert len(lines) == 3  # where it ended is said already


def test_no_more_than_one_line_in_the_interval():
    stream = io.StringIO()
    with Progress("prepare", None, "units", stream=stream, every_seconds=60) as bar:
        for done in range(100):
            bar.update(done)
    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == ["prepare: 99 units"]


def test_nothing_done_nothing_said():
    stream = io.StringIO()
    with Progress("prepare", stream=stream):
        pass
    assert stream.getvalue() == ""


def test_what_was_done_before_does_not_count_for_the_rate():
    stream = io.StringIO()
    with Progress("train", 1000, "steps", stream=stream, every_seconds=60) as bar:
        bar.update(900)
        time.sleep(0.2)
        bar.update(902)
    rate = float(stream.getvalue().split(", ")[1].strip().removesuffix("/s"))
    assert 2 < rate <= 10


def test_the_wait_before_the_first_advance_does_not_count_for_the_time_left():
    stream = io.StringIO()
    with Progress("train", 1001, "steps", stream=stream, every_seconds=0, settle_seconds=0) as bar:
        bar.update(0)
        time.sleep(0.5)  # compiling
        bar.update(1)
        time.sleep(0.01)
        bar.update(1000)
    assert [" left" in line for line in stream.getvalue().splitlines()] == [False, False, True]
    bar.total = 101_000  # with the wait it would be 50 s and more
    left = bar._seconds_left()
    assert left is not None and left < 30


def test_of_a_clock_the_time_left_is_what_is_left_on_it():
    """However long the wait, as for compiling at each new length."""
    stream = io.StringIO()
    with Progress("train", 540, "s", stream=stream, every_seconds=0) as bar:
        bar.update(0)
        bar.update(0.25)
        time.sleep(0.2)
        bar.update(0.5)
        bar.update(420)
    first, *lines = stream.getvalue().splitlines()
    assert " left" not in first
    assert [line.split(", ")[1] for line in lines] == ["9:00 left"] * 2 + ["2:00 left"]


def test_no_time_left_is_told_before_the_pace_is_known():
    stream = io.StringIO()
    with Progress("train", 1000, "steps", stream=stream, every_seconds=0) as bar:
        for done in (0, 1, 2, 3):
            bar.update(done)
    assert " left" not in stream.getvalue()


def test_a_bar_on_a_terminal():
    stream = Terminal()
    with Progress("train", 10, "steps", stream=stream) as bar:
        bar.update(10, loss=1.5)
    assert "train" in stream.getvalue() and "10 of 10 steps" in stream.getvalue()
    assert "loss 1.5" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (75, "1:15"), (3700, "1:01:40"), (59.6, "1:00")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_words_that_are_given_take_the_place_of_ours():
    stream = io.StringIO()
    with Progress("prepare", None, "units", stream=stream, every_seconds=0) as bar:
        bar.update(61.0, 128.0, text="split 4 of 12 units, 61 of 128 MB, 9.2 MB/s, 0:07 left")
    assert stream.getvalue() == (
        "prepare: split 4 of 12 units, 61 of 128 MB, 9.2 MB/s, 0:07 left\n"
    )
    stream = Terminal()
    with Progress("prepare", stream=stream) as bar:
        bar.update(61.0, 128.0, text="61 of 128 MB")
    assert "61 of 128 MB" in stream.getvalue()


@pytest.mark.parametrize(
    ("value", "whole", "text"),
    [(61.4, 128.0, "61"), (3.42, 128.0, "3"), (3.42, 9.5, "3.4"), (0.0123, 0.05, "0.012"),
     (1234.5, None, "1,234"), (9.5, None, "9.5")],
)  # fmt: skip
def test_amounts_are_as_fine_as_their_whole(value, whole, text):
    assert amount(value, whole) == text
