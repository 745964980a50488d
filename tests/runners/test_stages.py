"""What a stage depends on."""

import os

import pytest

from electra_model.errors import InputError
from runners import job, stages

JOB = "workdir: work\nsource_lang: en\ntarget_lang: de\ndata: {train: [x.en]}\n"


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
