"""Random draws as pure functions of a seed: counter-based, cheap on a CPU, the same on every run.

Keras' and TensorFlow's generators cost about as much as the layer they serve when they are compiled
for a CPU. A 32-bit integer hash of (seed, position) is fused by XLA into the loop that uses it,
needs no memory, and makes the noise of step N a function of N alone, which exact resuming rests on.
It is good enough for dropout, masking and sampling; it is not for cryptography.
"""

import math

from keras import ops

_GOLDEN = 0x9E3779B9


class SeedStream:
    """Hands out distinct seeds derived from one, in the order of the calls.

    The order is fixed when the graph is traced, so the n-th draw of a model has the same seed in
    every trace.

    Where a batch is cut into equal shares (see `shares`), `part` is the number of the share: what
    is drawn is then what one stream would draw for those rows of the whole batch. The rows must be
    the first dimension of all that is drawn.
    """

    def __init__(self, seed, part: int = 0):
        """seed: int, or integer tensor of shape []. part: from 0."""
        self.seed = ops.cast(seed, "uint32")
        self.part = part
        self.draws = 0

    def next(self):
        """A uint32 scalar that no other call of this stream returns."""
        self.draws += 1
        return _mix(ops.add(self.seed, ops.cast((self.draws * _GOLDEN) & 0xFFFFFFFF, "uint32")))


def _mix(x):
    """The finaliser of MurmurHash3 (Appleby, public domain constants): avalanche over 32 bits."""
    x = ops.bitwise_xor(x, ops.right_shift(x, ops.cast(16, "uint32")))
    x = ops.multiply(x, ops.cast(0x85EBCA6B, "uint32"))
    x = ops.bitwise_xor(x, ops.right_shift(x, ops.cast(13, "uint32")))
    x = ops.multiply(x, ops.cast(0xC2B2AE35, "uint32"))
    return ops.bitwise_xor(x, ops.right_shift(x, ops.cast(16, "uint32")))


def random_bits(shape, seed, part: int = 0):
    """uint32 of `shape`, evenly distributed; `seed` uint32 scalar. `part` n gives what follows
    behind n arrays of this shape."""
    size = 1
    for dimension in shape:
        size = size * dimension
    counter = ops.cast(ops.arange(size, dtype="int32"), "uint32")
    if part:
        behind = ops.multiply(ops.cast(size, "uint32"), ops.cast(part, "uint32"))
        counter = ops.add(counter, behind)
    counter = ops.multiply(counter, ops.cast(_GOLDEN, "uint32"))
    return ops.reshape(_mix(ops.bitwise_xor(counter, seed)), shape)


def uniform(shape, seed, part: int = 0):
    """float32 of `shape` in (0, 1): never 0 and never 1, so that a logarithm is finite."""
    # 23 bits: with 24, the half that is added would round the largest draw up to 1.
    bits = ops.right_shift(random_bits(shape, seed, part), ops.cast(9, "uint32"))
    return (ops.cast(ops.cast(bits, "int32"), "float32") + 0.5) * (1.0 / (1 << 23))


def gumbel(shape, seed, part: int = 0):
    """float32 Gumbel noise: argmax(logits + noise) is a sample of softmax(logits)."""
    return -ops.log(-ops.log(uniform(shape, seed, part)))


def draw(rate, seeds):
    """What `dropped` takes for a dropout of `rate`: `seeds` is a `SeedStream`, or None outside
    training.

    It is drawn where layers are called, in their order; the noise may be made elsewhere.
    """
    if seeds is None or rate == 0.0:
        return 0.0, None, 0
    return rate, seeds.next(), seeds.part


def dropped(x, rate, seed, part=0):
    """Zeroes a share `rate` of `x` and scales up the rest (Srivastava et al. 2014).

    `seed`: of one draw, a uint32 scalar; without one `x` is returned as it is.
    """
    if seed is None:
        return x
    threshold = ops.cast(math.floor(rate * 2**32), "uint32")
    keep = ops.greater_equal(random_bits(ops.shape(x), seed, part), threshold)
    return ops.where(keep, x * (1.0 / (1.0 - rate)), ops.zeros_like(x))
