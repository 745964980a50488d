import pathlib

import pytest

from electra_model.errors import InputError
from runners.jobs import recipe_files
from runners.jobs.job import load_job


def test_the_template_is_a_job_with_the_usual_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recipe_files.write_template("first") == "first.yaml"
    job = load_job("first.yaml")
    assert (job.workdir, job.train.minutes, job.runner.workers) == ("work/first", 60.0, 2)
    # Where the template names a default, it must still be the default.
    bare = "workdir: work/first\nsource_lang: en\ntarget_lang: de\n"
    pathlib.Path("bare.yaml").write_text(bare)
    default = load_job("bare.yaml")
    for section in ("clean", "vocabulary", "dataset", "model", "translate"):
        assert getattr(job, section) == getattr(default, section)
    assert job.train.buckets == default.train.buckets
    assert job.train.learning_rate == default.train.learning_rate


@pytest.mark.parametrize("name", ["first.yaml", "first"])
def test_a_template_overwrites_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("first.yaml").write_text("mine")
    with pytest.raises(InputError, match="first.yaml: exists already and is not overwritten"):
        recipe_files.write_template(name)
    assert pathlib.Path("first.yaml").read_text() == "mine"


@pytest.mark.parametrize("folder", ["work/demo", '/tmp/a folder, with "quotes" [x]: y'])
def test_the_job_of_the_demo(tmp_path, folder):
    import json

    quoted = json.dumps(folder)[1:-1]
    text = recipe_files.fill("demo-job", FOLDER=quoted, TARGET="zh-Hans")
    (tmp_path / "job.yaml").write_text(text)
    job = load_job(str(tmp_path / "job.yaml"))
    assert (job.workdir, job.target_lang) == (folder, "zh-Hans")
    assert job.data.train == (f"{folder}/corpus/train.tsv",)
    assert job.translate.output == f"{folder}/translated"
    assert job.train.buckets[-1] == job.dataset.max_tokens == job.dataset.window_length == 64


def test_a_place_that_nothing_is_given_for():
    with pytest.raises(ValueError, match="nothing was given for {{FOLDER}}"):
        recipe_files.fill("demo-job", TARGET="de")


def test_recipes_are_found_by_name_and_by_path(tmp_path):
    assert recipe_files.find("demo-corpus").endswith("recipes/demo-corpus.yaml")
    (tmp_path / "mine.yaml").write_text("")
    assert recipe_files.find(str(tmp_path / "mine.yaml")) == str(tmp_path / "mine.yaml")
    with pytest.raises(InputError, match="there is no such recipe; .* one of: demo-corpus, "):
        recipe_files.find("none")


@pytest.mark.parametrize("task", ["summarise", "generate"])
def test_the_templates_of_the_other_tasks(tmp_path, monkeypatch, task):
    monkeypatch.chdir(tmp_path)
    job = load_job(recipe_files.write_template("first", task))
    assert (job.task, job.target_lang, job.workdir) == (task, "en", "work/first")
    pathlib.Path("bare.yaml").write_text(f"task: {task}\nworkdir: work/first\nsource_lang: en\n")
    default = load_job("bare.yaml")
    for section in ("clean", "vocabulary", "dataset", "model", "translate"):
        assert getattr(job, section) == getattr(default, section)
    assert job.train.buckets == default.train.buckets
