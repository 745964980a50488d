"""What a stage depends on."""

import os

import pytest

from electra_model.errors import InputError
from runners.jobs import job, stages

JOB = "workdir: work\nsource_lang: en\ntarget_lang: de\ndata: {train: [x.en]}\n"


def test_settings_that_change_nothing_are_no_reason_to_train_again(tmp_path, monkeypatch):
    """What was complete before the program knew them stays complete."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("x.en", "one\n"), ("x.de", "eins\n"), ("job.yaml", JOB)):
        (tmp_path / name).write_text(text)
    later = {"model.embedding_dim", "model.embedding_norm", "model.norm_epsilon"}

    def made_from(*overrides):
        config = job.load_job("job.yaml", overrides)
        return stages.look(stages.BY_NAME["pretrain"], config).made_from["settings"]

    usual = made_from()
    assert not later & set(usual) and usual["model.d_model"] == 192
    assert made_from("model.embedding_norm=false", "model.norm_epsilon=1e-6") == usual
    assert made_from("model.embedding_dim=64")["model.embedding_dim"] == 64
    assert made_from("model.activation=swiglu") != usual


def test_the_second_file_of_a_pair_belongs_to_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("x.en", "one\n"), ("x.de", "eins\n"), ("job.yaml", JOB)):
        (tmp_path / name).write_text(text)
    config = job.load_job("job.yaml")
    key = "files of data.train"
    before = stages._texts(config)[key]
    assert stages._texts(config)[key] == before
    (tmp_path / "x.de").write_text("zwei\n")
    os.utime(tmp_path / "x.de", ns=(1, 1))
    assert stages._texts(config)[key] != before
    (tmp_path / "x.de").unlink()
    with pytest.raises(InputError, match=r"x\.en: its other side x\.de is missing"):
        stages._texts(config)


def test_settings_that_came_later_do_not_change_what_is_complete(tmp_path):
    values = {"workdir": str(tmp_path), "source_lang": "en", "target_lang": "de"}
    train = stages.BY_NAME["train"]
    before = stages._settings(train, job.make_job(values, "a job"))
    assert "train.learning_rate" in before and "train.ema" not in before
    now = job.make_job({**values, "train": {"ema": 0.99, "accumulate": 1}}, "a job")
    assert stages._settings(train, now) == {**before, "train.ema": 0.99}


def test_a_job_of_monolingual_text_alone_has_no_training(tmp_path):
    values = {"workdir": str(tmp_path), "source_lang": "en", "target_lang": "de"}
    texts = {**values, "data": {"monolingual": {"en": ["docs.jsonl"]}}}
    for name in ("train", "evaluate"):
        reason = stages.BY_NAME[name].absent(job.make_job(texts, "a job"))
        assert reason == "data.train names no pairs to train on"
    assert stages.BY_NAME["pretrain"].absent(job.make_job(texts, "a job")) is None
    texts["data"]["train"] = ["pairs.tsv"]
    assert stages.BY_NAME["train"].absent(job.make_job(texts, "a job")) is None
