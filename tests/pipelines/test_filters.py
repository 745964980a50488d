import pyarrow as pa
import pytest

from pipelines.config import CleanConfig
from pipelines.filters import judge


def verdict(source, target="Ein ganz gewöhnlicher Satz.", kind="pair", **bounds):
    sides = (pa.array([source], pa.string()),)
    if kind != "text":
        sides = (*sides, pa.array([target], pa.string()))
    return judge(sides, kind, CleanConfig(**bounds))[0]


@pytest.mark.parametrize(
    "source, expected",
    [
        ("An ordinary sentence.", None),
        ("", "empty"),
        ("... --- !!", "empty"),
        ("x" * 2001, "max_characters"),
        ("x" * 2000, "max_length_ratio"),
        ("abc 1234567", None),  # 3 letters of 10
        ("abc 12345678", "min_letters_share"),  # 3 of 11
        ("12:30", "min_letters_share"),
        ("हिन्दी में एक वाक्य", None),  # vowel signs count as letters
        ("Ein ganz gewöhnlicher Satz.", "identical"),
    ],
)
def test_rules_with_their_defaults(source, expected):
    assert verdict(source) == expected


@pytest.mark.parametrize(
    "source, target, expected",
    [
        ("OK", "Einverstanden, Chef!", None),  # 20 characters: short
        ("OKOKO", "E" * 20, None),
        ("OKOKO", "E" * 21, "max_length_ratio"),
        ("abcdef", "E" * 24, None),  # exactly four times
        ("abcdef", "E" * 25, "max_length_ratio"),
        ("E" * 25, "abcdef", "max_length_ratio"),
    ],
)
def test_length_ratio(source, target, expected):
    assert verdict(source, target) == expected


@pytest.mark.parametrize(
    "rule, source, target",
    [
        ("empty", "", "x"),
        ("max_characters", "x" * 2001, "y" * 2001),
        ("min_letters_share", "12", "ab"),
        ("max_length_ratio", "x" * 100, "y"),
        ("identical", "same", "same"),
    ],
)
def test_every_rule_can_be_switched_off(rule, source, target):
    assert verdict(source, target) == rule
    assert verdict(source, target, **{rule: False}) is None


def test_test_data_lose_only_what_cannot_be_scored():
    for source, target in [("x" * 3000, "y"), ("12", "12")]:
        assert verdict(source, target, kind="measure") is None
    assert verdict("", "y", kind="measure") == "empty"


def test_monolingual_texts_may_be_long():
    assert verdict("word " * 10_000, kind="text") is None
    assert verdict("12 34", kind="text") == "min_letters_share"


def test_no_rows():
    nothing = pa.array([], pa.string())
    assert len(judge((nothing, nothing), "pair", CleanConfig())) == 0
