"""XLA as it is told to compile before it first does.

XLA hands some sums to a library, YNNPACK, and builds the library's program at the first call. In
TensorFlow 2.21 all callers of a compiled function share a list to which that building adds (the
literals of `EmitYnnFusionBuilder` in xla/backends/cpu/ynn_emitter.cc), without a lock: two threads
that call a function for the first time at the same moment can end the process, as two shares of a
batch once did. Without the library the updates of a small model are a tenth faster, too.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

_OPTION = "xla_cpu_experimental_ynn_fusion_type"


@functools.cache
def settle() -> None:
    """XLA is to do without that library, unless `XLA_FLAGS` says something of it. To be called
    before anything is compiled: XLA reads the variable once, when it first compiles; so something
    is compiled here, and the variable is then as it was."""
    given = os.environ.get("XLA_FLAGS")
    if _OPTION in (given or ""):
        return
    os.environ["XLA_FLAGS"] = f"{given or ''} --{_OPTION}=".strip()
    try:
        with tf.init_scope():
            tf.function(lambda x: x + 1, jit_compile=True, autograph=False)(tf.constant(1))
    finally:
        if given is None:
            os.environ.pop("XLA_FLAGS", None)
        else:
            os.environ["XLA_FLAGS"] = given


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """A `tf.function` that XLA compiles, once for each set of shapes."""
    settle()
    return tf.function(function, jit_compile=True, autograph=False, **options)
