"""The job file that `electra init` writes: it names every setting of prepare, and defaults as they
are."""

import dataclasses
import pathlib
import re

import pytest

import runners
from pipelines import config
from pipelines.cleaning.clean_config import DocumentConfig
from runners.jobs import job_yaml

RECIPE = (pathlib.Path(runners.__file__).parent / "recipes" / "translate.yaml").read_text()
SECTIONS = {
    "data": config.DataConfig,
    "clean": config.CleanConfig,
    "vocabulary": config.VocabularyConfig,
    "dataset": config.DatasetConfig,
}


def section_text(name):
    return re.search(rf"^{name}:.*?(?=^\S|\Z)", RECIPE, re.M | re.S)[0]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_is_named(name):
    text = section_text(name)
    keys = [field.name for field in dataclasses.fields(SECTIONS[name])]
    if name == "clean":
        keys += [field.name for field in dataclasses.fields(DocumentConfig)]
    if name == "dataset":
        keys += [field.name for field in dataclasses.fields(config.ReplacementsConfig)]
    assert [key for key in keys if not re.search(rf"\b{key}\b", text)] == []


@pytest.mark.parametrize("name", SECTIONS)
def test_what_is_written_out_is_the_default(name):
    """But for the paths, which nobody can guess."""
    written = job_yaml.parse(RECIPE, "recipe")[name]
    defaults = SECTIONS[name]()
    for key, value in written.items():
        if not isinstance(value, list):
            assert getattr(defaults, key) == value, key
