"""`--replay N`: the batches of one update as text, without a model and without training.

What an update was given is a pure function of the data, the settings and its number, so it can be
looked at afterwards: which sentences made a loss that is not finite, for instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from electra_model.errors import InputError
from electra_model.tokenizer import WORD_START, Tokenizer

from ..jobs.job import JobConfig
from . import training

# Ids of source and target, int [tokens], padding included.
_Pair = tuple[np.ndarray, np.ndarray]


def show(job: JobConfig, stage: str, step: int, write: Callable[[str], None]) -> dict[str, Any]:
    """Writes the batches of update `step`, counted from 1 as `metrics.jsonl` does.

    Before each batch stands a line that begins with `#` and tells its shapes; then `source TAB
    target` for every pair. Of pretraining they are the text that is seen and the text as it was:
    with the masks that the generator fills in, or with the replacements that were made beforehand.

    Args:
      stage: "pretrain" or "train".

    Returns:
      {"replay": step, "batches": [{"batch", "rows", "length", "texts", "target_tokens"}]}.

    Raises:
      InputError: there is no dataset, or nothing in it for this training.
    """
    source, target = Tokenizer.load_sides(job.path("vocabulary"))
    batches = _train(job, step) if stage == "train" else _pretrain(job, step)
    facts = []
    for number, shape, pairs in batches:
        render = _texts if stage == "train" else _pieces
        left = render(source, [pair[0] for pair in pairs])
        right = render(target or source, [pair[1] for pair in pairs])
        tokens = int(sum(np.count_nonzero(pair[1]) for pair in pairs))
        rows, length = shape
        write(
            f"# step {step}, batch {number}: source and target int32 [{rows}, {length}], "
            f"{len(pairs)} texts, {tokens} target tokens"
        )
        for one, other in zip(left, right, strict=True):
            write(f"{one}\t{other}")
        facts.append(
            {
                "batch": number,
                "rows": rows,
                "length": length,
                "texts": len(pairs),
                "target_tokens": tokens,
            }
        )
    return {"replay": step, "batches": facts}


_Batch = tuple[int, tuple[int, int], list[_Pair]]


def _train(job: JobConfig, step: int) -> Iterator[_Batch]:
    data = training.pair_data(job)
    if not data.plan.batches_per_epoch:
        raise InputError(f"{job.path('dataset')}: has no training pairs")
    count = job.train.accumulate
    for number in range((step - 1) * count, step * count):
        source, _, target, *segments = data.arrays(data.plan.batch(number))
        yield number + 1, source.shape, list(_pairs(source, target, segments))


def _pairs(
    source: np.ndarray, target: np.ndarray, segments: Sequence[np.ndarray]
) -> Iterator[_Pair]:
    """Every pair of a batch; of packed rows, one after the other."""
    for row in range(len(source)):
        if not segments:
            if target[row].any():
                yield source[row], target[row]
            continue
        left, right = segments[0][row], segments[1][row]
        for segment in range(1, int(right.max(initial=0)) + 1):
            yield source[row][left == segment], target[row][right == segment]


def _pretrain(job: JobConfig, step: int) -> Iterator[_Batch]:
    from .replaced_data import has_replacements

    if has_replacements(job.path("dataset")):
        data = training.replaced_data(job)
        _need(data.windows, job)
        tokens, seen, _ = data.arrays(step - 1)
    else:
        windows = training.window_data(job)
        _need(len(windows.columns), job)
        tokens, _ = windows.arrays(windows.plan.batch(step - 1))
        seen = _masked(job, tokens, step - 1)
    rows = [(seen[row], tokens[row]) for row in range(len(tokens)) if tokens[row].any()]
    yield step, tokens.shape, rows


def _need(windows: int, job: JobConfig) -> None:
    if not windows:
        raise InputError(f"{job.path('dataset')}: has no pretraining windows")


def _masked(job: JobConfig, tokens: np.ndarray, number: int) -> np.ndarray:
    """The tokens that the generator is shown: those masks are drawn first of all in an update."""
    import tensorflow as tf

    from electra_model.masking import mask_tokens
    from electra_model.randomness import SeedStream

    from .training_steps import first_seed

    seeds = SeedStream(number + first_seed(job.pretrain.seed))
    return np.asarray(mask_tokens(tf.constant(tokens), job.pretrain.mask_fraction, seeds).token_ids)


def _texts(tokenizer: Tokenizer, rows: Sequence[np.ndarray]) -> list[str]:
    """Rows of ids as text, without special ids."""
    import tensorflow as tf

    if not rows:
        return []
    ragged: Any = tf.ragged.constant([row[row != 0].tolist() for row in rows], tf.int32)
    return [_one_line(text.decode()) for text in tokenizer.decode(ragged).numpy()]


def _pieces(tokenizer: Tokenizer, rows: Sequence[np.ndarray]) -> list[str]:
    """Rows of ids as text with its special pieces: masks, and the ends of the texts of a window."""
    joined = ("".join(tokenizer.pieces([int(one) for one in row if one])) for row in rows)
    return [_one_line(text.replace(WORD_START, " ")) for text in joined]


def _one_line(text: str) -> str:
    return " ".join(text.split())
