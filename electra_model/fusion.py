"""How a training computes where XLA does not compile the whole of it: matrix products by
TensorFlow, what lies between two of them by XLA in one pass each.

On a CPU, XLA multiplies matrices at about half the speed of TensorFlow's own library (oneDNN), and
makes no use of units for bfloat16; TensorFlow in turn runs everything else operation by operation,
each through memory. So a function that is marked `fused` is compiled on its own, once for every
shape and not for every layer, and so is its gradient, which takes the arguments of the forward pass
and computes again what it needs of it.

Nothing of this holds unless `computing` asks for it: then a fused function is an ordinary one, so
that the whole can be run, compiled or exported.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from electra_model import xla


@dataclasses.dataclass(frozen=True)
class Computation:
    """What is traced under it.

    Attributes:
      fused: whether fused functions are compiled each on its own.
      dtype: of both sides of every matrix product with weights, "float32" or "bfloat16"; sums,
        normalisations, losses and the weights themselves are float32.
      alike: whether a row has the same bits wherever it stands among others, however many.
      whole: whether there are always whole `ROWS_TOGETHER` of them.
    """

    fused: bool = False
    dtype: str = "float32"
    alike: bool = False
    whole: bool = False

    @property
    def jit_compile(self) -> bool | None:
        """The argument of that name for a `tf.function` around what is computed so."""
        return None if self.fused else True


# What may be compiled as one program, or run as it is.
WHOLE_PROGRAM = Computation()

_current: contextvars.ContextVar[Computation] = contextvars.ContextVar(
    "computation", default=WHOLE_PROGRAM
)


@contextlib.contextmanager
def computing(computation: Computation) -> Iterator[None]:
    """Inside, what is traced is computed so."""
    token = _current.set(computation)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def in_whole_rows() -> Iterator[None]:
    """Inside, rows come in whole `ROWS_TOGETHER`."""
    with computing(dataclasses.replace(_current.get(), whole=True)):
        yield


def is_fused() -> bool:
    """Whether fused functions are compiled each on its own."""
    return _current.get().fused


def is_alike() -> bool:
    """Whether a row has the same bits wherever it stands."""
    return _current.get().alike


def in_whole_vectors(x, filler: float):
    """float [..., n] -> [..., m], filled up to a multiple of 16: what is left over at the end of a
    tensor or a row TensorFlow computes, or adds up, in another way than the rest, so that a
    number's last bit would depend on where it stands and on what follows."""
    size: Any = tf.shape(x)[-1]
    padding = [[0, 0]] * (x.shape.rank - 1) + [[0, -size % 16]]
    return tf.pad(x, padding, constant_values=filler)


# Libraries multiply so many rows at once, or a divisor of it; those that are left over are added up
# in another order (oneDNN, on a processor with AVX2: six rows at once).
ROWS_TOGETHER = 48


def product(x, kernel, transposed=False, bias=None) -> Any:
    """float [..., k] times float [k, n], or [n, k] where it is transposed -> [..., n], of the
    computation's dtype; with a bias float32 [n] it is added, and the result is float32."""
    kernel = into_product(tf.convert_to_tensor(kernel))
    inner, outer = kernel.shape[::-1] if transposed else kernel.shape
    if outer is None:
        outer = tf.shape(kernel)[0 if transposed else 1]
    flat = into_product(tf.reshape(x, [-1, inner]))
    rows: Any = tf.shape(flat)[0]
    filled = _current.get().alike and not _current.get().whole
    if filled:
        flat = tf.pad(flat, [[0, -rows % ROWS_TOGETHER], [0, 0]])
    flat = tf.matmul(flat, kernel, transpose_b=transposed)
    if bias is not None:
        # Before the shape changes: TensorFlow then adds it in the product.
        flat = tf.nn.bias_add(tf.cast(flat, tf.float32), bias)
    if filled:
        flat = flat[:rows]
    return tf.reshape(flat, tf.concat([tf.shape(x)[:-1], [outer]], axis=0))


# Layer -> its kernel, transposed, while `with_transposed` lasts.
_transposed: contextvars.ContextVar[dict[int, Any] | None] = contextvars.ContextVar(
    "transposed", default=None
)


@contextlib.contextmanager
def with_transposed(layers: Iterable[Any]) -> Iterator[None]:
    """Inside, where rows are alike, `dense_product` multiplies by the transposed kernels of these
    layers, which are made here, outside any loop. Of few rows, products with many more columns than
    those have are half as fast the other way round: most of the time, the kernel is laid out
    anew."""
    token = _transposed.set({id(one): tf.transpose(one.kernel) for one in layers})
    try:
        yield
    finally:
        _transposed.reset(token)


def dense_product(dense, x) -> tuple[Any, Any]:
    """float [..., k] -> the product with the kernel of a layer [..., n], and its bias if that is
    yet to be added: in the pass after the product where it is compiled, else by the product."""
    if is_alike():
        kernel = (_transposed.get() or {}).get(id(dense))
        if kernel is not None:
            return product(x, kernel, transposed=True, bias=dense.bias), None
        return product(x, dense.kernel, bias=dense.bias), None
    return product(x, dense.kernel), dense.bias


def biased(x, bias):
    """A product with what `dense_product` left of its bias."""
    return tf.cast(x, tf.float32) if bias is None else tf.cast(x, bias.dtype) + bias


def into_product(x):
    """What goes into a product, in its dtype: a fused function writes half as much in bfloat16."""
    return tf.cast(x, _current.get().dtype)


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a pure function of tensors, and of options by name that can be hashed.

    Arguments that are None stay None. It reads variables through its arguments only, and gives a
    tensor or a tuple of them. In float32 the results and the gradients are those of the function
    up to the rounding of sums.
    """

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any):
        computation = _current.get()
        if not computation.fused:
            return function(*arguments, **options)
        given = tuple(argument is not None for argument in arguments)
        forward, backward = _compiled(function, given, computation, tuple(sorted(options.items())))

        @tf.custom_gradient
        def run(*tensors):
            def gradient(*output_gradients):
                found = iter(backward(output_gradients, *tensors))
                return [next(found) if one.dtype.is_floating else None for one in tensors]

            return forward(*tensors), gradient

        return run(*(tf.convert_to_tensor(one) for one in arguments if one is not None))

    return call


@functools.cache
def _compiled(
    function: Callable[..., Any],
    given: tuple[bool, ...],
    computation: Computation,
    options: tuple[tuple[str, Any], ...],
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The function of those arguments that are not None, and its gradient: gradients of the
    outputs, and the arguments -> the gradients of those that are floats."""

    def forward(*tensors):
        left = iter(tensors)
        arguments = [next(left) if one else None for one in given]
        with computing(dataclasses.replace(computation, fused=False)):
            return function(*arguments, **dict(options))

    def backward(output_gradients, *tensors):
        floats = [one for one in tensors if one.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(floats)
            outputs = tf.nest.flatten(forward(*tensors))
        gradients = tape.gradient(
            outputs,
            floats,
            list(output_gradients),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        # Of rows that were looked up, parts: they are added here, in an order that stays the same.
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    forward.__name__, backward.__name__ = function.__name__, f"{function.__name__}_gradient"
    return xla.compiled(forward), xla.compiled(backward)
