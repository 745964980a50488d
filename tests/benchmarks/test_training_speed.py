"""What the comparisons of trainings make of their runs."""

import pytest

from tests.benchmarks import journal, learning, recipes, training_speed


def turn(tokens, seconds, padded):
    return {"tokens": tokens, "seconds": seconds, "padded": padded, "columns": 2}


def test_rates_are_compared_round_by_round():
    turns = {
        (training_speed.OURS, "float32"): [turn(300, 1, 800), turn(100, 1, 800), turn(200, 1, 800)],
        ("peer", "float32"): [turn(100, 1, 200), turn(100, 1, 200), turn(100, 1, 200)],
        ("peer", "bfloat16"): [turn(50, 1, 200)] * 3,
    }
    ours, peer, rough = training_speed.rows(8000, turns)
    assert ours == "| electra | float32 | 8,000 | 200 | 100 to 300 | 25% | 1.00 |"
    # 3, 1 and 2 times as fast.
    assert peer == "| peer | float32 | 8,000 | 100 | 100 to 100 | 0% | 2.00 |"
    assert rough == "| peer | bfloat16 | 8,000 | 50 | 50 to 50 | 50% | 4.00 |"


def test_padding_is_the_share_of_places_without_a_token():
    assert training_speed.padding(turn(75, 1, 200)) == pytest.approx(0.25)


def test_a_series_goes_on_behind_the_runs_that_are_complete(tmp_path):
    found = tmp_path / "learning.jsonl"
    names = ["prenorm-9", "electra-9"]
    assert journal.missing(found, names) == names
    scores = {"minutes": 9, "updates": 7, "tokens": 1000, "greedy": [14.44, 33.2]}
    journal.add(found, {"run": "prenorm-9", "machine": "a Xeon", "at": [scores]})
    assert journal.missing(found, names) == ["electra-9"]
    rows = learning.table(journal.read(found))
    assert rows[-1] == "| prenorm-9 | a Xeon | 9 | - | 7 | 1,000 | 14.4, 33.2 | - |"


def test_a_recipe_is_named_by_its_settings():
    row = {"minutes": 3, "updates": 913, "rate": 4249.4, "loss": 4.2649}
    rows = recipes.table({"usual": row, "batch-1024": row})
    assert rows[-2:] == [
        "| usual | - | 3 | 913 | 4,249 | 4.265 |",
        "| batch-1024 | train.batch_tokens 1024 | 3 | 913 | 4,249 | 4.265 |",
    ]
