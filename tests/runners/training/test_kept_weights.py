"""Averages of the weights and the best of them: what is validated, exported and resumed."""

import math

import numpy as np
import pytest

from runners.terminal.interrupts import Interrupted
from runners.training.metrics import read_metrics
from tests.runners.toy_training import Killed, Toy, kill_at, stop_at

SETTINGS = {
    "ema": {"ema": 0.9},
    "average": {"average": 3, "average_every_steps": 4},
    "best": {"export_best": True, "ema": 0.9},
    "patience": {"patience": 2, "average": 2, "average_every_steps": 3},
}


def make(folder, on_step=lambda number: None, losses=None, **settings):
    """A toy that is validated every 5 updates: by its own value, or with given losses by step."""
    seen = []

    def validate():
        seen.append(float(toy.variable.numpy()[0]))
        loss = abs(seen[-1] - 1.0) if losses is None else losses[toy.loop.step]
        return {"valid_loss": loss, "valid_accuracy": 0.5}

    base = {"checkpoint_minutes": 1e-9, "validate_every_steps": 5, "log_every_steps": 3}
    toy = Toy(folder, steps=20, kept=True, on_step=on_step, validate=validate, **base | settings)
    return toy, seen


def curve(folder):
    timed = {"tokens_per_second", "elapsed_seconds"}
    lines = read_metrics(folder / "metrics.jsonl")
    return [{k: v for k, v in line.items() if k not in timed} for line in lines]


@pytest.mark.parametrize(
    "name",
    ["best", *(pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS if name != "best")],
)
def test_killed_at_any_update_it_ends_with_the_same_bits(tmp_path, name):
    def run(folder, **more):
        toy, _ = make(folder, **SETTINGS[name], **more)
        counts = toy.loop.run()
        toy.kept.export()
        timed = {"seconds", "compile_seconds"}
        return toy.variable.numpy().tobytes(), {k: counts[k] for k in counts.keys() - timed}

    whole = run(tmp_path / "whole")
    # With patience at every one; the others, for the sake of time, at every third.
    for update in range(1, whole[1]["steps"], 1 if name == "patience" else 3):
        folder = tmp_path / f"killed-{update}"
        with pytest.raises(Killed):
            run(folder, on_step=kill_at(update))
        assert run(folder) == whole
        assert curve(folder) == curve(tmp_path / "whole")


def test_stopped_by_a_signal_it_goes_on_in_the_same_way(tmp_path):
    whole, _ = make(tmp_path / "whole", **SETTINGS["best"])
    whole.loop.run()
    # A checkpoint is written because of the signal, not by the clock.
    first, _ = make(tmp_path, on_step=stop_at(11), **SETTINGS["best"] | {"checkpoint_minutes": 9})
    with pytest.raises(Interrupted):
        first.loop.run()
    second, _ = make(tmp_path, **SETTINGS["best"])
    second.loop.run()
    assert second.numbers == list(range(12, 20))
    assert curve(tmp_path) == curve(tmp_path / "whole")


@pytest.mark.parametrize("name", SETTINGS)
def test_gone_back_to_a_step_that_was_validated_nothing_counts_twice(tmp_path, name):
    whole, _ = make(tmp_path / "whole", **SETTINGS[name])
    whole.loop.run()
    toy, _ = make(tmp_path / "fault", bad_updates=2, **SETTINGS[name])
    left = [10]

    def lose_the_weight(number):
        if number in left:
            left.clear()
            toy.variable.assign([np.nan])

    toy.on_step = lose_the_weight
    toy.loop.run()
    assert toy.kept.state() == whole.kept.state()
    gone_back = {"step": 10, "went_back_from": 12, "bad_updates": 2}
    lines = curve(tmp_path / "fault")
    lines.remove(gone_back)
    assert lines == curve(tmp_path / "whole")


def test_the_average_is_validated_and_training_goes_on_with_the_newest(tmp_path):
    plain, _ = make(tmp_path / "plain", export_best=True)
    plain.loop.run()
    toy, seen = make(tmp_path / "average", average=3, average_every_steps=4)
    history = []
    toy.on_step = lambda number: history.append(float(toy.variable.numpy()[0]))
    counts = toy.loop.run()
    history.append(float(toy.variable.numpy()[0]))
    assert toy.variable.numpy().tobytes() == plain.variable.numpy().tobytes()
    after = [[4], [4, 8], [4, 8, 12], [12, 16, 20]]  # of the validations at 5, 10, 15 and 20
    assert seen == pytest.approx([np.mean([history[n] for n in some]) for some in after])
    toy.kept.export()
    assert float(toy.variable.numpy()[0]) == pytest.approx(seen[-1])
    assert counts["exported_weights"] == "mean of 3 snapshots at most"


def test_the_best_is_exported_and_named(tmp_path):
    losses = {5: 3.0, 10: 1.0, 15: math.nan, 20: 1.5}
    toy, seen = make(tmp_path, losses=losses, export_best=True)
    counts = toy.loop.run()
    last = float(toy.variable.numpy()[0])
    toy.kept.export()
    assert float(toy.variable.numpy()[0]) == seen[1] != last
    assert (counts["exported_step"], counts["best_valid_loss"]) == (10, 1.0)
    assert counts["stopped_early"] is False and counts["steps"] == 20
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["best_step"] for line in lines if "valid_loss" in line] == [5, 10, 10, 10]
    assert lines[-1] == {"step": 20, "exported_step": 10}


def test_without_progress_training_ends(tmp_path, capsys):
    losses = {5: 1.0, 10: 1.0, 15: 1.2}
    toy, _ = make(tmp_path, losses=losses, patience=2)
    counts = toy.loop.run()
    assert (counts["steps"], counts["exported_step"], counts["stopped_early"]) == (15, 5, True)
    told = "2 evaluations without a lower validation loss than 1 at step 5; training ends"
    assert capsys.readouterr().err.count(told) == 1
    again, seen = make(tmp_path, losses=losses, patience=2)
    assert again.loop.run()["steps"] == 15
    assert again.numbers == [] and seen == [], "the end is part of the checkpoint"


def test_a_checkpoint_of_before_these_settings_is_read(tmp_path):
    with pytest.raises(Killed):
        Toy(tmp_path, checkpoint_minutes=1e-9, on_step=kill_at(9)).loop.run()
    from electra_model import checkpoint

    found = checkpoint.load_newest(tmp_path / "checkpoints")
    for name in ("window", "validated_at"):
        del found.state[name]
    checkpoint.save(tmp_path / "checkpoints", found)
    toy = Toy(tmp_path)
    assert toy.loop.run()["steps"] == 40
    assert toy.numbers == list(range(9, 40))
