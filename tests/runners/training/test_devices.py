"""Both trainings on two devices: the losses and weights of one device, but for rounding.

With dropout, batches of odd numbers of rows, updates of two batches and a moving average. What is
compiled is counted by the compiler itself: once for each length, and never again.
"""

import collections
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from electra_model import checkpoint
from runners.jobs.job import load_job, resolved_text
from runners.training import training
from runners.training.metrics import read_metrics

ROOT = pathlib.Path(__file__).parents[3]
STAGES = "tests/runners/several_devices.py"
UPDATES = "tests/runners/updates_of_devices.py"
STEPS = 6
LONG = {"steps": 3000, "log_every_steps": 20}


def job_of(prepared_job, folder, strategy, pretrain=None, train=None):
    """A job file over the prepared dataset, in a work folder of its own."""
    shared = dict(log_every_steps=1, steps=STEPS, checkpoint_minutes=1000, strategy=strategy)
    shared["precision"] = "float32"  # in bfloat16 rounding alone is larger than what is compared
    of_pairs = dict(batch_tokens=112, buckets=(15, 16), accumulate=2, ema=0.9)
    job = dataclasses.replace(
        prepared_job,
        workdir=str(folder / "work"),
        pretrain=dataclasses.replace(
            prepared_job.pretrain, **{**shared, "batch_tokens": 240, **(pretrain or {})}
        ),
        train=dataclasses.replace(prepared_job.train, **{**shared, **of_pairs, **(train or {})}),
    )
    for name in ("dataset", "vocabulary"):
        shutil.copytree(prepared_job.path(name), folder / "work" / name)
    path = folder / "job.yaml"
    path.write_text(resolved_text(job))
    return path


