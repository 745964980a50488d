"""A few updates of both trainings under strategies, as one line of JSON.

Arguments: the number of processors that the process sees, trainings (by commas), strategies.
"""

import json
import sys

import numpy as np


def batch(rows, length):
    """int32 [rows, length] with rows of all lengths."""
    draws = np.random.default_rng([rows, length])
    ids = draws.integers(5, 30, (rows, length))
    ids[np.arange(length)[None, :] >= draws.integers(1, length + 1, (rows, 1))] = 0
    return ids.astype(np.int32)


def sizes():
    from electra_model.config import ModelConfig

    small = dict(num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=32)
    return ModelConfig(**small, dropout=0.2, max_length=12)


def build_pairs():
    from electra_model.averaging import MovingAverage
    from electra_model.config import TrainConfig
    from electra_model.electra import Electra
    from electra_model.optimizer import build_optimizer
    from runners.training.devices import Copy

    model = Electra.from_config_and_vocabulary(sizes(), 30, seed=1)
    weights = model.trainable_variables
    return Copy(model, build_optimizer(TrainConfig(), weights), MovingAverage(weights, 0.9))


def train(devices):
    """Three updates of two batches each, of two lengths."""
    from runners.training.replicas import Update
    from runners.training.training_steps import accumulating_step

    copies = devices.copies(build_pairs)

    def step(copy, share):
        settings = dict(average=copy.average, share=share)
        return accumulating_step(copy.model, copy.optimizer, 0.1, 1.0, **settings)

    update = Update(devices, devices.steps(copies, step), adds=True)

    def make(number):
        copies[0].optimizer.learning_rate.assign(0.01 / (number + 1))
        for place in range(2):
            ids = batch(5 + number, 8 + 4 * place)
            shifted = np.roll(ids, 1, axis=1)
            values = update(ids, shifted, ids, 2 * number + place, place == 0, place == 1)
        return values

    return run(copies, update, make)


def pretrain(devices):
    """Three updates."""
    from electra_model.config import PretrainConfig
    from electra_model.optimizer import build_optimizer
    from electra_model.pretraining import ReplacedTokenDetection
    from runners.training.devices import Copy
    from runners.training.replicas import Update
    from runners.training.training_steps import pretraining_step

    def build():
        model = ReplacedTokenDetection(sizes(), PretrainConfig(), 30, seed=1)
        return Copy(model, build_optimizer(PretrainConfig(), model.trainable_variables))

    copies = devices.copies(build)
    steps = devices.steps(
        copies, lambda copy, share: pretraining_step(copy.model, copy.optimizer, 12, share)
    )
    update = Update(devices, steps)

    def make(number):
        copies[0].optimizer.learning_rate.assign(0.01 / (number + 1))
        ids = batch(7, 12)
        return update(ids, (ids != 0).astype(np.int32), number)

    return run(copies, update, make)


def run(copies, update, make):
    metrics = [{name: float(value) for name, value in make(number).items()} for number in range(3)]
    states = [[np.asarray(one.numpy()) for one in copy.variables] for copy in copies]
    equal = all(
        np.array_equal(value, other)
        for state in states[1:]
        for value, other in zip(states[0], state, strict=True)
    )
    traces = [function.experimental_get_tracing_count() for function in update.functions]
    return {"metrics": metrics, "copies": len(copies), "equal": equal, "traces": traces}


def main(processors, trainings, strategies):
    import tensorflow as tf

    if processors > 1:
        (one,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * processors
        tf.config.set_logical_device_configuration(one, parts)
    from electra_model.config import TrainConfig
    from runners.training.devices import Word, devices_for

    told = {}
    for strategy in strategies:
        devices = devices_for(TrainConfig(strategy=strategy), "train")
        told[strategy] = {
            name: {"train": train, "pretrain": pretrain}[name](devices) for name in trainings
        }
        # The chief's word counts, and anybody's signal.
        index = devices.worker.index
        word = devices.consult(Word(3, 7, 15 * index, 0.25 + index, index == 0))
        told[strategy]["word"] = [word.stop, word.progress, word.finished]
        devices.leave()
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3:])
