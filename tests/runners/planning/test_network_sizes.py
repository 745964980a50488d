import pytest

from electra_model.electra import Electra
from runners.planning import network_sizes
from tests.runners.conftest import toy_job


@pytest.mark.parametrize("preset", ["tiny", "small", "electra-small"])
def test_most_weights_are_counted(tmp_path, preset):
    sizes = dict.fromkeys(("d_model", "num_heads", "dff", "num_layers", "num_decoder_layers"))
    job = toy_job(tmp_path, model={**sizes, "preset": preset}, vocabulary={"size": 4000})
    model = Electra.from_config_and_vocabulary(job.model, 4000)
    real = sum(int(weight.shape.num_elements() or 0) for weight in model.trainable_variables)
    assert 0.9 * real < network_sizes.parameters(job) <= real


def test_a_narrower_encoder_has_fewer(tmp_path):
    job = toy_job(tmp_path)
    assert network_sizes.encoder(job, 0.5) == network_sizes.encoder(job) / 4


def test_a_training_needs_more_for_a_larger_network(tmp_path):
    small = network_sizes.training_bytes(toy_job(tmp_path))
    large = toy_job(tmp_path, vocabulary={"size": 100_000})
    assert network_sizes.training_bytes(large) > small > 1e9
