import dataclasses

import pydantic
import pytest

from electra_model.config import (
    LoopConfig,
    ModelConfig,
    OptimizerConfig,
    PretrainConfig,
    TrainConfig,
)
from electra_model.presets import PRESETS


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
    values = dataclasses.asdict(ModelConfig(preset=preset).resolved())
    if preset != "electra-small":
        assert values.pop("embedding_dim") is None, "as wide as d_model, whatever that is"
    assert None not in values.values()


@pytest.mark.parametrize(
    ("preset", "layers", "width", "heads", "inner", "embedding"),
    [
        ("electra-small", 12, 256, 4, 1024, 128),
        ("electra-base", 12, 768, 12, 3072, 768),
        ("electra-large", 24, 1024, 16, 4096, 1024),
    ],
)
def test_published_sizes(preset, layers, width, heads, inner, embedding):
    """Clark et al. 2020, table 6."""
    config = ModelConfig(preset=preset)
    sizes = config.sizes()
    found = [sizes[name] for name in ("num_layers", "d_model", "num_heads", "dff")]
    assert found == [layers, width, heads, inner]
    assert config.embedding_width == config.resolved().embedding_width == embedding


def test_the_width_of_embeddings():
    assert ModelConfig(d_model=64).embedding_width == 64
    assert ModelConfig(preset="electra-small", embedding_dim=256).embedding_width == 256
    assert ModelConfig(embedding_dim=32).resolved().embedding_dim == 32
    wider = dataclasses.replace(ModelConfig().resolved(), d_model=384)
    assert wider.embedding_width == 384


def test_settings_that_came_later_are_kept_where_they_change_something():
    """What was made before them has none of them, and is still what its job file describes."""
    first = {
        "preset", "num_layers", "num_decoder_layers", "d_model", "num_heads", "dff", "dropout",
        "activation", "norm", "position_encoding", "max_length", "tie_embeddings",
    }  # fmt: skip
    assert set(ModelConfig().resolved().settings()) == first
    other = ModelConfig(embedding_dim=8, scale_embeddings=False, norm="post", final_norm=False)
    later = {name: other.settings()[name] for name in set(other.settings()) - first}
    assert later == {"embedding_dim": 8, "scale_embeddings": False, "final_norm": False}
    assert ModelConfig(**other.settings()) == other


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
        (ModelConfig, {"preset": "huge"}, "'electra-base' or 'electra-large'"),
        (
            ModelConfig,
            {"d_model": 12, "num_heads": 4, "position_encoding": "rotary"},
            "heads of even width: d_model 12 over num_heads 4 is 3",
        ),
        (ModelConfig, {"d_model": 8, "embedding_dim": 9}, "at most d_model: 9 is more than 8"),
        (ModelConfig, {"preset": "electra-small", "d_model": 64}, "128 is more than 64"),
        (ModelConfig, {"final_norm": False}, "final_norm must be true; or set norm to post"),
        (
            ModelConfig,
            {"embedding_norm": True, "embedding_dim": 7, "position_encoding": "sinusoidal"},
            "embedding_dim must be even: got 7",
        ),
        (OptimizerConfig, {"learning_rate": 0}, "greater than 0"),
        (OptimizerConfig, {"epsilon": float("inf")}, "finite number"),
        (LoopConfig, {"steps": 1, "minutes": 1}, "either steps or minutes"),
        (PretrainConfig, {"mask_fraction": 0}, "greater than 0"),
        (TrainConfig, {"buckets": (32, 16)}, "rising lengths of at least 2: got (32, 16)"),
        (TrainConfig, {"buckets": (16, 16)}, "rising lengths"),
        (TrainConfig, {"buckets": ()}, "rising lengths"),
        (TrainConfig, {"buckets": (1, 16)}, "greater than or equal to 2"),
        (LoopConfig, {"bad_updates": 0}, "greater than or equal to 1"),
        (TrainConfig, {"accumulate": 0}, "greater than or equal to 1"),
        (TrainConfig, {"ema": 1.0}, "must be at most 0.99999, or off: got 1.0"),
        (TrainConfig, {"average": 1}, "must be at least 2, or off: got 1"),
        (TrainConfig, {"ema": 0}, "must be at least 0.5, or off: got 0"),
        (TrainConfig, {"ema": 0.9, "average": 3}, "give either ema or average, not both"),
        (TrainConfig, {"patience": 0}, "must be at least 1, or off: got 0"),
        (TrainConfig, {"freeze_encoder_share": 1.0}, "less than 1"),
        (
            TrainConfig,
            {"freeze_encoder_updates": 1, "freeze_encoder_share": 0.5},
            "give either freeze_encoder_updates or freeze_encoder_share, not both",
        ),
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


def test_settings_that_came_later_are_known_where_they_are_not_the_default():
    before = TrainConfig(steps=5).identity()
    assert not set(TrainConfig.came_later) & set(before)
    assert before["steps"] == 5 and "buckets" in before
    config = TrainConfig(steps=5, ema=0.999, patience=False, bad_updates=5, accumulate=2)
    assert config.identity() == {**before, "ema": 0.999, "accumulate": 2}
    # What came with the first version is always there, and what came later is.
    fields = {field.name for field in dataclasses.fields(TrainConfig)}
    assert fields == set(before) | set(TrainConfig.came_later)
    assert set(PretrainConfig.came_later) == {"bad_updates", "strategy", "precision"}


@pytest.mark.parametrize(
    ("settings", "frozen"),
    [
        ({}, [False, False, False]),
        ({"freeze_encoder_updates": 5}, [True, False, False]),
        ({"freeze_encoder_share": 0.5}, [True, True, False]),
    ],
)
def test_when_the_encoder_is_frozen(settings, frozen):
    config = TrainConfig(**settings)
    places = [(0, 0.0), (5, 0.25), (10, 0.5)]
    assert [config.encoder_is_frozen(*place) for place in places] == frozen


def test_patience_exports_the_best():
    assert not TrainConfig().exports_best
    assert TrainConfig(patience=2).exports_best and TrainConfig(export_best=True).exports_best
