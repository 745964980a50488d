"""Our compiled training steps on real records; prints one line of JSON.

`python -m tests.benchmarks.training_ours pairs|windows float32|bfloat16 FOLDER VOCABULARY
BATCH_TOKENS SECONDS`
"""

import json
import pathlib
import statistics
import sys
import time

from electra_model.config import ModelConfig, PretrainConfig, TrainConfig
from electra_model.electra import Electra
from electra_model.optimizer import build_optimizer
from electra_model.pretraining import ReplacedTokenDetection
from pipelines import allocator
from runners.training.devices import Copy, devices_for
from runners.training.input_data import PairData, WindowData
from runners.training.training_steps import compiled, pretraining_step, training_step

from .training_data import WINDOW_LENGTH

# The published network (Clark et al. 2020), as the README names it.
ELECTRA = ModelConfig(
    preset="electra-small",
    norm="post",
    activation="gelu",
    position_encoding="learned",
    embedding_norm=True,
    scale_embeddings=False,
    final_norm=False,
    norm_epsilon=1e-12,
    max_length=WINDOW_LENGTH,
)
# The peer's positions are added, too.
MARIAN = ModelConfig(preset="small", position_encoding="sinusoidal")


def of_pairs(dataset: str, vocabulary: int, batch_tokens: int, precision: str):
    """Data and update of the encoder-decoder: preset small."""
    config = TrainConfig(learning_rate=1e-3, batch_tokens=batch_tokens)
    devices = devices_for(config, "train")
    data = PairData(dataset, "train", config.buckets, config.batch_tokens, config.seed)
    model = Electra.from_config_and_vocabulary(MARIAN, vocabulary, seed=1)
    optimizer = build_optimizer(config, model.trainable_variables)
    steps = devices.steps(
        [Copy(model, optimizer)],
        lambda _, share: training_step(
            model, optimizer, config.label_smoothing, config.clip_norm, share=share
        ),
    )
    return data, compiled(steps, devices.computation(precision))


def of_windows(dataset: str, vocabulary: int, batch_tokens: int, precision: str):
    """Data and update of replaced-token detection: the published small size."""
    config = PretrainConfig(learning_rate=5e-4, batch_tokens=batch_tokens)
    devices = devices_for(config, "pretrain")
    data = WindowData(dataset, "pretrain", WINDOW_LENGTH, batch_tokens, config.seed)
    model = ReplacedTokenDetection(ELECTRA, config, vocabulary, config.seed)
    optimizer = build_optimizer(config, model.trainable_variables)
    steps = devices.steps(
        [Copy(model, optimizer)],
        lambda _, share: pretraining_step(model, optimizer, WINDOW_LENGTH, share),
    )
    return data, compiled(steps, devices.computation(precision))


def seconds_of_shape(data: PairData, update, length: int) -> float:
    """The median time of an update of one bucket."""
    numbers = (n for n in range(data.plan.batches_per_epoch) if data.plan.batch(n).length == length)
    times = []
    for number, _ in zip(numbers, range(5), strict=False):
        start = time.monotonic()
        float(update(*data.arrays(data.plan.batch(number)), number)["loss"])
        times.append(time.monotonic() - start)
    return statistics.median(times)


def main() -> None:
    """Runs updates for so many seconds after all shapes are compiled, and prints the rate."""
    what, precision, folder, vocabulary, batch_tokens, seconds = sys.argv[1:]
    allocator.keep_freed_memory()
    make = of_pairs if what == "pairs" else of_windows
    data, update = make(
        str(pathlib.Path(folder, "dataset")),
        int(vocabulary),
        int(batch_tokens),
        precision,
    )
    began, shapes, first = time.monotonic(), set(), 0
    while len(shapes) < len(data.plan.buckets) and first < data.plan.batches_per_epoch:
        batch = data.plan.batch(first)
        if batch.length not in shapes:
            shapes.add(batch.length)
            float(update(*data.arrays(batch), first)["loss"])
        first += 1
    compiled = time.monotonic() - began
    start = time.monotonic()
    tokens = padded = loss = 0.0
    count = 0
    while time.monotonic() - start < float(seconds):
        arrays = data.arrays(data.plan.batch(first + count))
        found = update(*arrays, first + count)
        loss = float(found["loss"])
        tokens += float(found["tokens"])
        padded += arrays[0].size * (2 if what == "pairs" else 1)
        count += 1
    spent = time.monotonic() - start
    start = time.monotonic()
    for number in range(count):
        data.arrays(data.plan.batch(first + number))
    reading = time.monotonic() - start
    one_shape = seconds_of_shape(data, update, 32) if what == "pairs" else 0.0
    print(
        json.dumps(
            {
                "tokens": tokens,
                "seconds": spent,
                "padded": padded,
                "updates": count,
                "loss": loss,
                "compiled": compiled,
                "reading": reading,
                "columns": 2 if what == "pairs" else 1,
                "one_shape": one_shape,
            }
        )
    )


if __name__ == "__main__":
    main()
