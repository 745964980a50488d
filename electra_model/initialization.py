"""First weights: every tensor is drawn from its own path and one seed, the same on every machine.

Keras' initialisers take their seeds from global state; here nothing global is read or changed.
"""

import hashlib

import numpy as np


def initialize(model, seed: int) -> None:
    """Redraws all weights of a built Keras model or layer in place.

    Kernels: Glorot uniform (Glorot and Bengio 2010). Tables: normal with deviation width**-0.5, so
    that a tied output layer begins with logits of size one. Everything else (biases, norms) keeps
    its constant.
    """
    for variable in model.trainable_variables:
        kind = variable.path.rsplit("/", 1)[-1]
        if kind not in ("kernel", "table"):
            continue
        digest = hashlib.sha256(f"{seed}:{variable.path}".encode()).digest()
        draws = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        shape = tuple(variable.shape)
        if kind == "kernel":
            limit = np.sqrt(6.0 / (shape[0] + shape[-1]))
            values = draws.uniform(-limit, limit, shape)
        else:
            values = draws.normal(0.0, shape[-1] ** -0.5, shape)
        variable.assign(values.astype("float32"))
