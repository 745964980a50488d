import dataclasses

import pydantic
import pytest

from electra_model.config import (
    PRESETS,
    LoopConfig,
    ModelConfig,
    OptimizerConfig,
    PretrainConfig,
    TrainConfig,
)


def test_the_preset_fills_what_is_not_given():
    config = ModelConfig(preset="small", dff=77)
    assert config.sizes() == {
        "num_layers": 6,
        "num_decoder_layers": 2,
        "d_model": 256,
        "num_heads": 4,
        "dff": 77,
    }
    resolved = config.resolved()
    assert (resolved.num_layers, resolved.d_model, resolved.dff) == (6, 256, 77)
    assert config.num_layers is None, "resolved() makes a new config"
    assert resolved.resolved() == resolved


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    assert None not in dataclasses.asdict(ModelConfig(preset=preset).resolved()).values()


def test_text_becomes_a_number():
    config = TrainConfig(learning_rate="5e-4", steps="12")  # type: ignore[arg-type]
    assert (config.learning_rate, config.steps) == (0.0005, 12)


def test_configs_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().dropout = 0.5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("config", "arguments", "message"),
    [
        (ModelConfig, {"d_modle": 8}, "d_modle"),
        (ModelConfig, {"d_model": 10, "num_heads": 4}, "10 is not a multiple of 4"),
        (ModelConfig, {"d_model": 9, "num_heads": 3}, "d_model must be even: got 9"),
        (ModelConfig, {"dropout": 1.0}, "less than 1"),
        (ModelConfig, {"preset": "huge"}, "'tiny', 'small', 'base' or 'large'"),
        (OptimizerConfig, {"learning_rate": 0}, "greater than 0"),
        (OptimizerConfig, {"epsilon": float("inf")}, "finite number"),
        (LoopConfig, {"steps": 1, "minutes": 1}, "either steps or minutes"),
        (PretrainConfig, {"mask_fraction": 0}, "greater than 0"),
        (TrainConfig, {"buckets": (32, 16)}, "rising lengths of at least 2: got (32, 16)"),
        (TrainConfig, {"buckets": (16, 16)}, "rising lengths"),
        (TrainConfig, {"buckets": ()}, "rising lengths"),
        (TrainConfig, {"buckets": (1, 16)}, "greater than or equal to 2"),
    ],
)
def test_what_is_refused_and_why(config, arguments, message):
    with pytest.raises(pydantic.ValidationError) as caught:
        config(**arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "skipped"),
    [({}, False), ({"steps": 0}, True), ({"minutes": 0}, True), ({"steps": 1}, False)],
)
def test_a_stage_of_no_length_is_skipped(arguments, skipped):
    assert TrainConfig(**arguments).skipped is skipped


def test_constants_of_the_paper():
    config = PretrainConfig()
    assert config.mask_fraction == 0.15
    assert config.discriminator_weight == 50.0
    assert config.generator_fraction == 0.25
