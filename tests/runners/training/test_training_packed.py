"""A job with packed pairs: prepared, trained, and by the command line killed and trained on. Its
updates are of two batches, and a moving average is exported where it validates best."""

import contextlib
import itertools
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
from electra_model.export import load_model
from runners.jobs import stages, work
from runners.jobs.job import load_job
from runners.report import report_corpus
from runners.training import replay, training
from runners.training.metrics import read_metrics
from tests.runners.conftest import toy_pairs

pytestmark = pytest.mark.slow

ROOT = str(pathlib.Path(__file__).parents[3])

JOB = """\
workdir: work
source_lang: en
target_lang: de
data: {train: [train.tsv]}
vocabulary: {size: 100}
dataset: {window_length: 16, max_tokens: 48, valid_fraction: 0.1, pack_pairs: true}
model: {num_layers: 1, num_decoder_layers: 1, d_model: 32, num_heads: 2, dff: 64, max_length: 48,
  position_encoding: learned}
pretrain: {steps: 0}
train: {steps: 40, batch_tokens: 144, buckets: [48], warmup_steps: 5, learning_rate: 1e-2,
  log_every_steps: 1, checkpoint_minutes: 0.00001, accumulate: 2, ema: 0.9, export_best: true,
  validate_every_steps: 8}
translate: {beam_size: 1}
runner: {workers: 1}
"""


def done(folder, stage):
    """Does a stage of the job as the command does, and returns its counts."""
    with contextlib.chdir(folder):
        return work.do_stages(load_job("job.yaml"), [stages.BY_NAME[stage]])[stage]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    lines = [f"{source}\t{target}\n" for source, target in toy_pairs()]
    (folder / "train.tsv").write_text("".join(lines))
    (folder / "job.yaml").write_text(JOB)
    return folder


@pytest.fixture(scope="module")
def prepared(folder):
    return done(folder, "prepare")


@pytest.fixture(scope="module")
def trained(folder, prepared):
    return done(folder, "train")


def info_of(folder):
    return json.loads((folder / "work" / "dataset" / "dataset_info.json").read_text())


def test_what_prepare_says_is_counted_in_pairs(folder, prepared):
    info = info_of(folder)
    train, valid = info["splits"]["train"], info["splits"]["valid"]
    assert train["packed"]["pairs"] + valid["records"] == prepared["out"] == prepared["in"] == 100
    assert train["packed"]["length"] == 48
    assert train["records"] == train["packed"]["records"] < train["packed"]["pairs"] / 2
    assert prepared["splits"]["train"] == train["packed"]["pairs"]
    told = report_corpus.corpus(str(folder / "work"))
    assert told is not None and told["balanced"]
    assert told["train_records"] == train["packed"]["pairs"]
    (shown,) = [split for split in told["splits"] if split["name"] == "train"]
    assert shown["records"] == train["packed"]["pairs"]
    mean = train["tokens"]["source"] / train["packed"]["pairs"]
    assert shown["mean_tokens"]["source"] == pytest.approx(mean) and mean < 16


def test_training_counts_pairs_and_the_tokens_of_targets(folder, trained):
    train = info_of(folder)["splits"]["train"]
    assert trained["pairs"] == train["packed"]["pairs"] and trained["steps"] == 40
    # 3 records a batch, and the rest of them in the last one; 2 batches an update.
    batches = -(-train["records"] // 3)
    assert trained["epochs"] == round(80 / batches, 2)
    epochs, rest = divmod(80, batches)
    whole = train["tokens"]["target"]
    assert epochs * whole <= trained["tokens"] <= (epochs + (rest > 0)) * whole


def test_it_learns(folder, trained):
    lines = read_metrics(folder / "work" / "train" / "metrics.jsonl")
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 40 and losses[-1] < 0.7 * losses[0]
    checks = [line for line in lines if "valid_loss" in line]
    assert [line["step"] for line in checks] == [8, 16, 24, 32, 40]
    valid = min(checks, key=lambda line: line["valid_loss"])
    assert lines[-1] == {"step": 40, "exported_step": valid["step"]}
    # Pairs that stand alone are met by what was learned of packed ones.
    assert valid["valid_loss"] < 0.7 * losses[0]


def test_the_model_says_what_it_is(folder, trained):
    model = json.loads((folder / "work" / "model" / "model.json").read_text())
    assert model["training"]["exported_weights"] == "moving average, 0.9"
    assert model["training"]["exported_step"] == trained["exported_step"]
    newest = checkpoint.load_newest(folder / "work" / "train" / "checkpoints").tensors
    loaded = load_model(folder / "work" / "model").model.trainable_variables
    weights = {one.path: one.numpy() for one in loaded}
    for path, value in weights.items():
        np.testing.assert_array_equal(value, newest[f"best/{path}"])
    assert not np.array_equal(weights["embedding/table"], newest["embedding/table"])


def test_what_an_update_was_given_is_shown_pair_by_pair(folder, prepared, monkeypatch):
    monkeypatch.chdir(folder)
    lines = []
    facts = replay.show(load_job("job.yaml"), "train", 1, lines.append)
    texts = [tuple(line.split("\t")) for line in lines if not line.startswith("#")]
    assert len(facts["batches"]) == 2 and len(texts) > 6, "several pairs in a record"
    assert set(texts) <= set(toy_pairs())


@pytest.mark.slow  # `test_training` has the kill of a training whose pairs stand alone
def test_killed_and_started_again_the_metrics_are_the_same(folder, trained, monkeypatch, capsys):
    for part in ("dataset", "vocabulary"):
        shutil.copytree(folder / "work" / part, folder / "killed" / part)
    process = subprocess.Popen(
        [sys.executable, "-m", "runners", "train", "job.yaml", "--set", "workdir=killed"],
        cwd=folder, env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    checkpoints = folder / "killed" / "train" / "checkpoints"
    deadline = time.monotonic() + 240
    while not checkpoint.list_checkpoints(checkpoints):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "killed" / "train" / "complete.json").exists()
    monkeypatch.chdir(folder)
    training.train(load_job("job.yaml", ["workdir=killed"]))
    assert "goes on from step" in capsys.readouterr().err
    whole, killed = (
        checkpoint.load_newest(folder / name / "train" / "checkpoints").tensors
        for name in ("work", "killed")
    )
    assert set(whole) == set(killed)
    assert all(np.array_equal(whole[name], killed[name]) for name in whole)
    assert {name.split("/")[0] for name in whole} >= {"moving_average", "best", "optimizer"}
    one, other = (
        read_metrics(folder / name / "train" / "metrics.jsonl") for name in ("work", "killed")
    )
    timed = {"tokens_per_second", "elapsed_seconds"}
    for line, twin in itertools.zip_longest(one, other):
        assert {k: v for k, v in line.items() if k not in timed} == {
            k: v for k, v in twin.items() if k not in timed
        }


def test_a_dataset_without_pairs_is_refused_in_one_line(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "docs.txt").write_text("the red house is here\n")
    options = ["data.train=[]", "data.monolingual.en=[docs.txt]", "workdir=none"]
    with pytest.raises(InputError) as caught:
        work.do_stages(load_job("job.yaml", options), [stages.BY_NAME["prepare"]])
    assert str(caught.value) == (
        "dataset.pack_pairs: packs training pairs, and data.train names none; name pairs, or leave "
        "it out"
    )
