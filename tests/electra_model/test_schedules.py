import pytest

from electra_model.config import OptimizerConfig
from electra_model.schedules import learning_rate


def rates(schedule, points, warmup_steps=4):
    config = OptimizerConfig(learning_rate=8.0, warmup_steps=warmup_steps, schedule=schedule)
    return [learning_rate(config, step, progress) for step, progress in points]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "inverse_sqrt"])
def test_a_linear_rise(schedule):
    assert rates(schedule, [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)]) == [2.0, 4.0, 6.0, 8.0]


def test_cosine_and_linear_end_at_zero():
    points = [(10, 0.25), (10, 0.5), (10, 1.0), (10, 1.5)]
    assert rates("cosine", points) == pytest.approx([6.828427, 4.0, 0.0, 0.0])
    assert rates("linear", points) == pytest.approx([6.0, 4.0, 0.0, 0.0])


def test_inverse_square_root_follows_the_step_alone():
    points = [(3, 0.9), (15, 0.0), (15, 1.0), (63, 0.5)]
    assert rates("inverse_sqrt", points) == pytest.approx([8.0, 4.0, 4.0, 2.0])


def test_no_warm_up():
    assert rates("linear", [(0, 0.0)], warmup_steps=0) == [8.0]
    assert rates("inverse_sqrt", [(0, 0.0), (3, 0.0)], warmup_steps=0) == [8.0, 4.0]
