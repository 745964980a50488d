import dataclasses

from runners.planning import foretold
from tests.runners.conftest import toy_job

FORECAST = {"seconds": {"train": [60, 61]}, "total_seconds": [60, 61]}


def test_what_was_foretold_holds_for_the_very_job(tmp_path):
    job = toy_job(tmp_path)
    assert foretold.kept(job) == {}
    foretold.keep(job, FORECAST)
    assert foretold.kept(job) == FORECAST
    assert foretold.kept(dataclasses.replace(job, target_lang="fr")) == {}
    (tmp_path / "work" / "plan.json").write_text("{")
    assert foretold.kept(job) == {}


def test_what_a_stage_has_written(tmp_path):
    job = toy_job(tmp_path, translate={"input": ["x"], "output": str(tmp_path / "out")})
    for name, size in (("prepare/clean/a", 3), ("dataset/b", 4), ("model/c", 5), ("other", 9)):
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    assert foretold.disk_bytes(job, "prepare") == 7
    assert foretold.disk_bytes(job, "train") == 5
    assert foretold.disk_bytes(job, "pretrain") == 0
    assert foretold.disk_bytes(job, "translate") == 0
    assert foretold.disk_bytes(job, "report") is None
    assert foretold.disk_bytes(dataclasses.replace(job, workdir="gs://b/work"), "train") is None
