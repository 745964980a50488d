import dataclasses

from runners.planning import training_pace
from tests.runners.conftest import toy_job


def test_more_tokens_and_larger_networks_take_longer(tmp_path):
    job = toy_job(tmp_path, train={"batch_tokens": 4096})
    least, most = training_pace.seconds_of_update(job, "train")
    assert 0 < least < most
    twice = dataclasses.replace(job, train=dataclasses.replace(job.train, accumulate=8))
    assert training_pace.seconds_of_update(twice, "train")[0] > 3 * least
    wide = toy_job(tmp_path, train={"batch_tokens": 4096}, model={"d_model": 256, "dff": 1024})
    assert training_pace.seconds_of_update(wide, "train")[0] > 3 * least


def test_of_a_pretraining_the_two_networks_count(tmp_path):
    job = toy_job(tmp_path, pretrain={"batch_tokens": 1024})
    narrow = dataclasses.replace(job.pretrain, generator_fraction=0.25)
    wide = dataclasses.replace(job.pretrain, generator_fraction=1.0)
    weights = [
        training_pace._weights(dataclasses.replace(job, pretrain=config), "pretrain")
        for config in (narrow, wide)
    ]
    assert weights[0] < weights[1]
