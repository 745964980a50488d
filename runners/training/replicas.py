"""An update on several devices: each gives the parts of its share of the batch, `tf.distribute`
adds them up, and each applies the sum to its own copy of the weights.

Both halves are compiled by XLA; what is between them, the sum over the devices, is TensorFlow's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from electra_model.fusion import WHOLE_PROGRAM, Computation

from .devices import Copy, Devices
from .training_steps import Step, compiled, compiled_adding, halves


class Update:
    """Arguments of `Step.parts` -> metrics, all scalars. Traced once; XLA compiles it once for
    every shape and device.

    Args:
      steps: the step of each share of a batch that this process works on, in their order: that of
        a device, or where there is but one device, those that it works on side by side.
      computation: of the parts.
      adds: whether batches are added up (`accumulating_step`): then there is one more argument,
        whether the batch is the last of its update. Nothing is exchanged before that one.
    """

    def __init__(
        self,
        devices: Devices,
        steps: Sequence[Step],
        computation: Computation = WHOLE_PROGRAM,
        adds: bool = False,
    ):
        self._devices = devices
        self._adds = adds
        if devices.strategy is None:
            make = compiled_adding if adds else compiled
            self._all = make(steps, computation)
            self.functions = (self._all,)
            return
        self._steps = steps
        self._halves = [halves([step], computation) for step in steps]
        signature = steps[0].signature
        self._all = tf.function(self._summed, autograph=False, input_signature=signature)
        self._alone = tf.function(self._added, autograph=False, input_signature=signature)
        self.functions = (self._all, self._alone) if adds else (self._all,)

    def __call__(self, *arguments: Any) -> dict[str, Any]:
        """Makes the update."""
        if self._devices.strategy is None or not self._adds:
            with self._devices.watched():
                return self._all(*arguments)
        *others, last = arguments
        if not last:
            self._alone(*others)
            return {}
        with self._devices.watched():
            return self._all(*others)

    def _added(self, *arguments):
        self._devices.strategy.run(lambda: self._halves[self._devices.place()][0](*arguments))

    def _summed(self, *arguments):
        strategy = self._devices.strategy

        def replica():
            (parts,) = self._halves[self._devices.place()][0](*arguments)
            context: Any = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, parts)

        summed = [strategy.experimental_local_results(part) for part in strategy.run(replica)]
        told = []
        rate = self._steps[0].optimizer.learning_rate.value
        for place, name in enumerate(self._devices.names):
            with tf.device(name):
                if place:
                    self._steps[place].optimizer.learning_rate.value.assign(rate)
                told.append(self._halves[place][1]([[part[place] for part in summed]]))
        return told[0]


def spread(copies: Sequence[Copy]) -> None:
    """Gives all copies of this process the weights and the state of the first."""
    for copy in copies[1:]:
        for variable, first in zip(copy.variables, copies[0].variables, strict=True):
            variable.assign(first.numpy())
