import dataclasses

import pytest

from pipelines import inference
from runners.planning import translation_pace
from tests.runners.conftest import toy_job, toy_pairs
from tests.small_model import write_small_model

SENTENCES = [source for source, _ in toy_pairs()]


def test_of_sizes_alone(tmp_path):
    found = translation_pace.of_sizes(toy_job(tmp_path), SENTENCES)
    assert found.start_seconds > 0 and found.per_second > 1
    assert 15 < found.characters < 30
    assert found.growth == pytest.approx(1.1, rel=0.05)
    assert found.memory_bytes > 1e8


@pytest.mark.slow
def test_of_a_model_that_is_there(tmp_path):
    model = str(write_small_model(tmp_path / "model"))
    job = toy_job(tmp_path, translate={"input": ["x.txt"], "output": str(tmp_path / "out")})
    config = dataclasses.replace(job.translate, model=model)
    card = inference.read_model_card(model)
    found = translation_pace.of_model(config, card, SENTENCES, str(tmp_path / "elsewhere"))
    assert found.per_second > 1 and found.growth > 0
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_few_sentences_are_enough(tmp_path):
    assert translation_pace.of_sizes(toy_job(tmp_path), SENTENCES[:1]).per_second > 0
