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
    the first dimension of all that is drawn. It travels in the seeds, and so as a number of a
    tensor: what is compiled for one share is for all of them.
    """

    def __init__(self, seed, part: int = 0):
        """seed: int, or integer tensor of shape []. part: from 0."""
        self.seed = ops.cast(seed, "uint32")
        self.part = part
        self.draws = 0

    def next(self):
        """uint32 [2]: a number that no other call of this stream returns, and the part."""
        self.draws += 1
        own = _mix(ops.add(self.seed, ops.cast((self.draws * _GOLDEN) & 0xFFFFFFFF, "uint32")))
        return ops.stack([own, ops.cast(self.part, "uint32")])


def _mix(x):
    """The finaliser of MurmurHash3 (Appleby, public domain constants): avalanche over 32 bits."""
    x = ops.bitwise_xor(x, ops.right_shift(x, ops.cast(16, "uint32")))
    x = ops.multiply(x, ops.cast(0x85EBCA6B, "uint32"))
    x = ops.bitwise_xor(x, ops.right_shift(x, ops.cast(13, "uint32")))
    x = ops.multiply(x, ops.cast(0xC2B2AE35, "uint32"))
    return ops.bitwise_xor(x, ops.right_shift(x, ops.cast(16, "uint32")))


def random_bits(shape, seed):
    """uint32 of `shape`, evenly distributed; `seed` uint32 [2], of a `SeedStream`. Part n gives
    what follows behind n arrays of this shape."""
    size = 1
    for dimension in shape:
        size = size * dimension
    counter = ops.cast(ops.arange(size, dtype="int32"), "uint32")
    counter = ops.add(counter, ops.multiply(ops.cast(size, "uint32"), seed[1]))
    counter = ops.multiply(counter, ops.cast(_GOLDEN, "uint32"))
    return ops.reshape(_mix(ops.bitwise_xor(counter, seed[0])), shape)


def uniform(shape, seed):
    """float32 of `shape` in (0, 1): never 0 and never 1, so that a logarithm is finite."""
    # 23 bits: with 24, the half that is added would round the largest draw up to 1.
    bits = ops.right_shift(random_bits(shape, seed), ops.cast(9, "uint32"))
    return (ops.cast(ops.cast(bits, "int32"), "float32") + 0.5) * (1.0 / (1 << 23))


def gumbel(shape, seed):
    """float32 Gumbel noise: argmax(logits + noise) is a sample of softmax(logits)."""
    return -ops.log(-ops.log(uniform(shape, seed)))


def draw(rate, seeds):
    """What `dropped` takes for a dropout of `rate`: `seeds` is a `SeedStream`, or None outside
    training.

    It is drawn where layers are called, in their order; the noise may be made elsewhere.
    """
    if seeds is None or rate == 0.0:
        return 0.0, None
    return rate, seeds.next()


def dropped(x, rate, seed):
    """Zeroes a share `rate` of `x` and scales up the rest (Srivastava et al. 2014).

    `seed`: of one draw, uint32 [2]; without one `x` is returned as it is.
    """
    if seed is None:
        return x
    threshold = ops.cast(math.floor(rate * 2**32), "uint32")
    keep = ops.greater_equal(random_bits(ops.shape(x), seed), threshold)
    return ops.where(keep, x * (1.0 / (1.0 - rate)), ops.zeros_like(x))
