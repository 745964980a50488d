"""What is complete must be there: a product that was removed is made again, and nothing else."""

import dataclasses
import pathlib
import shutil

import pytest

from electra_model import checkpoint
from electra_model.errors import WorkError
from runners.jobs import stages, work


@pytest.fixture(scope="module")
def done(trained_job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("products") / "work"
    shutil.copytree(trained_job[0].workdir, folder)
    return dataclasses.replace(trained_job[0], workdir=str(folder))


def look(job, name):
    return stages.look(stages.BY_NAME[name], job)


@pytest.mark.parametrize(
    "name, product",
    [
        ("prepare", "dataset/train-00000-of-00001.tfrecord"),
        ("prepare", "vocabulary/spm.model"),
        pytest.param("train", "model/saved_model/saved_model.pb", marks=pytest.mark.slow),
    ],
)
def test_a_product_that_is_gone_is_made_again(done, name, product):
    path = pathlib.Path(done.path(product))
    before = path.read_bytes()
    assert look(done, name).status == "complete"
    path.unlink()
    assert look(done, name).status == "new"
    work.do_stages(done, [stages.BY_NAME[name]])
    assert path.exists() and look(done, name).status == "complete"
    if name == "prepare":
        assert path.read_bytes() == before
        assert look(done, "pretrain").status == "complete"


def test_pretraining_without_its_checkpoint_is_not_complete(done):
    kept = {}
    for path in checkpoint.list_checkpoints(done.path("pretrain", "checkpoints")):
        kept[path] = path.read_bytes()
        path.unlink()
    assert look(done, "pretrain").reason == "the checkpoint is not there"
    for path, data in kept.items():
        path.write_bytes(data)
    assert look(done, "pretrain").status == "complete"


def test_a_stage_that_is_stopped_leaves_no_receipt_of_an_earlier_one(done, monkeypatch):
    prepare = stages.BY_NAME["prepare"]
    pathlib.Path(done.path("vocabulary", "spm.model")).unlink()

    def fail(job, checked):
        raise WorkError("stopped")

    failing = stages.dataclasses.replace(prepare, run=fail)
    with pytest.raises(WorkError):
        work.do_stages(done, [failing])
    assert look(done, "prepare").status == "new"
    work.do_stages(done, [prepare])
    assert look(done, "prepare").status == "complete"
