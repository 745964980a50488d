import pytest

from electra_model.errors import InputError
from pipelines import tasks
from runners.jobs.job import make_job, resolved_text
from runners.jobs.job_yaml import parse

VALUES = {"workdir": "w", "source_lang": "en"}


def job(**values):
    return make_job({**VALUES, **values}, "a job")


def test_a_summary_has_one_language_and_rules_of_its_own():
    found = job(task="summarise")
    assert (found.source_lang, found.target_lang) == ("en", "en")
    assert found.clean.max_length_ratio is False and found.clean.placeholder_mismatch is False
    assert found.clean.identical is False and found.clean.empty is True
    assert (found.dataset.max_tokens, found.dataset.long_sources) == (256, "cut")
    assert found.translate.output_field == "summary"


def test_what_the_job_file_says_wins():
    sections = {
        "clean": {"max_length_ratio": 9.0},
        "dataset": {"max_tokens": 64, "long_sources": "reject"},
        "translate": {"output_field": "short"},
    }
    found = job(task="summarise", **sections)
    assert found.clean.max_length_ratio == 9.0 and found.clean.identical is False
    assert (found.dataset.max_tokens, found.dataset.long_sources) == (64, "reject")
    assert found.translate.output_field == "short"


@pytest.mark.parametrize("task", tasks.TASKS)
def test_the_resolved_file_is_the_same_job(task):
    found = job(task=task, target_lang="de" if task == "translate" else "en")
    text = resolved_text(found)
    assert resolved_text(make_job(parse(text, "resolved"), "resolved")) == text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"task": "summarize"}, "task: found .*summarize.*; allowed is .*'summarise'"),
        ({"task": ["summarise"]}, "task: "),
        ({"task": "translate"}, "target_lang: is missing"),
        ({"task": "translate", "target_lang": "en"}, "a translation has two languages"),
        ({"task": "generate", "target_lang": "de"}, "one language, so leave target_lang out"),
        (
            {"task": "summarise", "data": {"monolingual": {"de": ["x.txt"]}}},
            "data.monolingual.de: must be the job's language, en",
        ),
        (
            {"task": "generate", "dataset": {"long_sources": "cut"}},
            "dataset.long_sources: cut is for task: summarise alone",
        ),
    ],
)
def test_what_does_not_fit_a_task_is_said(values, message):
    with pytest.raises(InputError, match=message):
        job(**values)


def test_a_task_of_another_version():
    assert tasks.of(None) is tasks.TASKS["translate"]
    with pytest.raises(InputError, match="model.json: task: paint is not a task that is known"):
        tasks.of("paint", "model.json: task")