def started(*arguments, dump=None, **variables):
    # Compiled without optimisation, which is what takes the time.
    flags = "--xla_backend_optimization_level=0"
    if dump is not None:
        flags += f" --xla_dump_to={dump} --xla_dump_hlo_as_text"
    quiet = {"XLA_FLAGS": flags, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **quiet, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    result, told = process.communicate(timeout=280)
    assert process.returncode == 0, told
    return result, told


def kill(workers):
    """Where one has failed, the other waits for it."""
    for worker in workers:
        worker.kill()
        worker.wait()


def compiled(folder):
    """Name of a function -> how often it was compiled."""
    names = [path.name for path in folder.glob("*before_optimizations.txt")]
    found = [re.search(r"inference_(told|_sums|_gradients)_", name) for name in names]
    return collections.Counter(one.group(1) for one in found if one)


def cluster(size):
    """Values of TF_CONFIG for workers of this machine."""
    sockets = [socket.socket() for _ in range(size)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(size)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["pretrain", "train"])
def test_updates_on_two_devices(stage):
    """Batches of odd numbers of rows with dropout, their length changing for pairs."""
    result, _ = ended(started(UPDATES, 2, stage, "none", "mirrored"))
    one, two = (json.loads(result)[name][stage] for name in ("none", "mirrored"))
    assert (one["copies"], two["copies"], two["equal"]) == (1, 2, True)
    assert len(one["metrics"]) == 3
    for line, same in zip(one["metrics"], two["metrics"], strict=True):
        assert same == pytest.approx(line, rel=1e-5)
    # Of batches that are added up, those that are exchanged and those that are not.
    assert (one["traces"], two["traces"]) == ([1], [1] if stage == "pretrain" else [1, 1])


@pytest.fixture(scope="module")
def alone(prepared_job, tmp_path_factory):
    """The work folder of the trainings on one device."""
    path = job_of(prepared_job, tmp_path_factory.mktemp("alone"), "none")
    dump = path.parent / "dump"
    ended(started(STAGES, 1, path, "pretrain", "train", "replay", dump=dump))
    plan = training.pair_data(load_job(str(path), [])).plan
    assert {plan.batch(number).length for number in range(2 * STEPS)} == {15, 16}
    # The gradient of the logits, of windows of one length and pairs of two; what is made of all
    # gradients, once for each stage; and a replay compiles nothing.
    counts = compiled(dump)
    assert (counts["_gradients"], counts["told"]) == (1 + 2, 1 + 1)
    return path.parent / "work"


def assert_same(alone, other):
    for stage, names in (
        ("pretrain", ("loss", "generator_loss", "discriminator_loss", "gradient_norm", "tokens")),
        ("train", ("loss", "nll", "accuracy", "gradient_norm", "valid_loss")),
    ):
        expected, found = (
            read_metrics(folder / stage / "metrics.jsonl") for folder in (alone, other)
        )
        assert len(expected) >= STEPS
        for line, same in zip(expected, found, strict=True):
            assert line["step"] == same["step"]
            for name in names:
                if name in line:
                    assert same[name] == pytest.approx(line[name], rel=1e-5), (stage, line, name)
        first, second = (
            checkpoint.load_newest(folder / stage / "checkpoints") for folder in (alone, other)
        )
        assert first.step == second.step == STEPS
        assert first.tensors.keys() == second.tensors.keys()
        assert first.state["fingerprint"] == second.state["fingerprint"]
        for name, value in first.tensors.items():
            # The gradient of a bias of keys is nothing but rounding, of which Adam makes much.
            if "key_value.bias" not in name and "key_value/bias" not in name:
                np.testing.assert_allclose(second.tensors[name], value, atol=2e-4, err_msg=name)


@pytest.mark.slow
def test_two_devices_of_one_machine(alone, prepared_job, tmp_path):
    path = job_of(prepared_job, tmp_path, "mirrored")
    dump = tmp_path / "dump"
    _, told = ended(started(STAGES, 2, path, "pretrain", "train", dump=dump))
    assert "train: devices CPU:0, CPU:1" in told
    assert_same(alone, tmp_path / "work")
    assert (tmp_path / "work" / "model" / "model.json").exists()
    # For each device: what it adds, once for each length, and once what is made of the sum.
    counts = compiled(dump)
    assert (counts["_gradients"], counts["told"]) == (2 * (1 + 2), 2 * (1 + 1))


@pytest.mark.slow
def test_two_workers(alone, prepared_job, tmp_path):
    path = job_of(prepared_job, tmp_path, "multi_worker")
    workers = [
        started(
            STAGES, 1, path, "pretrain", "train", dump=tmp_path / f"dump{index}", TF_CONFIG=text
        )
        for index, text in enumerate(cluster(2))
    ]
    try:
        told = [ended(worker)[1] for worker in workers]
    finally:
        kill(workers)
    assert "train, worker 2 of 2: takes part; the chief writes" in told[1]
    assert_same(alone, tmp_path / "work")
    assert (tmp_path / "work" / "model" / "model.json").exists()
    for index in range(2):
        counts = compiled(tmp_path / f"dump{index}")
        assert (counts["_gradients"], counts["told"]) == (1 + 2, 1 + 1)
        # Only the chief validates.
        assert (counts["_sums"] > counts["_gradients"]) == (index == 0)


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_both_and_one_device_goes_on(prepared_job, tmp_path):
    path = job_of(prepared_job, tmp_path, "multi_worker", pretrain={"steps": 0}, train=LONG)
    workers = [started("-m", "runners", "train", path, TF_CONFIG=text) for text in cluster(2)]
    log = tmp_path / "work" / "train" / "metrics.jsonl"
    try:
        while not read_metrics(log):
            assert {worker.poll() for worker in workers} == {None}
            time.sleep(0.2)
        workers[1].send_signal(signal.SIGTERM)
        told = [worker.communicate(timeout=100)[1] for worker in workers]
    finally:
        kill(workers)
    assert [worker.returncode for worker in workers] == [143, 143], told
    assert all("Interrupted. The work done so far is kept" in one for one in told)
    step = checkpoint.load_newest(tmp_path / "work" / "train" / "checkpoints").step
    assert 0 < step < LONG["steps"]
    _, told = ended(started("-m", "runners", "train", path, "--set", "train.strategy=none"))
    assert f"train: goes on from step {step}" in told
    assert read_metrics(log)[-1]["step"] == LONG["steps"]
