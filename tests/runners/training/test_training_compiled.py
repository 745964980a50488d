"""What a training compiles, counted by the compiler itself, while its learning rate ruins it."""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np

from electra_model import checkpoint
from runners.jobs.job import load_job, resolved_text
from runners.training import training
from runners.training.metrics import read_metrics

ROOT = str(pathlib.Path(__file__).parents[3])
# The decay takes more than there is of each weight: within some twenty updates they are too large.
SETTINGS = {
    "pretrain.steps": "0",
    "train.buckets": "[15, 16]",
    "train.freeze_encoder_updates": "1",
    "train.learning_rate": "10",
    "train.weight_decay": "10",
    "train.warmup_steps": "0",
    "train.clip_norm": "0",
    "train.checkpoint_minutes": "0.0000001",
    "train.keep_checkpoints": "100",
    "train.log_every_steps": "1",
}


def test_one_function_for_each_length_and_a_plain_end(prepared_job, tmp_path):
    """Five bad updates, back to the checkpoint, five again, the end; and nothing compiled twice."""
    shutil.copytree(prepared_job.path("dataset"), tmp_path / "work" / "dataset")
    shutil.copytree(prepared_job.path("vocabulary"), tmp_path / "work" / "vocabulary")
    (tmp_path / "job.yaml").write_text(resolved_text(prepared_job))
    settings = [f"{key}={value}" for key, value in {**SETTINGS, "workdir": "work"}.items()]
    options = [part for text in settings for part in ("--set", text)]
    # Without optimisation, which is what takes the time.
    flags = "--xla_dump_to=dump --xla_dump_hlo_as_text --xla_backend_optimization_level=0"
    done = subprocess.run(
        [sys.executable, "-m", "runners", "train", "job.yaml", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ROOT, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 1
    told = re.fullmatch(
        r"train: 5 updates in a row, to step (\d+), gave no finite loss or gradient, for the "
        r"second time since the checkpoint of step (\d+); set a lower train.learning_rate \(now "
        r"10\), or look at the data with `electra train JOB.yaml --replay (\d+)`",
        done.stderr.splitlines()[-1],
    )
    assert told
    last, good, first = map(int, told.groups())
    assert (good + 1, good + 5) == (first, last) and 3 < good < 40
    assert f"going back to the checkpoint of step {good}" in done.stderr
    folder = tmp_path / "work" / "train"
    lines = read_metrics(folder / "metrics.jsonl")
    assert {"step": good, "went_back_from": last, "bad_updates": 5} in lines
    assert not (tmp_path / "work" / "model").exists()
    # The first update left the encoder as it was, and the decoder not.
    tensors = checkpoint.load(folder / "checkpoints" / "step-000000001.npz").tensors
    widest = {
        side: max(np.abs(value).max() for name, value in tensors.items() if name.startswith(side))
        for side in ("encoder/", "decoder/")
    }
    assert widest["encoder/"] < 3 < 9 < widest["decoder/"]

    plan = training.pair_data(
        load_job(str(tmp_path / "job.yaml"), [*settings, f"workdir={tmp_path / 'work'}"])
    ).plan
    lengths = {plan.batch(number).length for number in range(last)}
    assert len(lengths) == 2
    compiled = list((tmp_path / "dump").glob("*before_optimizations.txt"))
    # The gradient of the logits once for each length, what is made of all gradients once for each
    # set of weights; and no program twice, in however many places it is called.
    names = [re.search(r"inference_(\w+?)_\d+_*\.", path.name) for path in compiled]
    counts = collections.Counter(name.group(1) for name in names if name)
    assert counts["_gradients"] == len(lengths)
    assert counts["_summed"] == counts["weights_updated"] == 2
    programs = [path.read_text().partition("\n")[2] for path in compiled]
    assert len(set(programs)) == len(programs)
