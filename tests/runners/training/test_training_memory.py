"""A training of 10,000 updates of varied lengths needs no more memory in the end than early on."""

import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

import pytest

from runners.engines import launch
from runners.jobs.job import make_job, resolved_text
from runners.training.metrics import read_metrics

ROOT = pathlib.Path(__file__).parents[3]
STEPS, EARLY = 10_000, 2_000
# Megabytes. A trace of this model, or what it is compiled to, is as large.
MOST_GROWTH = 32


def varied_job(folder):
    """400 pairs of 1 to 50 words, of which every bucket gets some."""
    draws = random.Random(1)
    words = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "an", "or")]
    lines = []
    for number in range(400):
        source = [draws.choice(words) for _ in range(1 + number % 50)]
        lines.append(f"{' '.join(source)}\t{' '.join(reversed(source))}\n")
    (folder / "train.tsv").write_text("".join(lines))
    sizes = {"d_model": 16, "num_heads": 2, "dff": 32, "num_layers": 1, "num_decoder_layers": 1}
    values = {
        "task": "translate",
        "workdir": str(folder / "work"),
        "source_lang": "en",
        "target_lang": "de",
        "data": {"train": [str(folder / "train.tsv")]},
        "vocabulary": {"size": 300},
        "dataset": {"max_tokens": 64, "window_length": 64, "valid_fraction": 0.1},
        "model": {**sizes, "max_length": 64},
        "pretrain": {"steps": 0},
        "train": {
            "steps": STEPS,
            "batch_tokens": 128,
            "buckets": [8, 16, 32, 48, 64],
            "log_every_steps": 20,
            "validate_every_steps": 500,
            "checkpoint_minutes": 0.05,
        },
        "runner": {"name": "local", "workers": 1},
    }
    return make_job(values, "varied job")


def resident_megabytes(process):
    try:
        with open(f"/proc/{process}/statm") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return None


@pytest.mark.slow
def test_memory_does_not_grow(tmp_path):
    job = varied_job(tmp_path)
    launch.run_prepare(job)
    (tmp_path / "job.yaml").write_text(resolved_text(job))
    with open(tmp_path / "told", "w") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "runners", "train", str(tmp_path / "job.yaml")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=told,
        )
    early, late = [], []
    log = tmp_path / "work" / "train" / "metrics.jsonl"
    while process.poll() is None:
        lines = read_metrics(log)
        step, size = (lines[-1]["step"] if lines else 0), resident_megabytes(process.pid)
        if size is not None and EARLY - 100 <= step <= EARLY + 100:
            early.append(size)
        # The last line is of the end, when the model is exported.
        if size is not None and STEPS - 400 <= step < STEPS:
            late.append(size)
        time.sleep(0.05)
    assert process.returncode == 0, (tmp_path / "told").read_text()
    assert len(early) >= 3 and len(late) >= 3
    first, last = statistics.median(early), statistics.median(late)
    print(f"resident at step {EARLY:,}: {first:.0f} MB; at step {STEPS:,}: {last:.0f} MB")
    assert last - first < MOST_GROWTH, (first, last)
