"""The time that the matrix products of a training step would take alone: the machine's own limit.

`python -m tests.benchmarks.matmul_limit float32|bfloat16 ROWS LENGTH VOCABULARY` prints the seconds
of one update of the preset `small`: every product forward, and its two backward, on all cores, by
TensorFlow.
"""

import sys
import time

import tensorflow as tf

from electra_model.config import ModelConfig

REPEATS = 5


def products(rows: int, length: int, vocabulary: int) -> dict[tuple[int, int, int, int], int]:
    """(batch, m, k, n) of a product -> how often it is made forward."""
    sizes = ModelConfig(preset="small").sizes()
    width, inner, heads = sizes["d_model"], sizes["dff"], sizes["num_heads"]
    tokens, per_head = rows * length, sizes["d_model"] // sizes["num_heads"]
    attentions = sizes["num_layers"] + 2 * sizes["num_decoder_layers"]
    blocks = sizes["num_layers"] + sizes["num_decoder_layers"]
    return {
        (1, tokens, width, width): 2 * attentions,  # query, output
        (1, tokens, width, 2 * width): attentions,  # keys and values
        (rows * heads, length, per_head, length): attentions,  # scores
        (rows * heads, length, length, per_head): attentions,  # sums of values
        (1, tokens, width, inner): blocks,
        (1, tokens, inner, width): blocks,
        (1, tokens, width, vocabulary): 1,
    }


def seconds(precision: str, batch: int, m: int, k: int, n: int) -> float:
    """The fastest of several runs of one product and of its two gradients."""
    shapes = ([batch, m, k], [batch, k, n], [batch, m, n])
    left, right, given = (tf.cast(tf.random.normal(shape), precision) for shape in shapes)
    if batch == 1:
        left, right, given = left[0], right[0], given[0]

    @tf.function
    def all_three():
        return (
            tf.matmul(left, right),
            tf.matmul(given, right, transpose_b=True),
            tf.matmul(left, given, transpose_a=True),
        )

    times = []
    for _ in range(1 + REPEATS):
        start = time.monotonic()
        all_three()[2].numpy()
        times.append(time.monotonic() - start)
    return min(times[1:])


def main() -> None:
    """Prints the sum over all products of an update."""
    precision, *numbers = sys.argv[1:]
    rows, length, vocabulary = map(int, numbers)
    found = products(rows, length, vocabulary)
    print(sum(count * seconds(precision, *shape) for shape, count in found.items()))


if __name__ == "__main__":
    main()
