"""On folders that `electra` has made: whole, then with each kind of damage."""

import gzip
import json
import pathlib
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from electra_model import checkpoint
from electra_model.checkpoint import Checkpoint
from electra_model.errors import InputError
from pipelines.config import TranslateConfig
from runners import cli
from runners.engines import launch
from runners.health.verify import verify
from runners.jobs.job import RunnerConfig
from tests.small_model import write_small_model


def looked(folder):
    lines: list[str] = []
    return verify(str(folder), lines.append), lines


@pytest.fixture(scope="module")
def work(prepared_job, tmp_path_factory):
    """A work folder with a dataset, checkpoints, a model and translated documents."""
    folder = tmp_path_factory.mktemp("whole") / "work"
    for name in ("dataset", "vocabulary"):
        shutil.copytree(pathlib.Path(prepared_job.workdir, name), folder / name)
    for name in ("pretrain", "train"):
        tensors = {"some": np.arange(100.0)}
        checkpoint.save(folder / name / "checkpoints", Checkpoint(7, tensors, {"a": 1}))
    write_small_model(folder / "model")
    docs = tmp_path_factory.mktemp("docs")
    (docs / "a.jsonl").write_text('{"text": "the red house"}\n{"text": 7}\n')
    (docs / "b.md").write_text("# the red house\n")
    output = str(folder / "out")
    config = TranslateConfig(
        input=(f"{docs}/*",), model=str(folder / "model"), output=output, beam_size=1
    )
    launch.run_translate(config, RunnerConfig())
    (folder / "job.resolved.yaml").write_text(f"translate: {{output: {output}}}\n")
    return folder


@pytest.fixture
def copy(work, tmp_path):
    shutil.copytree(work, tmp_path / "work")
    resolved = tmp_path / "work" / "job.resolved.yaml"
    resolved.write_text(resolved.read_text().replace(str(work), str(tmp_path / "work")))
    return tmp_path / "work"


def test_what_is_whole(work):
    counts, lines = looked(work)
    assert counts["damaged"] == 0 and counts["files"] > 10
    assert [line.split()[:2] for line in lines] == [
        ["ok", name] for name in ("dataset", "model", "pretraining", "training", "documents")
    ]
    for part in ("dataset", "model", "out"):
        assert looked(work / part)[0]["damaged"] == 0


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def remove(path):
    path.unlink()


@pytest.mark.parametrize(
    ("pattern", "damage", "said"),
    [
        ("dataset/train-*.tfrecord", flip, "is not the file that dataset_info.json describes; run"),
        ("dataset/pretrain-*.tfrecord", remove, "is not there; run `electra prepare` again"),
        ("dataset/valid.jsonl", remove, "is not there; run `electra prepare` again"),
        ("dataset/dataset_info.json", cut, "cannot be read ("),
        ("vocabulary/spm.model", cut, ""),
        ("model/saved_model/variables/variables.data-*", flip, ""),
        ("model/spm.model", remove, ""),
        ("pretrain/checkpoints/step-*.npz", cut, "the checkpoint is damaged"),
        ("train/checkpoints/step-*.npz", flip, "the checkpoint is damaged"),
        (
            "out/a.jsonl",
            cut,
            "is not the file that the manifest describes; run `electra",
        ),
        ("out/b.md", remove, "is not there; run `electra translate` again"),
        ("out/_electra/manifest.json", cut, "cannot be read ("),
        ("out/_electra/rejected.jsonl", remove, "lost lines of a.jsonl; run `electra translate`"),
        ("out/_electra/certificate/a.jsonl.jsonl.gz", flip, "is not the file that the manifest"),
    ],
)
def test_what_is_damaged_is_named(copy, pattern, damage, said):
    path = sorted(copy.glob(pattern))[0]
    damage(path)
    counts, lines = looked(copy)
    assert counts["damaged"] == 1
    (line,) = (line for line in lines if line.startswith("damaged"))
    assert said in line
    if said:
        assert str(path) in line


def test_counts_that_do_not_add_up(copy):
    info = copy / "dataset" / "dataset_info.json"
    values = json.loads(info.read_text())
    values["splits"]["train"]["records"] += 1
    values["ledger"]["rejected"]["empty"] = 3
    with gzip.open(copy / "dataset" / "rejected" / "empty.jsonl.gz", "wt") as lines:
        lines.write("{}\n{}\n")
    info.write_text(json.dumps(values))
    manifest = copy / "out" / "_electra" / "manifest.json"
    values = json.loads(manifest.read_text())
    values["counts"]["out"] -= 1
    manifest.write_text(json.dumps(values))
    counts, lines = looked(copy)
    assert counts["damaged"] == 3
    said = "\n".join(lines)
    assert "the shards of train do not have" in said
    assert "has 2 lines, dataset_info.json says 3" in said
    assert "the counts of its files do not add up" in said


def test_the_command(work, copy, tmp_path):
    def told(folder):
        answer = CliRunner().invoke(cli.electra, ["verify", str(folder)])
        return answer.exit_code, json.loads(answer.stdout.splitlines()[-1])

    assert told(work / "dataset")[0] == 0
    remove(copy / "out" / "b.md")
    status, last = told(copy)
    assert (status, last["command"], last["damaged"]) == (1, "verify", 1)
    with pytest.raises(InputError, match="is no dataset, model, output or work folder of ours"):
        looked(tmp_path / "nothing")
