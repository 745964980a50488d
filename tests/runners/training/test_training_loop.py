import json
import os
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from electra_model import checkpoint
from electra_model.errors import WorkError
from runners.terminal.interrupts import Interrupted
from runners.training.metrics import MetricsLog, read_metrics
from runners.training.training_loop import finite
from tests.runners.toy_training import Toy, stop_at


def test_what_is_compiled_takes_no_training_time(tmp_path, capsys):
    """The first update of each shape is slow here; the minutes are those of all others."""
    toy = Toy(tmp_path, steps=None, minutes=0.01, on_step=lambda n: time.sleep(1 if n < 2 else 0.1))
    toy.loop.shapes_of = lambda number: (min(number, 1),)
    counts = toy.loop.run()
    assert 4 <= counts["steps"] <= 9
    assert 0.5 <= counts["seconds"] < 0.95
    assert 2 <= counts["compile_seconds"] < 2.5
    assert capsys.readouterr().err.count("toy: compiling, once for each length") == 1


def test_a_signal_at_the_very_end_is_not_lost(tmp_path):
    def validate():
        os.kill(os.getpid(), signal.SIGTERM)
        return {"valid_loss": 1.0}

    toy = Toy(tmp_path, steps=3)
    toy.loop.validate = validate
    with pytest.raises(Interrupted):
        toy.loop.run()
    assert checkpoint.load_newest(tmp_path / "checkpoints").step == 3


def test_runs_to_the_end_and_counts(tmp_path):
    toy = Toy(tmp_path)
    counts = toy.loop.run()
    assert (counts["steps"], counts["tokens"], counts["skipped_steps"]) == (40, 400, 0)
    assert toy.numbers == list(range(40))
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(4, 41, 4))
    assert {"loss", "learning_rate", "tokens_per_second", "elapsed_seconds"} <= set(lines[0])
    assert any(name.startswith("events") for name in os.listdir(tmp_path / "tensorboard"))


def test_stopped_and_started_again_it_ends_with_the_same_bits(tmp_path):
    whole = Toy(tmp_path / "whole")
    whole.loop.run()

    first = Toy(tmp_path / "cut", on_step=stop_at(17))
    with pytest.raises(Interrupted) as stopped:
        first.loop.run()
    assert stopped.value.status == 143
    second = Toy(tmp_path / "cut")
    second.loop.run()

    assert first.numbers + second.numbers == list(range(40))
    assert second.variable.numpy().tobytes() == whole.variable.numpy().tobytes()
    losses = [
        [(line["step"], line["loss"]) for line in read_metrics(tmp_path / name / "metrics.jsonl")]
        for name in ("whole", "cut")
    ]
    assert losses[0] == losses[1], "the interval that was cut in two included"


def test_a_half_written_checkpoint_is_never_read(tmp_path):
    first = Toy(tmp_path, on_step=stop_at(17))
    with pytest.raises(Interrupted):
        first.loop.run()
    folder = tmp_path / "checkpoints"
    (newest,) = checkpoint.list_checkpoints(folder)
    half = newest.read_bytes()[: newest.stat().st_size // 2]
    (folder / "step-000000030.npz.tmp-1").write_bytes(half)
    (folder / "step-000000031.npz").write_bytes(half)  # as a failing disk would leave it
    second = Toy(tmp_path)
    second.loop.run()
    assert second.numbers[0] == 18


def test_other_settings_start_anew(tmp_path):
    with pytest.raises(Interrupted):
        Toy(tmp_path, on_step=stop_at(17)).loop.run()
    other = Toy(tmp_path, fingerprint="b")
    other.loop.run()
    assert other.numbers == list(range(40))


def test_minutes_end_by_the_clock(tmp_path):
    toy = Toy(tmp_path, steps=None, minutes=0.02)
    counts = toy.loop.run()
    assert 1.1 < counts["seconds"] < 10
    assert counts["steps"] == len(toy.numbers) > 5


def test_a_step_without_a_finite_loss_is_left_out_and_many_end_the_training(tmp_path):
    toy = Toy(tmp_path)
    sound = toy.step

    def one_bad(number):
        values = sound(number)
        return values | ({"loss": float("nan"), "finite": False} if number == 5 else {})

    toy.loop.make_step = one_bad
    assert toy.loop.run()["skipped_steps"] == 1

    toy = Toy(tmp_path / "bad")
    toy.loop.make_step = lambda number: {"loss": float("nan"), "tokens": 1, "finite": False}
    with pytest.raises(WorkError, match="toy.learning_rate"):
        toy.loop.run()


def test_finite_looks_at_loss_and_gradient():
    sound = {"loss": tf.constant(1.0), "gradient_norm": tf.constant(2.0)}
    assert finite(sound)["finite"]
    assert not finite(sound | {"loss": tf.constant(np.nan)})["finite"]
    assert not finite(sound | {"gradient_norm": tf.constant(np.inf)})["finite"]


def test_metrics_of_later_steps_are_written_again_and_a_cut_line_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 4, "loss": 1.0}\n{"step": 8, "loss": 0.5}\n{"step": 12, "lo')
    log = MetricsLog(tmp_path, step=4)
    log.write(8, {"loss": 0.6})
    log.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 4, "loss": 1.0},
        {"step": 8, "loss": 0.6},
    ]


def test_a_training_begun_anew_drops_the_events_of_the_one_before(tmp_path):
    with pytest.raises(Interrupted):
        Toy(tmp_path, on_step=stop_at(17)).loop.run()
    before = set(os.listdir(tmp_path / "tensorboard"))
    Toy(tmp_path).loop.run()
    assert before < set(os.listdir(tmp_path / "tensorboard"))  # the same training goes on
    before = set(os.listdir(tmp_path / "tensorboard"))
    Toy(tmp_path, fingerprint="b").loop.run()
    assert len(os.listdir(tmp_path / "tensorboard")) == 1
    assert not before & set(os.listdir(tmp_path / "tensorboard"))


def test_resumed_at_the_last_step_no_line_is_repeated(tmp_path):
    for _ in range(2):
        toy = Toy(tmp_path, steps=8)
        toy.loop.validate = lambda: {"valid_loss": 1.0}
        toy.loop.run()
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [(line["step"], "valid_loss" in line) for line in lines] == [
        (4, False),
        (8, False),
        (8, True),
    ]
