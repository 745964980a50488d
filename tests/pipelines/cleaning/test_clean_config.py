import dataclasses

import pytest
from pydantic import ValidationError

from pipelines.cleaning.clean_config import PUBLISHED, CleanConfig, DocumentConfig, rule_names
from pipelines.cleaning.document_rules import judge as judge_document
from pipelines.cleaning.filters import RULES
from runners.report.report_sections import RULES as MEANINGS


def test_every_rule_has_a_meaning_for_readers():
    assert [name for name in rule_names() if name not in MEANINGS] == []


def test_every_rule_on_columns_is_a_field():
    assert {name for name, _, _ in RULES} <= {
        field.name for field in dataclasses.fields(CleanConfig)
    }


@pytest.mark.parametrize(
    "bounds, message",
    [
        ({"min_script_share": 1.1}, "must be at most 1, or off: got 1.1"),
        ({"min_characters": 0}, "must be at least 1, or off: got 0"),
        ({"max_repetition": 1}, "must be at least 2, or off: got 1"),
        ({"max_word_length": 1001}, "must be at most 1000, or off: got 1001"),
        ({"wrong_language": True}, "takes a bound, or off: got on"),
        ({"overlap": 2}, "must be at most 1, or off: got 2"),
        ({"overlap_words": 0}, "greater than or equal to 1"),
        ({"documents": {"min_stop_words": 0}}, "must be at least 1, or off: got 0"),
        ({"documents": {"preset": "gopher"}}, "Input should be 'published'"),
    ],
)
def test_bounds_are_checked(bounds, message):
    with pytest.raises(ValidationError, match=message):
        CleanConfig(**bounds)


@pytest.mark.parametrize("rule", ["max_url_share", "overlap", "wrong_language"])
def test_zero_is_a_bound_and_off_is_off(rule):
    assert repr(getattr(CleanConfig(**{rule: 0}), rule)) == "0.0"
    assert getattr(CleanConfig(**{rule: False}), rule) is False


def test_bounds_of_documents():
    assert DocumentConfig().bounds() == {}
    assert DocumentConfig(preset="published").bounds() == PUBLISHED
    named = DocumentConfig(preset="published", max_bullet_lines=0.5, min_stop_words=False).bounds()
    assert named["max_bullet_lines"] == 0.5 and "min_stop_words" not in named
    assert DocumentConfig(max_duplicate_lines=0).bounds() == {"max_duplicate_lines": 0}
    assert judge_document("A text of the kind that is kept.\n", "en", PUBLISHED) is None
