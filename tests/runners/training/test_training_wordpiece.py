"""A job with a WordPiece vocabulary: prepared, trained for some steps, and put to work."""

import json
import pathlib

import pytest

from electra_model.export import load_model
from runners.engines import launch
from runners.jobs import stages
from runners.training import training
from tests.runners.conftest import toy_job


@pytest.mark.slow
def test_from_text_to_translated_documents(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("the red house is here\n\nmy old book is here\n")
    job = toy_job(
        tmp_path,
        vocabulary={"kind": "wordpiece"},
        pretrain={"steps": 2},
        train={"steps": 3},
        translate={
            "input": [str(tmp_path / "docs" / "a.txt")],
            "output": str(tmp_path / "out"),
            "beam_size": 1,
        },
    )
    launch.run_prepare(job)
    training.pretrain(job)
    training.train(job)
    folder = pathlib.Path(job.workdir, "model")
    assert (folder / "vocab.txt").read_text().startswith("<pad>\n<unk>\n<s>\n</s>\n<mask>\n")
    assert not (folder / "spm.model").exists()
    (outputs, _) = load_model(folder).translate(["the red house is here"], beam_size=1)
    launch.run_translate(job.translate, job.runner, job)
    lines = (tmp_path / "out" / "a.txt").read_text().split("\n")
    assert lines[0] == outputs[0] and lines[1] == "" and len(lines) == 4
    manifest = json.loads((tmp_path / "out" / "_electra" / "manifest.json").read_text())
    assert manifest["model_fingerprint"] == load_model(folder).fingerprint
    train = next(stage for stage in stages.STAGES if stage.name == "train")
    assert train.missing(job) is None
    (folder / "vocab.txt").unlink()
    assert train.missing(job) == "spm.model or vocab.txt"
