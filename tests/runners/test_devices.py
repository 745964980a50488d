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
import socket
import subprocess
import sys

import numpy as np
import pytest

from electra_model import checkpoint
from runners import training
from runners.job import load_job, resolved_text
from runners.metrics import read_metrics

ROOT = pathlib.Path(__file__).parents[2]
STEPS = 6


def job_of(prepared_job, folder, strategy):
    """A job file over the prepared dataset, in a work folder of its own."""
    shared = dict(log_every_steps=1, steps=STEPS, checkpoint_minutes=1000, strategy=strategy)
    of_pairs = dict(batch_tokens=112, buckets=(15, 16), accumulate=2, ema=0.9)
    job = dataclasses.replace(
        prepared_job,
        workdir=str(folder / "work"),
        pretrain=dataclasses.replace(prepared_job.pretrain, **shared, batch_tokens=240),
        train=dataclasses.replace(prepared_job.train, **shared, **of_pairs),
    )
    for name in ("dataset", "vocabulary"):
        shutil.copytree(prepared_job.path(name), folder / "work" / name)
    path = folder / "job.yaml"
    path.write_text(resolved_text(job))
    return path


def started(path, *names, processors=1, dump="dump", **variables):
    # Compiled without optimisation, which is what takes the time.
    flags = f"--xla_dump_to={path.parent / dump} --xla_dump_hlo_as_text"
    environment = {
        **os.environ,
        "XLA_FLAGS": f"{flags} --xla_backend_optimization_level=0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    script = ROOT / "tests" / "runners" / "several_devices.py"
    return subprocess.Popen(
        [sys.executable, str(script), str(processors), str(path), *names],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    _, told = process.communicate(timeout=240)
    return process.returncode, told


def compiled(folder):
    """Name of a function -> how often it was compiled."""
    names = [path.name for path in folder.glob("*before_optimizations.txt")]
    found = [re.search(r"inference_(update|parts|told|evaluate)_", name) for name in names]
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


@pytest.fixture(scope="module")
def alone(prepared_job, tmp_path_factory):
    """The work folder of the trainings on one device."""
    path = job_of(prepared_job, tmp_path_factory.mktemp("alone"), "none")
    status, told = ended(started(path, "pretrain", "train", "replay"))
    assert status == 0, told
    plan = training.pair_data(load_job(str(path), [])).plan
    assert {plan.batch(number).length for number in range(2 * STEPS)} == {15, 16}
    # Windows have one length, pairs two; and a replay compiles nothing.
    assert compiled(path.parent / "dump")["update"] == 1 + 2
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
    status, told = ended(started(path, "pretrain", "train", processors=2))
    assert status == 0, told
    assert "train: devices CPU:0, CPU:1" in told
    assert_same(alone, tmp_path / "work")
    assert (tmp_path / "work" / "model" / "model.json").exists()
    # For each device: what it adds, once for each length, and once what is made of the sum.
    counts = compiled(tmp_path / "dump")
    assert (counts["parts"], counts["told"], counts["update"]) == (2 * (1 + 2), 2 * (1 + 1), 0)


@pytest.mark.slow
def test_two_workers(alone, prepared_job, tmp_path):
    path = job_of(prepared_job, tmp_path, "multi_worker")
    workers = [
        started(path, "pretrain", "train", dump=f"dump{index}", TF_CONFIG=text)
        for index, text in enumerate(cluster(2))
    ]
    ends = [ended(worker) for worker in workers]
    assert [status for status, _ in ends] == [0, 0], ends
    assert "train, worker 2 of 2: takes part; the chief writes" in ends[1][1]
    assert_same(alone, tmp_path / "work")
    assert (tmp_path / "work" / "model" / "model.json").exists()
    for index in range(2):
        counts = compiled(tmp_path / f"dump{index}")
        assert (counts["parts"], counts["told"]) == (1 + 2, 1 + 1)
        # Only the chief validates.
        assert (counts["evaluate"] > 0) == (index == 0)
