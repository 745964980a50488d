"""The compiled steps of both trainings on a GPU and on the processor of the same machine: do they
learn the same, and how fast is each?

`python -m tests.benchmarks accelerator` where TensorFlow has a GPU (`tensorflow[and-cuda]`). Data
are drawn at random: what is timed does not hang on what the tokens say.
"""

import contextlib
import os
import pathlib
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf

from electra_model.config import ModelConfig, PretrainConfig, TrainConfig
from electra_model.electra import Electra
from electra_model.optimizer import build_optimizer
from electra_model.pretraining import ReplacedTokenDetection
from runners.training.training_steps import compiled, pretraining_step, training_step

VOCABULARY = 8000
LENGTH = 64
COMPARED_STEPS = 20
COMPARED_ROWS = 16
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
PRESETS_MEASURED = os.environ.get("BENCH_PRESETS", "small,base,large").split(",")
GPU_ROWS = [int(rows) for rows in os.environ.get("BENCH_ROWS", "128,512,1024").split(",")]
CPU_ROWS = 64
_WARM_STEPS = 3


def tokens(rows: int, length: int, seed: int) -> np.ndarray:
    """int32 [rows, length], as frequent as words are (Zipf), without padding."""
    draws = np.random.default_rng(seed).zipf(1.3, (rows, length))
    return (5 + draws % (VOCABULARY - 5)).astype(np.int32)


def trainer(preset: Any, device: str, dropout: float = 0.1):
    """update(number, rows) -> metrics, for a new encoder-decoder on the device."""
    with tf.device(device):
        model = Electra.from_config_and_vocabulary(
            ModelConfig(preset=preset, dropout=dropout), VOCABULARY
        )
        optimizer = build_optimizer(TrainConfig(learning_rate=1e-3), model.trainable_variables)
        step = compiled([training_step(model, optimizer, 0.1, 1.0)])

    def update(number: int, rows: int):
        source, target = tokens(rows, LENGTH, 2 * number), tokens(rows, LENGTH, 2 * number + 1)
        shifted = np.concatenate([np.full((rows, 1), 2, np.int32), target[:, :-1]], axis=1)
        with tf.device(device):
            return step(source, shifted, target, number)

    return update


def pretrainer(preset: Any, device: str, dropout: float = 0.1):
    """The same for replaced-token detection, generator and discriminator."""
    with tf.device(device):
        model = ReplacedTokenDetection(
            ModelConfig(preset=preset, dropout=dropout), PretrainConfig(), VOCABULARY, 1
        )
        optimizer = build_optimizer(PretrainConfig(learning_rate=1e-3), model.trainable_variables)
        step = compiled([pretraining_step(model, optimizer, LENGTH)])
    segments = {}

    def update(number: int, rows: int):
        ones = segments.setdefault(rows, np.ones((rows, LENGTH), np.int32))
        with tf.device(device):
            return step(tokens(rows, LENGTH, number), ones, number)

    return update


def rate(update, rows: int, seconds: float) -> float:
    """Tokens a second, of each side, compilation not counted."""
    for number in range(_WARM_STEPS):
        float(update(number, rows)["loss"])
    start, number = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        found = update(number, rows)
        number += 1
        if number % 4 == 0:
            float(found["loss"])  # waits for the device
    float(found["loss"])
    return number * rows * LENGTH / (time.monotonic() - start)


def difference(make, preset: str) -> tuple[float, float]:
    """Of the losses of 20 updates on both devices, without dropout: the largest relative
    difference of the first update, and of all."""
    losses = []
    for device in ("/GPU:0", "/CPU:0"):
        update = make(preset, device, 0.0)
        losses.append([float(update(n, COMPARED_ROWS)["loss"]) for n in range(COMPARED_STEPS)])
    gpu, cpu = map(np.array, losses)
    apart = np.abs(gpu - cpu) / cpu
    return float(apart[0]), float(apart.max())


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first; `folder` is not needed.

    Environment: `BENCH_PRESETS` and `BENCH_ROWS`, with commas between; `BENCH_SECONDS` for each
    figure. Raises SystemExit where there is no GPU.
    """
    devices = tf.config.list_physical_devices("GPU")
    if not devices:
        raise SystemExit("TensorFlow sees no GPU here")
    name = tf.config.experimental.get_device_details(devices[0]).get("device_name", "GPU")
    lines = [
        f"## Training steps on a GPU: {name}",
        "",
        f"Length {LENGTH}, {VOCABULARY:,} pieces, float32, whose matrix products are TF32 on such",
        "a GPU, as TensorFlow has it. Tokens a second of each side, without the time to compile;",
        f"the processor is that of the same machine, all of its {os.cpu_count()} cores, with",
        f"{CPU_ROWS} rows. Differences are those of the losses of {COMPARED_STEPS} updates on both",
        "devices, relative, without dropout: of the first, and the largest. Pretraining draws",
        "tokens from its generator: once rounding changes a draw, both learn from different texts.",
        "",
        "| | preset | rows on the GPU | tokens/s | on the processor | first update | largest |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, make in (("training", trainer), ("pretraining", pretrainer)):
        for preset in PRESETS_MEASURED:
            first, largest = difference(make, preset)
            fast, rows = best_rate(make, preset)
            slow = rate(make(preset, "/CPU:0"), CPU_ROWS, SECONDS)
            cells = [what, preset, f"{rows}", f"{fast:,.0f}", f"{slow:,.0f}"]
            lines.append(f"| {' | '.join(cells)} | {first:.1e} | {largest:.1e} |")
            print(lines[-1], file=sys.stderr, flush=True)
    return lines


def best_rate(make, preset: str) -> tuple[float, int]:
    """The highest rate on the GPU, and its rows."""
    found = [(0.0, 0)]
    for rows in GPU_ROWS:
        with contextlib.suppress(tf.errors.ResourceExhaustedError):
            found.append((rate(make(preset, "/GPU:0"), rows, SECONDS), rows))
    return max(found)
