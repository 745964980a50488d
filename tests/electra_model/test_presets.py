import pytest

from electra_model.config import ModelConfig, PretrainConfig
from electra_model.presets import PRESETS, PRETRAINING_OF_PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_names_every_size_and_no_other(preset):
    named = set(PRESETS[preset])
    assert named - {"embedding_dim"} == set(ModelConfig().sizes())
    assert ModelConfig(preset=preset).sizes().items() <= PRESETS[preset].items()


@pytest.mark.parametrize("preset", PRETRAINING_OF_PRESETS)
def test_what_goes_with_a_preset_are_settings_of_the_pretraining(preset):
    assert preset in PRESETS
    PretrainConfig(**PRETRAINING_OF_PRESETS[preset])
