"""The pretrained discriminator at work: how likely each token of an output is no part of a text.

It was trained to tell replaced tokens from original ones (Clark et al. 2020, section 2). What a
translation model makes of nonsense, or nonsense that it makes, it may find out without a reference:
a token that does not belong where it stands looks replaced. Where it was trained on pairs
(`dataset.pair_windows`), it reads the source before the output.

    discriminator.npz    in the model folder: its weights, by path
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from electra_model import buckets as bucketing
from electra_model import checkpoint
from electra_model.config import ModelConfig
from electra_model.encoder import embedding_of, encoder_of
from electra_model.errors import WorkError
from electra_model.heads import ReplacedTokenHead
from electra_model.tokenizer import Tokenizer

# Padded tokens and rows of one batch.
BATCH_TOKENS = 2048
BATCH_ROWS = 64


class Discriminator(keras.Model):
    """Encoder and head without a generator; variables are named as in the pretraining.

    Args:
      config: sizes, those of the pretraining. reads_pairs: whether it was trained on pairs.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, reads_pairs: bool):
        super().__init__(name="discriminator")
        self.config = config
        self.reads_pairs = reads_pairs
        self.embedding = embedding_of(config, vocabulary_size)
        self.encoder = encoder_of(config, self.embedding, "encoder")
        self.head = ReplacedTokenHead(config.sizes()["d_model"], name="discriminator_head")
        self.encoder.build()
        self.head.build()
        self.built = True
        self._traced: Any = None

    def call(self, token_ids):
        """token_ids int32 [rows, length], 0 = padding -> logits float32 [rows, length]; positive
        means replaced. Without dropout."""
        return tf.cast(self.head(self.encoder(token_ids)), tf.float32)

    def to_bytes(self) -> bytes:
        """The file; the same bytes for the same weights."""
        stream = io.BytesIO()
        tensors: dict[str, Any] = {**checkpoint.tensors_of(self.variables)}
        np.savez(stream, **tensors)
        return stream.getvalue()

    def restore(self, tensors: Mapping[str, np.ndarray]) -> Discriminator:
        """Takes the weights of its variables' paths; others are passed over. Raises WorkError for
        one that is missing or of another shape."""
        checkpoint.restore(self.variables, tensors)
        return self

    def restore_bytes(self, data: bytes) -> Discriminator:
        """The weights of `to_bytes`. Raises ValueError when these are others, or no such file."""
        try:
            wanted = {variable.path for variable in self.variables}
            return self.restore(checkpoint.read_tensors(data, wanted))
        except WorkError as error:
            raise ValueError(str(error)) from None

    def replaced(
        self, tokenizer: Tokenizer, sources: list[str], outputs: list[str]
    ) -> list[np.ndarray]:
        """n sources and n outputs -> for each output float32 [its tokens, end mark included], the
        probabilities that they are replaced.

        tokenizer: of both sides. What one becomes does not depend on the others. A pair that is
        longer than the network reads is judged without its source, and an output that is, in pieces
        of its own.
        """
        longest = self.config.max_length
        columns = [tokenizer.encode_columns(texts) for texts in (sources, outputs)]
        rows: list[np.ndarray] = []
        found: list[list[tuple[int, int]]] = []  # per output: rows, and where it begins in each
        for source, output in zip(*(_rows(*column) for column in columns), strict=True):
            if self.reads_pairs and len(source) > 1 and len(source) + len(output) <= longest:
                found.append([(len(rows), len(source))])
                rows.append(np.concatenate([source, output]))
                continue
            starts = range(0, len(output), longest)
            found.append([(len(rows) + place, 0) for place in range(len(starts))])
            rows += [output[start : start + longest] for start in starts]
        judged = self._judged(rows)
        nothing = np.zeros(0, np.float32)
        return [
            np.concatenate([nothing, *(judged[row][start:] for row, start in places)])
            for places in found
        ]

    def _judged(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        """Token ids of each row -> float32, the probabilities of its tokens."""
        if self._traced is None:
            # Traced once for all shapes: compiling takes longer than most runs judge.
            ids = tf.TensorSpec([None, None], tf.int32)
            self._traced = tf.function(
                lambda token_ids: tf.sigmoid(self(token_ids)),
                autograph=False,
                input_signature=[ids],
            )
        offsets = np.cumsum([0, *map(len, rows)])
        values = np.concatenate([np.zeros(0, np.int32), *rows])
        buckets = bucketing.default_buckets(self.config.max_length)
        judged: list[Any] = [None] * len(rows)
        for length, batch, filled in bucketing.batches(
            np.diff(offsets), buckets, BATCH_TOKENS, BATCH_ROWS
        ):
            padded = bucketing.pad(values, offsets, filled, length)
            found = self._traced(tf.constant(padded)).numpy()
            for row, position in zip(found, map(int, batch), strict=False):
                judged[position] = row[: len(rows[position])]
        return judged


def _rows(values: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
    return np.split(values.astype(np.int32), offsets[1:-1]) if len(offsets) > 1 else []
