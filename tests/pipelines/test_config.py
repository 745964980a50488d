import re

import pydantic
import pytest

from pipelines.config import (
    CleanConfig,
    DataConfig,
    DatasetConfig,
    PrepareConfig,
    TranslateConfig,
    flat_settings,
)
from pipelines.dataset.shards import length_buckets


@pytest.mark.parametrize(
    "bounds",
    [
        {"min_letters_share": 0},
        {"min_letters_share": 1},
        {"min_letters_share": "0.5"},
        {"max_characters": 1},
        {"max_length_ratio": 1.5},
        {"min_letters_share": False, "max_characters": False, "max_length_ratio": False},
        {"near_duplicate": 0.3},
        {"near_duplicate": 1},
        {"near_duplicate": False, "near_duplicate_shingle": 1},
        {"duplicate": False},
        {"duplicate": "source"},
    ],
)
def test_bounds_and_off(bounds):
    config = CleanConfig(**bounds)
    for name, value in bounds.items():
        found = getattr(config, name)
        assert (found is False) == (value is False)
        assert found == (0.5 if value == "0.5" else value)


@pytest.mark.parametrize(
    "bounds, message",
    [
        ({"min_letters_share": True}, "takes a bound, or off: got on"),
        ({"min_letters_share": 1.5}, "must be at most 1, or off: got 1.5"),
        ({"min_letters_share": -1}, "must be at least 0, or off: got -1"),
        ({"max_characters": 0}, "must be at least 1, or off: got 0"),
        ({"max_length_ratio": 0.5}, "must be at least 1, or off: got 0.5"),
        ({"near_duplicate": True}, "takes a bound, or off: got on"),
        ({"near_duplicate": 0.2}, "must be at least 0.3, or off: got 0.2"),
        ({"near_duplicate": 80}, "must be at most 1, or off: got 80"),
        ({"near_duplicate_shingle": 0}, "greater than or equal to 1"),
        ({"duplicate": True}, "'pair' or 'source'"),
        ({"max_rejected_fraction": 1.5}, "less than or equal to 1"),
        ({"min_letter_share": 0.5}, "min_letter_share"),
    ],
)
def test_wrong_bounds(bounds, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        CleanConfig(**bounds)


def test_near_duplicates_are_off_unless_asked_for():
    assert CleanConfig().near_duplicate is False and CleanConfig().near_duplicate_shingle == 5


@pytest.mark.parametrize(
    "lengths, message",
    [
        ([16, 16, 128], "must be rising lengths: got [16, 16, 128]"),
        ([0, 128], "greater than or equal to 1"),
        ([16, 64], "must end with max_tokens (128) or more: got [16, 64]"),
    ],
)
def test_wrong_length_buckets(lengths, message):
    with pytest.raises(pydantic.ValidationError, match=re.escape(message)):
        DatasetConfig(length_buckets=lengths)


def test_length_buckets_for_shards():
    assert length_buckets(DatasetConfig(max_tokens=64)) == [16, 32, 64]
    assert length_buckets(DatasetConfig(length_buckets=(8, 200))) == [8, 200]
    assert length_buckets(DatasetConfig(length_buckets=())) == []


def test_defaults_of_the_whole():
    config = PrepareConfig(workdir="w", source_lang="en", target_lang="de")
    assert config.task == "translate" and config.dataset == DatasetConfig()


@pytest.mark.parametrize("value", [[1.0, 2.0], [2.0, 0.0], [1000.0, 1.0], [1.0]])
def test_temperatures_that_do_not_fall_or_are_out_of_range_are_refused(value):
    with pytest.raises(pydantic.ValidationError, match="temperature"):
        DatasetConfig(replacements={"generator": "w", "temperature": value})  # type: ignore


def test_replacements_are_off_by_default():
    assert DatasetConfig().replacements.generator is None


def test_flat_settings():
    data = DataConfig(train=("a",))
    config = PrepareConfig(workdir="w", source_lang="en", target_lang="de", data=data)
    flat = flat_settings(config)
    assert "workdir" not in flat and flat["source_lang"] == "en" and flat["data.train"] == ["a"]
    assert flat["clean.documents.preset"] is False and flat["dataset.replacements.copies"] == 4
    assert not any(isinstance(value, dict) for value in flat.values())


@pytest.mark.parametrize("given", [{"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.9}])
def test_what_draws_has_no_meaning_where_nothing_is_drawn(given):
    (name,) = given
    with pytest.raises(pydantic.ValidationError, match=f"{name} is for outputs that are drawn"):
        TranslateConfig(**given)
    assert TranslateConfig(sample=True, **given).sampling
