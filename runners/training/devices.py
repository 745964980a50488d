"""Where a training computes: on one device, or with `tf.distribute` on several of one machine
(`strategy: mirrored`) or of several machines (`strategy: multi_worker`).

Every device has a copy of the model and works on a share of every batch. The copies are plain ones,
begun from the same seed, rather than variables of the strategy: an update that is left out because
it is not finite is a branch of the compiled code, in which a strategy cannot synchronise, and Keras
3 has no support for several workers. What TensorFlow does is to run the shares and to add up what
they give.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from electra_model import threads
from electra_model.averaging import MovingAverage
from electra_model.config import LoopConfig
from electra_model.errors import WorkError
from electra_model.fusion import Computation
from electra_model.shares import Share

from ..health import processor
from ..terminal import interrupts
from ..terminal.progress import say
from .cluster import Member, member

T = TypeVar("T")

# What TensorFlow raises when another worker is gone, or the health of the workers is not known.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


@dataclasses.dataclass(frozen=True)
class Copy:
    """What a device has for itself: a model, and what is updated with it."""

    model: Any
    optimizer: Any
    average: MovingAverage | None = None

    @property
    def variables(self) -> list[Any]:
        """Everything that a checkpoint holds; the same for all copies after every update."""
        average = self.average.variables if self.average is not None else []
        return [*self.model.trainable_variables, *self.optimizer.variables, *average]


@dataclasses.dataclass(frozen=True)
class Word:
    """What the workers tell each other before an update.

    Attributes:
      step: updates made. state: of the settings and the data; both must be the same for all.
      stop: the number of a signal that came, or 0. progress, finished: those of the chief count.
    """

    step: int
    state: int
    stop: int
    progress: float
    finished: bool


class Devices:
    """The devices of one training.

    Args:
      strategy: of `tf.distribute`; None for one device.
      worker: which of the workers this process is.
      lanes: shares of a batch that one device works on side by side. Two cores make an update in
        less time when each has a half of the batch than when they share every operation.
    """

    def __init__(self, strategy: Any = None, worker: Member | None = None, lanes: int = 1):
        self.strategy = strategy
        self.lanes = lanes
        self.worker = worker or Member()
        self.names: tuple[str, ...] = ()
        self.count = 1
        if strategy is not None:
            self.names = tuple(strategy.extended.worker_devices)
            self.count = strategy.num_replicas_in_sync
        self._exchange: Any = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what the training makes."""
        return self.worker.is_chief

    def label(self, stage: str) -> str:
        """What lines of this process about a stage begin with."""
        return stage if self.worker.workers == 1 else f"{stage}, {self.worker}"

    def computation(self, precision: str) -> Computation:
        """How updates are computed in a `precision` of the job file. A GPU takes programs as large
        as can be; a CPU does better with matrix products by TensorFlow (see `fusion`)."""
        gpus = tf.config.list_physical_devices("GPU")
        if precision == "auto":
            has_units = all(map(_gpu_has_bfloat16, gpus)) if gpus else processor.has_bfloat16()
            precision = "bfloat16" if has_units else "float32"
        return Computation(fused=not gpus, dtype=precision)

    def computation_of(self, stage: str, config: LoopConfig) -> Computation:
        """That of the updates of `stage`, which says what was chosen for it."""
        chosen = self.computation(config.precision)
        if self.is_chief and config.precision == "auto" and chosen.dtype != "float32":
            say(f"{stage}: matrix products in {chosen.dtype} ({stage}.precision)")
        return chosen

    def copies(self, build: Callable[[], T]) -> list[T]:
        """What `build` makes, once for each device of this process."""
        return [self._on(place, build) for place in range(max(1, len(self.names)))]

    def steps(self, copies: Sequence[Copy], make: Callable[[Copy, Share], T]) -> list[T]:
        """What `make` makes for each copy and its share of every batch, or for each lane of the one
        copy."""
        if self.strategy is None:
            return [make(copies[0], Share(lane, self.lanes)) for lane in range(self.lanes)]
        return [
            self._on(place, functools.partial(make, copy, Share(self._first + place, self.count)))
            for place, copy in enumerate(copies)
        ]

    def _on(self, place: int, make: Callable[[], T]) -> T:
        if self.strategy is None:
            return make()
        with tf.device(self.names[place]):
            return make()

    @property
    def _first(self) -> int:
        """The number of the share of this process's first device."""
        return self.worker.index * len(self.names)

    def place(self) -> int:
        """Which device of this process this is, inside `strategy.run`."""
        context: Any = tf.distribute.get_replica_context()
        return int(tf.get_static_value(context.replica_id_in_sync_group)) - self._first

    # --- the workers ---

    def consult(self, word: Word) -> Word:
        """The word that all workers go by. Raises WorkError where they are not at the same place,
        and when one of them is gone."""
        if self.worker.workers == 1:
            return word
        told = np.zeros((self.worker.workers, len(dataclasses.fields(Word))))
        told[self.worker.index] = [float(value) for value in dataclasses.astuple(word)]
        said = self._exchanged(told)
        step, state, _, progress, finished = said[0].tolist()
        stop = int(said[:, 2].max())
        chief = Word(int(step), int(state), stop, progress, bool(finished))
        for index, (step, state) in enumerate(said[:, :2].astype(int)):
            if (step, state) != (chief.step, chief.state):
                what = f"step {step}" if step != chief.step else "other settings or data"
                raise WorkError(
                    f"worker {index + 1} is at {what}, and the chief at step {chief.step}: all "
                    "workers need the same job file and the same workdir; then start them again"
                )
        return chief

    def wait(self) -> None:
        """Until all workers are here."""
        if self.worker.workers > 1:
            self._exchanged(np.zeros((self.worker.workers, 1)))

    def leave(self) -> None:
        """Until all workers are here, at the end. What the chief has made is complete, whatever
        has become of the others."""
        try:
            self.wait()
        except WorkError:
            if not self.is_chief:
                raise

    def _exchanged(self, told: np.ndarray) -> np.ndarray:
        """The sum over the workers of arrays of one shape."""
        if self._exchange is None:
            self._exchange = tf.function(self._sum, autograph=False)
        with self.watched():
            return self._exchange(tf.constant(told)).numpy()

    def _sum(self, told):
        def replica():
            context: Any = tf.distribute.get_replica_context()
            # One device speaks for a worker; made here, so that it lies on the device.
            said = told * (1.0 if self.place() == 0 else 0.0)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, said)

        return self.strategy.experimental_local_results(self.strategy.run(replica))[0]

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Raises WorkError when another worker is gone or cannot be reached."""
        try:
            yield
        except _LOST:
            if self.worker.workers == 1:
                raise
            raise WorkError(
                f"{self.worker}: another worker has ended or cannot be reached; start the command "
                "again on all of them: it goes on from the newest checkpoint"
            ) from None


def _gpu_has_bfloat16(device: Any) -> bool:
    details = tf.config.experimental.get_device_details(device)
    return details.get("compute_capability", (0, 0)) >= (8, 0)


# Padded tokens of a share at least; of smaller ones it was not measured that they gain.
_LANE_TOKENS = 512


def devices_for(config: LoopConfig, stage: str) -> Devices:
    """The devices of `stage` ("pretrain" or "train") with its settings.

    With several workers it waits for the others. To be called before TensorFlow does anything else:
    the connections to other workers are made when it starts, and so are its threads.

    Raises:
      InputError: `TF_CONFIG` is wrong. WorkError: TensorFlow cannot set up the strategy.
    """
    if config.strategy == "none":
        return Devices(lanes=_lanes(config.batch_tokens))
    made = _mirrored() if config.strategy == "mirrored" else _multi_worker()
    kinds = ", ".join(name.rpartition("device:")[2] for name in made.names)
    whole = f"; {made.count} of all workers" if made.worker.workers > 1 else ""
    say(f"{made.label(stage)}: devices {kinds}{whole}")
    return made


def _lanes(batch_tokens: int) -> int:
    """One for each processor, if its share of a batch is not too small; none on a GPU."""
    if tf.config.list_physical_devices("GPU"):
        return 1
    lanes = max(1, min(threads.processors(), batch_tokens // _LANE_TOKENS))
    threads.side_by_side(lanes)
    return lanes


@functools.cache
def _mirrored() -> Devices:
    """All GPUs of this machine, or where there is none its (logical) processors."""
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return Devices(tf.distribute.MirroredStrategy([device.name for device in found]))


@functools.cache
def _multi_worker() -> Devices:
    worker = member()
    if worker.workers > 1:
        say(f"{worker}: waiting until all of {worker.workers} workers are there")
    gpus = bool(tf.config.list_physical_devices("GPU"))
    kinds = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=kinds.AUTO if gpus else kinds.RING
    )
    try:
        with interrupts.at_once():
            strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except (RuntimeError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise WorkError(f"{worker}: TensorFlow cannot join the workers ({reason})") from None
    return Devices(strategy, worker)
