"""How TensorFlow uses the cores.

An operation that is divided among cores has them wait for each other; at the sizes of these models
that costs up to a third. So each operation keeps to one core where there is enough that can be done
side by side: shares of a batch, or sentences.

TensorFlow is loaded only by what asks or tells it something: that takes seconds.
"""

from __future__ import annotations

import contextlib
import os


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def side_by_side(lanes: int) -> None:
    """Operations are to run side by side, `lanes` at a time, each on its part of the processors.
    Where TensorFlow runs already, its threads are what they are."""
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(max(1, processors() // lanes))
        tf.config.threading.set_inter_op_parallelism_threads(max(2, lanes))


def one_core_each() -> None:
    """Searches are to run side by side, each on one core, in so many lanes as `OMP_NUM_THREADS`
    says, or on all cores: what several cores add up in parts has other bits than the same from one.
    Where TensorFlow runs already, or on a GPU, all stays as it is."""
    import tensorflow as tf

    global _lanes
    if tf.config.list_physical_devices("GPU"):
        return
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    count = int(wanted) if wanted.isdecimal() and int(wanted) else processors()
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(max(2, count))
        _lanes = count


# Where more was said than TensorFlow's settings show.
_lanes: int | None = None


def lanes() -> int:
    """How much can run side by side without sharing a core: 1 where nothing was said of it."""
    import tensorflow as tf

    if _lanes is not None:
        return _lanes
    each = tf.config.threading.get_intra_op_parallelism_threads()
    return max(1, processors() // each) if each else 1
