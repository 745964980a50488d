"""Two jobs: one trains a generator, the other pretrains without one, and is killed meanwhile."""

import contextlib
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
from runners.jobs import stages, work
from runners.jobs.job import load_job
from runners.training import replay
from runners.training.metrics import read_metrics
from tests.runners.conftest import toy_pairs

pytestmark = pytest.mark.slow

ROOT = str(pathlib.Path(__file__).parents[3])

JOB = """\
workdir: first
source_lang: en
target_lang: de
data: {train: [train.tsv]}
vocabulary: {size: 100}
dataset: {window_length: 16, max_tokens: 16, records_per_shard: 20, valid_fraction: 0.1}
model: {d_model: 16, num_heads: 2, dff: 32, num_layers: 1, num_decoder_layers: 1, max_length: 16}
pretrain: {steps: 12, batch_tokens: 128, log_every_steps: 4, warmup_steps: 2}
train: {steps: 3, batch_tokens: 128, buckets: [16]}
"""


def overrides(workdir, *more):
    """Settings that make of the job one that pretrains on replacements."""
    settings = [f"workdir={workdir}", "dataset.replacements.copies=2"]
    return [*settings, "dataset.replacements.generator=first", *more]


def do(stage, settings=()):
    """Does a stage of the job in the current folder as the command does."""
    return work.do_stages(load_job("job.yaml", settings), [stages.BY_NAME[stage]])[stage]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Both jobs after their pretraining."""
    folder = tmp_path_factory.mktemp("jobs")
    text = "".join(f"{source}\t{target}\n" for source, target in toy_pairs())
    (folder / "train.tsv").write_text(text)
    (folder / "job.yaml").write_text(JOB)
    with contextlib.chdir(folder):
        for stage in ("prepare", "pretrain"):
            do(stage)
        for stage in ("prepare", "pretrain"):
            do(stage, overrides("second"))
    return folder


def second_job(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return load_job("job.yaml", overrides("second"))


def test_there_is_no_generator_in_what_was_trained(folder):
    lines = read_metrics(folder / "second" / "pretrain" / "metrics.jsonl")
    assert [line["step"] for line in lines] == [4, 8, 12]
    assert all("generator_loss" not in line and "generator_accuracy" not in line for line in lines)
    assert all(0 < line["replaced_share"] < 0.2 for line in lines)
    found = checkpoint.load_newest(folder / "second" / "pretrain" / "checkpoints")
    assert found.step == 12
    assert not [name for name in found.tensors if "generator" in name]
    assert "encoder/block_0/self_attention/query/kernel" in found.tensors


def test_the_temperature_falls_while_it_trains(folder):
    lines = read_metrics(folder / "second" / "pretrain" / "metrics.jsonl")
    temperatures = [line["temperature"] for line in lines]
    assert 2.0 >= temperatures[0] > temperatures[1] > temperatures[2] >= 1.0


@pytest.mark.slow  # what it starts from are the tensors of the test above
def test_the_training_starts_from_it(folder, monkeypatch):
    monkeypatch.chdir(folder)
    do("train", overrides("second"))
    report = json.loads((folder / "second" / "train" / "warm_start.json").read_text())
    restored = {tensor["name"] for tensor in report["restored"]}
    assert {"embedding/table", "encoder/block_0/self_attention/query/kernel"} <= restored
    assert (folder / "second" / "model" / "model.json").exists()


def test_everything_is_complete_afterwards(folder, monkeypatch):
    job = second_job(folder, monkeypatch)
    for name in ("prepare", "pretrain"):
        assert stages.look(stages.BY_NAME[name], job).status == "complete"


def test_a_generator_trained_anew_redoes_the_preparing(folder, monkeypatch):
    job = second_job(folder, monkeypatch)
    path = folder / "first" / "pretrain" / "generator.json"
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), "sha256": "f" * 64}))
    reason = stages.look(stages.BY_NAME["prepare"], job).reason
    path.write_text(before)
    assert reason.endswith("the generator of dataset.replacements")


def test_the_description_of_a_generator_is_written_again_without_a_training(folder, monkeypatch):
    monkeypatch.chdir(folder)
    job = load_job("job.yaml")
    path = folder / "first" / "pretrain" / "generator.json"
    before = path.read_bytes()
    newest = folder / "first" / "pretrain" / "checkpoints" / "step-000000012.npz"
    time_before = newest.stat().st_mtime_ns
    path.unlink()
    assert stages.look(stages.BY_NAME["pretrain"], job).reason == "generator.json is not there"
    do("pretrain")
    assert path.read_bytes() == before and newest.stat().st_mtime_ns == time_before
    assert stages.look(stages.BY_NAME["pretrain"], job).status == "complete"


def test_a_job_without_a_generator_of_its_own_can_not_lend_one(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(InputError) as caught:
        do("prepare", overrides("third", "dataset.replacements.generator=second"))
    said = "dataset.replacements.generator: neither second nor its pretrain/ holds"
    assert str(caught.value).startswith(said)


def test_another_vocabulary_is_refused_in_one_line(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match="was pretrained with another vocabulary") as caught:
        do("prepare", overrides("fourth", "vocabulary.kind=bpe"))
    assert "\n" not in str(caught.value)


def test_what_an_update_was_given_is_shown_with_its_replacements(folder, monkeypatch):
    lines = []
    facts = replay.show(second_job(folder, monkeypatch), "pretrain", 2, lines.append)
    (batch,) = facts["batches"]
    rows = [line.split("\t") for line in lines[1:]]
    assert len(rows) == batch["texts"] > 0
    assert any(seen != text for seen, text in rows), "some tokens are replaced"


@pytest.mark.slow  # `test_training` has a kill, and `test_replaced_data` the batch of each step
def test_killed_and_started_again_the_weights_are_the_same_bits(folder, monkeypatch, capsys):
    shutil.copytree(folder / "second", folder / "killed")
    shutil.rmtree(folder / "killed" / "pretrain")
    settings = overrides("killed", "pretrain.checkpoint_minutes=0.00001")
    options = [option for setting in settings for option in ("--set", setting)]
    process = subprocess.Popen(
        [sys.executable, "-m", "runners", "pretrain", "job.yaml", *options], cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": ROOT},
    )  # fmt: skip
    checkpoints = pathlib.Path(folder, "killed", "pretrain", "checkpoints")
    deadline = time.monotonic() + 120
    while not checkpoint.list_checkpoints(checkpoints):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "killed" / "pretrain" / "complete.json").exists()
    monkeypatch.chdir(folder)
    do("pretrain", settings)
    assert "goes on from step" in capsys.readouterr().err
    one, two = (
        checkpoint.load_newest(folder / name / "pretrain" / "checkpoints").tensors
        for name in ("second", "killed")
    )
    assert set(one) == set(two)
    assert all(np.array_equal(one[name], two[name]) for name in one)
