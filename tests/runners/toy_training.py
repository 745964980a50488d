"""A training of one number, for tests of the loop."""

import os
import signal

import keras
import numpy as np

from electra_model.averaging import MovingAverage
from electra_model.config import LoopConfig, TrainConfig
from runners.training.kept_weights import KeptWeights
from runners.training.training_loop import TrainingLoop


class Toy:
    """One number that is drawn towards the step's own target: its history shows which steps were
    made. With `kept` settings it has averages and validations as well."""

    def __init__(
        self,
        folder,
        steps=40,
        fingerprint="a",
        on_step=lambda number: None,
        kept=False,
        validate=None,
        **config,
    ):
        self.variable = keras.Variable(np.zeros(1, "float32"), name="toy")
        self.optimizer = keras.optimizers.AdamW(0.1, name="optimizer")
        self.optimizer.build([self.variable])
        self.numbers = []
        self.on_step = on_step
        make = TrainConfig if kept else LoopConfig
        config = {"log_every_steps": 4, "warmup_steps": 4, **config}
        self.config = make(steps=steps, **config)
        variables = [self.variable, *self.optimizer.variables]
        self.average = self.kept = None
        if kept:
            if self.config.ema:
                self.average = MovingAverage([self.variable], self.config.ema)
                variables += self.average.variables
            self.kept = KeptWeights(self.config, [self.variable], self.average)
        self.loop = TrainingLoop(
            "toy",
            str(folder),
            self.config,
            variables,
            self.optimizer,
            self.step,
            fingerprint,
            validate=validate,
            validate_every_steps=self.config.validate_every_steps if kept else None,
            kept=self.kept,
        )

    def step(self, number):
        self.on_step(number)
        self.numbers.append(number)
        gradient = self.variable - float(number % 7)
        loss = float(gradient[0] ** 2)
        if not np.isfinite(loss):
            return {"loss": loss, "tokens": 10, "finite": False}
        self.optimizer.apply_gradients([(gradient, self.variable)])
        if self.average is not None:
            self.average.update(self.optimizer.iterations)
        return {"loss": loss, "tokens": 10, "finite": True}


def stop_at(step):
    def on_step(number):
        if number == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return on_step


class Killed(BaseException):
    """What nothing in the loop looks for: it leaves the disk as `kill -9` would."""


def kill_at(step):
    def on_step(number):
        if number == step:
            raise Killed

    return on_step
