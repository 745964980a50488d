"""How long an update takes on this machine, from the speed at which it multiplies matrices."""

from __future__ import annotations

import time

from ..jobs.job import JobConfig
from . import durations, network_sizes
from .durations import Seconds

_SECONDS = 0.5
# An update to the products that it makes, at the speed of large ones: what lies between them takes
# its time, and small ones are slower. The more the products are helped by units for bfloat16, the
# less of the time is theirs.
_OF_PRODUCTS = {"float32": (1.1, 1.9), "bfloat16": (1.6, 5.0)}


def seconds_of_update(job: JobConfig, stage: str) -> Seconds:
    """At least and at most, of "pretrain" or "train"; takes half a second to find out."""
    import tensorflow as tf

    from ..training.devices import Devices

    config = getattr(job, stage)
    dtype = Devices().computation(config.precision).dtype
    width, inside = (job.model.sizes()[name] for name in ("d_model", "dff"))
    tokens = min(4096, config.batch_tokens)
    left = tf.cast(tf.random.normal([tokens, width]), dtype)
    right = tf.cast(tf.random.normal([width, inside]), dtype)
    tf.matmul(left, right).numpy()
    began, count = time.monotonic(), 0
    while time.monotonic() - began < _SECONDS:
        tf.matmul(left, right).numpy()
        count += 1
    each = (time.monotonic() - began) / count
    # A product forward and two backward, of every weight and every token.
    products = each * 3 * durations.tokens_of_update(config) / tokens
    products *= _weights(job, stage) / (width * inside)
    least, most = _OF_PRODUCTS[dtype]
    return least * products, most * products


def _weights(job: JobConfig, stage: str) -> float:
    if stage == "train":
        return network_sizes.parameters(job)
    generator = network_sizes.encoder(job, job.pretrain.generator_fraction)
    hidden = job.pretrain.mask_fraction * network_sizes.embeddings(job)
    return network_sizes.encoder(job) + generator + hidden
