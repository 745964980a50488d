"""The generator on its own: filling in hidden tokens long before a discriminator sees them.

Dong et al. 2023 (Fast-ELECTRA, arXiv:2310.07347): a generator that is trained already
makes the replacements offline, at a temperature, so that pretraining neither runs nor trains one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from electra_model import checkpoint, xla
from electra_model.config import ModelConfig
from electra_model.corruption import corrupt, sample_tokens
from electra_model.embeddings import TokenEmbedding
from electra_model.encoder import Encoder, embedding_of, encoder_of
from electra_model.errors import InputError, WorkError
from electra_model.fusion import product
from electra_model.generator_card import GeneratorCard
from electra_model.heads import MaskedTokenHead
from electra_model.masking import mask_tokens
from electra_model.randomness import SeedStream

# Of one batch: so many padded tokens at most, and so many logits over the vocabulary.
_BATCH_TOKENS = 8192
_BATCH_LOGITS = 8_000_000


def build_generator(
    model: ModelConfig, fraction: float, embedding: TokenEmbedding, vocabulary_size: int
) -> tuple[Encoder, MaskedTokenHead]:
    """The generator's encoder and head, not built yet.

    A share `fraction` of the discriminator's width, with heads as wide as its (Clark et al. 2020,
    table 6), over the same embedding.
    """
    sizes = model.sizes()
    head_dim = sizes["d_model"] // sizes["num_heads"]
    heads = max(1, round(sizes["num_heads"] * fraction))
    width = heads * head_dim
    dff = max(1, int(sizes["dff"] * fraction))
    encoder = encoder_of(model, embedding, "generator", d_model=width, num_heads=heads, dff=dff)
    head = MaskedTokenHead(
        width,
        model.embedding_width,
        vocabulary_size,
        norm_epsilon=model.norm_epsilon,
        name="generator_head",
    )
    return encoder, head


class Generator(keras.Model):
    """A generator without a discriminator; its variables are named as in the pretraining."""

    def __init__(self, model: ModelConfig, fraction: float, vocabulary_size: int):
        super().__init__(name="generator_alone")
        self.embedding = embedding_of(model, vocabulary_size)
        self.generator, self.generator_head = build_generator(
            model, fraction, self.embedding, vocabulary_size
        )
        self.generator.build()
        self.generator_head.build()
        self.built = True

    def call(self, token_ids, segment_ids, positions):
        """token_ids, segment_ids int32 [batch, length], positions int32 [batch, count] -> logits
        over the vocabulary, float32 [batch, count, vocabulary], without dropout."""
        hidden: Any = self.generator(token_ids, segment_ids=segment_ids)
        hidden = tf.gather(hidden, positions, batch_dims=1)
        table, bias = self.embedding.table.value, self.generator_head.bias.value
        return product(self.generator_head(hidden), table, transposed=True) + bias


def load(card: GeneratorCard, data: bytes, name: str) -> Generator:
    """The generator of a pretraining's checkpoint.

    Args:
      data: of the checkpoint file; name: of it, for messages.

    Raises:
      InputError: these are not the bytes that the card describes.
      WorkError: the checkpoint lacks a tensor of the generator, or holds one that is not finite.
    """
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise InputError(
            f"{name}: is not the checkpoint that generator.json describes; run `electra pretrain` "
            "of that job again"
        )
    model = Generator(card.model, card.fraction, card.vocabulary_size)
    wanted = {variable.path for variable in model.variables}
    try:
        tensors = checkpoint.read_tensors(data, wanted)
        checkpoint.restore(model.variables, tensors)
    except WorkError as error:
        raise WorkError(f"{name}: {error}") from None
    for path, value in tensors.items():
        if not np.isfinite(value).all():  # it would draw the same token everywhere
            raise WorkError(f"{name}: tensor {path} is not finite; pretrain the generator again")
    return model


def batch_rows(vocabulary_size: int, length: int, mask_fraction: float) -> int:
    """Rows of one batch of `sampler`: as many as memory is meant to hold, and nothing else decides,
    for the draws of a record depend on its place in its batch."""
    hidden = max(1, int(mask_fraction * length + 0.5))
    return max(1, min(_BATCH_TOKENS // length, _BATCH_LOGITS // (hidden * vocabulary_size)))


def sampler(model: Generator, mask_fraction: float, rows: int, length: int) -> Callable[..., Any]:
    """A compiled function of fixed shapes that hides tokens and draws what stands in their place.

    sample(token_ids, segment_ids int32 [rows, length], seed int, temperature float) -> (ids with
    replacements, int32 [rows, length]; how many tokens were hidden, int32 [rows]). Tokens are
    hidden as `masking` does and drawn from softmax(logits / temperature). One that is drawn as
    itself is the original again.
    """
    ids = tf.TensorSpec([rows, length], tf.int32)

    def sample(token_ids, segment_ids, seed, temperature):
        seeds = SeedStream(seed)
        masked = mask_tokens(token_ids, mask_fraction, seeds)
        logits = model(masked.token_ids, segment_ids, masked.positions)
        drawn = sample_tokens(logits, temperature, seeds)
        replaced, _ = corrupt(token_ids, masked, drawn)
        return replaced, tf.cast(tf.reduce_sum(masked.weights, axis=1), tf.int32)

    signature = [ids, ids, tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.float32)]
    compiled = xla.compiled(sample, input_signature=signature)

    def run(
        token_ids: np.ndarray, segment_ids: np.ndarray, seed: int, temperature: float
    ) -> tuple[np.ndarray, np.ndarray]:
        replaced, hidden = compiled(
            tf.constant(token_ids, tf.int32),
            tf.constant(segment_ids, tf.int32),
            tf.constant(seed, tf.int64),
            tf.constant(temperature, tf.float32),
        )
        return replaced.numpy(), hidden.numpy()

    return run
