"""Every number of a job file, and of the recipe of a corpus, has a least and a greatest value."""

import dataclasses
import math
import types
import typing

import pydantic
import pytest

from electra_model.errors import InputError
from runners.corpora.corpus_recipe import CorpusRecipe
from runners.jobs import job_checks
from runners.jobs.job import JobConfig, make_job

MINIMAL = {"workdir": "w", "source_lang": "en", "target_lang": "de"}
PACKAGE = {
    "name": "a", "version": "1", "wheel": "a-1-py3-none-any.whl", "sha256": "0" * 64, "bytes": 1,
    "licence": "MIT", "catalogues": ["{lang}.json"],
}  # fmt: skip


def kinds_of(hint):
    """The plain types that a value of this annotation is made of."""
    if typing.get_origin(hint) is typing.Annotated:
        return kinds_of(typing.get_args(hint)[0])
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) in (typing.Union, tuple, dict):
        return {kind for part in typing.get_args(hint) for kind in kinds_of(part)}
    return {hint}


def numbers_below(section, names=()):
    """(names of the sections and the field, annotation) of every field that holds numbers."""
    for name, hint in job_checks.fields_of(section).items():
        nested = {kind for kind in kinds_of(hint) if dataclasses.is_dataclass(kind)}
        for kind in nested:
            yield from numbers_below(kind, (*names, name))
        if kinds_of(hint) & {int, float}:
            yield (*names, name), hint


def holding(hint, number):
    """A value of the annotation that is, or holds, the number."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return [number] if parts[-1] is Ellipsis else [number] * len(parts)
    if typing.get_origin(hint) is dict:
        return {"en": number}
    if isinstance(hint, types.UnionType):
        for part in parts:
            if typing.get_origin(part) in (tuple, dict):
                return holding(part, number)
    return number


def nested(names, value):
    for name in reversed(names):
        value = {name: value}
    return value


JOB = list(numbers_below(JobConfig))
RECIPE = list(numbers_below(CorpusRecipe))
TOO_MUCH = (10**30, -(10**30), 1e308, -1e308, math.inf, -math.inf, math.nan, 10**400, -(10**400))


def test_all_sections_are_walked_through():
    keys = {".".join(names) for names, _ in JOB}
    assert {
        "dataset.unit_megabytes", "dataset.length_buckets", "dataset.replacements.temperature",
        "clean.max_characters", "clean.documents.min_stop_words", "vocabulary.max_words",
        "train.buckets", "pretrain.seed", "model.d_model", "translate.max_length", "runner.workers",
    } <= keys  # fmt: skip
    assert len(keys) > 70
    assert {("languages",), ("packages", "bytes"), ("documents", "count")} <= {n for n, _ in RECIPE}


@pytest.mark.parametrize(("names", "hint"), JOB, ids=[".".join(names) for names, _ in JOB])
def test_a_number_of_the_job_file_that_is_far_out_of_range_is_an_error_that_names_it(names, hint):
    key = ".".join(names)
    for number in TOO_MUCH:
        with pytest.raises(InputError) as caught:
            make_job(MINIMAL | nested(names, holding(hint, number)), "job.yaml")
        message = str(caught.value)
        assert message.startswith(f"job.yaml: {key}"), message
        if number == number and abs(number) < math.inf:
            said = ("it should be ", "must be at ", "a finite number is needed")
            assert any(words in message for words in said), message


@pytest.mark.parametrize(("names", "hint"), RECIPE, ids=[".".join(names) for names, _ in RECIPE])
def test_a_number_of_a_recipe_that_is_far_out_of_range_is_an_error(names, hint):
    for number in TOO_MUCH:
        package = dict(PACKAGE)
        value = {"packages": [package]}
        if names[0] == "packages":
            package[names[1]] = holding(hint, number)
        else:
            value |= nested(names, holding(hint, number))
        with pytest.raises(pydantic.ValidationError) as caught:
            pydantic.TypeAdapter(CorpusRecipe).validate_python(value)
        assert names[-1] in {part for error in caught.value.errors() for part in error["loc"]}
    pydantic.TypeAdapter(CorpusRecipe).validate_python({"packages": [PACKAGE]})
