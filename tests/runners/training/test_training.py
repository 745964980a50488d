"""Both trainings on a prepared corpus of a few dozen pairs: what they write, and that a kill
changes nothing."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from electra_model import checkpoint
from electra_model.errors import InputError
from electra_model.export import load_model, read_metadata
from runners.training import training
from runners.training.metrics import read_metrics


@pytest.fixture(scope="module")
def trained(trained_job):
    """The job after both trainings, with their counts."""
    job, counts = trained_job
    return job, counts["pretrain"], counts["train"]


def test_pretraining_writes_checkpoints_and_metrics(trained):
    job, counts, _ = trained
    folder = pathlib.Path(job.workdir, "pretrain")
    assert counts["steps"] == job.pretrain.steps
    assert counts["tokens"] > 0
    assert checkpoint.load_newest(folder / "checkpoints").step == job.pretrain.steps
    lines = read_metrics(folder / "metrics.jsonl")
    wanted = {"generator_loss", "discriminator_loss", "generator_accuracy", "replaced_share"}
    wanted |= {"discriminator_accuracy", "discriminator_precision", "discriminator_recall"}
    assert all(wanted <= set(line) for line in lines)
    # Some masked tokens are guessed right by chance and then count as original.
    assert all(0.0 < line["replaced_share"] <= 0.2 for line in lines)


def test_warm_start_names_every_tensor_once(trained):
    job, _, _ = trained
    report = json.loads(pathlib.Path(job.workdir, "train", "warm_start.json").read_text())
    restored = {tensor["name"] for tensor in report["restored"]}
    fresh = {tensor["name"] for tensor in report["fresh"]}
    skipped = {tensor["name"] for tensor in report["skipped"]}
    assert "embedding/table" in restored
    assert "encoder/block_0/self_attention/query/kernel" in restored
    assert fresh
    assert all(name.startswith("decoder/") or name == "vocabulary_head/bias" for name in fresh)
    assert skipped and all(name.startswith(("generator", "discriminator")) for name in skipped)
    weights = set(read_metadata(pathlib.Path(job.workdir, "model"))["weights"])
    assert restored | fresh == weights


def test_training_learns_and_writes_the_model_folder(trained):
    job, _, counts = trained
    lines = read_metrics(pathlib.Path(job.workdir, "train", "metrics.jsonl"))
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.8 * losses[0]
    assert any("valid_perplexity" in line for line in lines)
    model = load_model(pathlib.Path(job.workdir, "model"))
    assert model.metadata["source_lang"] == "en"
    assert model.metadata["training"]["steps"] == counts["steps"] == job.train.steps
    outputs, scores = model.translate(["the red house", ""], beam_size=2)
    assert len(outputs) == 2 and outputs[1] == "" and np.isfinite(scores).all()
    ended = checkpoint.load_newest(pathlib.Path(job.workdir, "pretrain", "checkpoints")).tensors
    judge = model.discriminator
    assert len(judge.variables) > 10
    for variable in judge.variables:
        assert np.array_equal(variable.numpy(), ended[variable.path])


def test_a_complete_training_is_not_repeated(trained):
    job, pretrain_counts, train_counts = trained
    log = pathlib.Path(job.workdir, "train", "metrics.jsonl")
    before = log.stat().st_mtime_ns
    assert training.pretrain(job) == pretrain_counts
    assert training.train(job) == train_counts
    assert log.stat().st_mtime_ns == before


def test_training_without_its_pretraining_says_what_to_run(prepared_job, tmp_path):
    other = _copy(prepared_job, tmp_path)
    with pytest.raises(InputError, match="run `electra pretrain`"):
        training.train(other)


def test_the_best_model_cannot_be_told_without_a_validation_split(prepared_job, tmp_path):
    job = _copy(prepared_job, tmp_path)
    path = pathlib.Path(job.path("dataset", "dataset_info.json"))
    info = json.loads(path.read_text())
    del info["splits"]["valid"]
    path.write_text(json.dumps(info))
    job = dataclasses.replace(
        job,
        pretrain=dataclasses.replace(job.pretrain, steps=0),
        train=dataclasses.replace(job.train, patience=3),
    )
    with pytest.raises(InputError, match="train.patience: .* name data.valid, or leave out"):
        training.train(job)


def test_killed_and_started_again_the_weights_are_the_same_bits(trained, tmp_path):
    job, _, _ = trained
    other = _copy(job, tmp_path)
    shutil.copytree(os.path.join(job.workdir, "pretrain"), os.path.join(other.workdir, "pretrain"))
    from runners.jobs.job import resolved_text

    path = tmp_path / "job.yaml"
    path.write_text(resolved_text(other))
    command = [sys.executable, "-m", "runners", "train", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = pathlib.Path(other.workdir, "train", "checkpoints")
    deadline = time.monotonic() + 120
    while len(checkpoint.list_checkpoints(folder)) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not pathlib.Path(other.workdir, "model").exists()
    training.train(other)
    models = [read_metadata(pathlib.Path(each.workdir, "model")) for each in (job, other)]
    assert models[0]["fingerprint"] == models[1]["fingerprint"]


def _copy(job, folder):
    """The same job in another work folder, with the prepared data only."""
    workdir = folder / "work"
    for part in ("dataset", "vocabulary"):
        shutil.copytree(os.path.join(job.workdir, part), workdir / part)
    return dataclasses.replace(job, workdir=str(workdir))
