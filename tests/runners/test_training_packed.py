"""A job with packed pairs through the command line: prepared, trained, killed, trained on."""

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
from runners import report_corpus
from runners.metrics import read_metrics
from tests.runners.conftest import toy_pairs

ROOT = str(pathlib.Path(__file__).parents[2])

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
train: {steps: 40, batch_tokens: 144, buckets: [16, 48], warmup_steps: 5, learning_rate: 1e-2,
  log_every_steps: 1, checkpoint_minutes: 0.00001}
translate: {beam_size: 2}
runner: {workers: 1}
"""


def command(*arguments):
    return [sys.executable, "-m", "runners", *arguments]


def electra(folder, *arguments):
    return subprocess.run(
        command(*arguments), cwd=folder, env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def done(folder, *arguments):
    finished = electra(folder, *arguments)
    assert finished.returncode == 0, finished.stderr[-2000:]
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    lines = [f"{source}\t{target}\n" for source, target in toy_pairs()]
    (folder / "train.tsv").write_text("".join(lines))
    (folder / "job.yaml").write_text(JOB)
    return folder


@pytest.fixture(scope="module")
def prepared(folder):
    return done(folder, "prepare", "job.yaml")


@pytest.fixture(scope="module")
def trained(folder, prepared):
    return done(folder, "train", "job.yaml")


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
    # 3 records an update, and the rest of them in the last one.
    updates = -(-train["records"] // 3)
    assert trained["epochs"] == round(40 / updates, 2)
    epochs, rest = divmod(40, updates)
    whole = train["tokens"]["target"]
    assert epochs * whole <= trained["tokens"] <= (epochs + (rest > 0)) * whole


def test_it_learns(folder, trained):
    lines = read_metrics(folder / "work" / "train" / "metrics.jsonl")
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 40 and losses[-1] < 0.7 * losses[0]
    (valid,) = [line for line in lines if "valid_loss" in line]
    # Pairs that stand alone are met by what was learned of packed ones.
    assert valid["valid_loss"] < 0.7 * losses[0]


def test_killed_and_started_again_the_metrics_are_the_same(folder, trained):
    for part in ("dataset", "vocabulary"):
        shutil.copytree(folder / "work" / part, folder / "killed" / part)
    arguments = ["train", "job.yaml", "--set", "workdir=killed"]
    process = subprocess.Popen(
        command(*arguments), cwd=folder, env={**os.environ, "PYTHONPATH": ROOT},
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
    again = electra(folder, *arguments)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "goes on from step" in again.stderr
    work, killed = (
        checkpoint.load_newest(folder / name / "train" / "checkpoints").tensors
        for name in ("work", "killed")
    )
    assert set(work) == set(killed)
    assert all(np.array_equal(work[name], killed[name]) for name in work)
    one, other = (
        read_metrics(folder / name / "train" / "metrics.jsonl") for name in ("work", "killed")
    )
    timed = {"tokens_per_second", "elapsed_seconds"}
    for line, twin in itertools.zip_longest(one, other):
        assert {k: v for k, v in line.items() if k not in timed} == {
            k: v for k, v in twin.items() if k not in timed
        }


def test_a_dataset_without_pairs_is_refused_in_one_line(folder):
    (folder / "docs.txt").write_text("the red house is here\n")
    options = ["data.train=[]", "data.monolingual.en=[docs.txt]", "workdir=none"]
    finished = electra(
        folder, "prepare", "job.yaml", *itertools.chain(*(("--set", text) for text in options))
    )
    assert finished.returncode == 2
    assert finished.stderr.splitlines()[-1].endswith(
        "dataset.pack_pairs: packs training pairs, and data.train names none; name pairs, or leave "
        "it out"
    )
