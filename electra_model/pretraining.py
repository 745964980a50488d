"""Replaced-token detection (Clark et al. 2020).

A small generator corrupts text and a discriminator finds where.

The discriminator's encoder is what training goes on with: it is built and named exactly as the
encoder of `Electra`.
"""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from electra_model.config import ModelConfig, PretrainConfig
from electra_model.corruption import corrupt, sample_tokens
from electra_model.embeddings import TokenEmbedding
from electra_model.encoder import Encoder
from electra_model.heads import MaskedTokenHead, ReplacedTokenHead
from electra_model.initialization import initialize
from electra_model.losses import replaced_token_loss, vocabulary_cross_entropy
from electra_model.masking import mask_tokens
from electra_model.randomness import SeedStream


@dataclasses.dataclass(frozen=True)
class PretrainingOutput:
    """Scalars of one batch, float32 tensors of shape []; losses are means over their tokens."""

    loss: Any
    generator_loss: Any
    discriminator_loss: Any
    generator_accuracy: Any
    discriminator_accuracy: Any
    discriminator_precision: Any
    discriminator_recall: Any
    replaced_share: Any


class ReplacedTokenDetection(keras.Model):
    """Generator and discriminator over one token embedding table (section 3.2 of the paper)."""

    def __init__(self, model: ModelConfig, pretrain: PretrainConfig, vocabulary_size: int, seed=0):
        super().__init__(name="replaced_token_detection")
        sizes = model.sizes()
        self.pretrain = pretrain
        shared: dict[str, Any] = dict(
            dropout=model.dropout,
            activation=model.activation,
            norm=model.norm,
            max_length=model.max_length,
        )
        self.embedding = TokenEmbedding(vocabulary_size, sizes["d_model"], name="embedding")
        self.encoder = Encoder(
            sizes["num_layers"],
            sizes["d_model"],
            sizes["num_heads"],
            sizes["dff"],
            self.embedding,
            model.position_encoding,
            name="encoder",
            **shared,
        )
        # A quarter of the width, with heads as wide as the discriminator's (table 6 of the paper).
        head_dim = sizes["d_model"] // sizes["num_heads"]
        heads = max(1, round(sizes["num_heads"] * pretrain.generator_fraction))
        width = heads * head_dim
        self.generator = Encoder(
            sizes["num_layers"],
            width,
            heads,
            max(1, int(sizes["dff"] * pretrain.generator_fraction)),
            self.embedding,
            model.position_encoding,
            name="generator",
            **shared,
        )
        self.generator_head = MaskedTokenHead(
            width, sizes["d_model"], vocabulary_size, name="generator_head"
        )
        self.discriminator_head = ReplacedTokenHead(sizes["d_model"], name="discriminator_head")
        for part in (self.encoder, self.generator, self.generator_head, self.discriminator_head):
            part.build()
        self.built = True
        initialize(self, seed)

    def call(self, token_ids, segment_ids=None):
        """token_ids int [batch, length] -> discriminator logits [batch, length].

        Positive means replaced.
        """
        return self.discriminator_head(self.encoder(token_ids, segment_ids=segment_ids))

    def losses_of(self, token_ids, segment_ids, seed) -> PretrainingOutput:
        """One batch through both networks.

        token_ids, segment_ids int32 [batch, length]; seed int scalar. Reads as the paper: hide
        tokens, let the generator fill them in, sample from it, let the discriminator tell which
        were replaced, weigh the two losses.
        """
        seeds = SeedStream(seed)
        masked = mask_tokens(token_ids, self.pretrain.mask_fraction, seeds)

        hidden = self.generator(masked.token_ids, segment_ids=segment_ids, seeds=seeds)
        hidden = tf.gather(hidden, masked.positions, batch_dims=1)  # [batch, count, width]
        vectors = self.generator_head(hidden)
        flat = tf.reshape(vectors, [-1, vectors.shape[-1]])
        targets = tf.reshape(masked.targets, [-1])
        weights = tf.reshape(masked.weights, [-1])
        table, bias = self.embedding.table.value, self.generator_head.bias.value
        generator_sum, _, hits = vocabulary_cross_entropy(flat, table, bias, targets, weights)
        number_masked = tf.maximum(tf.reduce_sum(weights), 1.0)
        generator_loss = generator_sum / number_masked

        logits = tf.stop_gradient(tf.matmul(flat, table, transpose_b=True) + bias)
        sampled = sample_tokens(logits, self.pretrain.temperature, seeds)
        corrupted, labels = corrupt(
            token_ids, masked, tf.reshape(sampled, tf.shape(masked.targets))
        )

        encoded = self.encoder(corrupted, segment_ids=segment_ids, seeds=seeds)
        replaced_logits = self.discriminator_head(encoded)
        real = tf.cast(tf.not_equal(token_ids, 0), tf.float32)
        number_real = tf.maximum(tf.reduce_sum(real), 1.0)
        discriminator_loss = replaced_token_loss(replaced_logits, labels, real) / number_real

        said = tf.cast(replaced_logits > 0.0, tf.float32) * real
        replaced = tf.cast(labels, tf.float32)
        found = tf.reduce_sum(said * replaced)
        return PretrainingOutput(
            loss=generator_loss + self.pretrain.discriminator_weight * discriminator_loss,
            generator_loss=generator_loss,
            discriminator_loss=discriminator_loss,
            generator_accuracy=hits / number_masked,
            discriminator_accuracy=1.0
            - tf.reduce_sum(tf.abs(said - replaced) * real) / number_real,
            discriminator_precision=found / tf.maximum(tf.reduce_sum(said), 1.0),
            discriminator_recall=found / tf.maximum(tf.reduce_sum(replaced), 1.0),
            replaced_share=tf.reduce_sum(replaced) / number_real,
        )
