"""Updates that are not finite: left out, gone back from, and in the end given up."""

import numpy as np
import pytest

from electra_model import checkpoint
from electra_model.errors import WorkError
from runners.training.metrics import read_metrics
from tests.runners.toy_training import Killed, Toy, kill_at

EVERY_UPDATE = {"checkpoint_minutes": 1e-9}


def poisoned_once(toy, step, value=np.nan):
    """A fault of the machine: the weight is lost once, before the update number `step`."""
    left = [step]

    def on_step(number):
        if number in left:
            left.clear()
            toy.variable.assign([value])

    toy.on_step = on_step


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_fault_that_does_not_come_again_leaves_no_trace(tmp_path, capsys, value):
    whole = Toy(tmp_path / "whole", **EVERY_UPDATE)
    whole.loop.run()
    toy = Toy(tmp_path / "fault", **EVERY_UPDATE)
    poisoned_once(toy, 13, value)
    counts = toy.loop.run()
    assert toy.numbers == [*range(18), *range(13, 40)], "five in a row, and back to the checkpoint"
    assert toy.variable.numpy().tobytes() == whole.variable.numpy().tobytes()
    assert (counts["steps"], counts["tokens"], counts["skipped_steps"]) == (40, 400, 0)
    said = capsys.readouterr().err
    assert said.count("the update was left out") == 5
    assert "5 updates in a row, to step 18, gave no finite loss or gradient; going back" in said
    lines = read_metrics(tmp_path / "fault" / "metrics.jsonl")
    assert {"step": 13, "went_back_from": 18, "bad_updates": 5} in lines
    curves = [
        [(line["step"], line["loss"]) for line in read_metrics(path) if "loss" in line]
        for path in (tmp_path / name / "metrics.jsonl" for name in ("whole", "fault"))
    ]
    assert curves[0] == curves[1]


def test_fewer_in_a_row_are_left_out_and_the_step_goes_on(tmp_path):
    toy = Toy(tmp_path, **EVERY_UPDATE)
    sound, given = toy.step, []

    def step(number):
        given.append(number)
        bad = {"loss": np.nan, "tokens": 10, "finite": False}
        return bad if number in (5, 6, 7, 8, 20) else sound(number)

    toy.loop.make_step = step
    assert toy.loop.run()["skipped_steps"] == 5
    assert given == list(range(40))
    assert toy.numbers == [number for number in given if number not in (5, 6, 7, 8, 20)]


@pytest.mark.parametrize(("bad_updates", "made"), [(5, 23), (2, 20)])
def test_the_second_time_in_the_same_place_is_the_end(tmp_path, bad_updates, made):
    toy = Toy(tmp_path, bad_updates=bad_updates, **EVERY_UPDATE)
    sound, given = toy.step, []

    def step(number):
        given.append(number)
        bad = {"loss": np.nan, "tokens": 10, "finite": False}
        return bad if number >= 18 else sound(number)

    toy.loop.make_step = step
    with pytest.raises(WorkError) as caught:
        toy.loop.run()
    assert given == [*range(made), *range(18, made)]
    assert str(caught.value) == (
        f"toy: {bad_updates} updates in a row, to step {made}, gave no finite loss or gradient, "
        "for the second time since the checkpoint of step 18; set a lower toy.learning_rate (now "
        "0.002), or look at the data with `electra toy JOB.yaml --replay 19`"
    )
    # No checkpoint was written of what could not be trained on.
    assert checkpoint.load_newest(tmp_path / "checkpoints").step == 18


def test_a_checkpoint_that_is_not_finite_is_not_gone_back_to(tmp_path):
    with pytest.raises(Killed):
        Toy(tmp_path, on_step=kill_at(10), keep_checkpoints=5, **EVERY_UPDATE).loop.run()
    newest = checkpoint.load_newest(tmp_path / "checkpoints")
    spoiled = {**newest.tensors, "toy": np.array([np.nan], "float32")}
    checkpoint.save(
        tmp_path / "checkpoints", checkpoint.Checkpoint(10, spoiled, newest.state), keep=5
    )
    toy = Toy(tmp_path, keep_checkpoints=5, **EVERY_UPDATE)
    toy.loop.run()
    assert toy.numbers == [*range(10, 15), *range(9, 40)]


def test_without_a_checkpoint_there_is_nothing_to_go_back_to(tmp_path):
    toy = Toy(tmp_path)
    toy.variable.assign([np.nan])
    with pytest.raises(WorkError, match="no checkpoint yet to go back to; set a lower toy"):
        toy.loop.run()


def test_weights_that_are_not_finite_are_not_what_a_training_ends_with(tmp_path):
    toy = Toy(tmp_path, steps=12, **EVERY_UPDATE)
    poisoned_once(toy, 10)
    with pytest.raises(WorkError, match="2 updates in a row, to step 12.* come to its end"):
        toy.loop.run()
