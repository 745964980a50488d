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
from electra_model.encoder import embedding_of, encoder_of
from electra_model.fusion import product
from electra_model.generator import build_generator
from electra_model.heads import ReplacedTokenHead
from electra_model.initialization import initialize
from electra_model.losses import replaced_token_loss, vocabulary_cross_entropy
from electra_model.masking import hidden_counts, mask_tokens
from electra_model.randomness import SeedStream


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorOutput:
    """Scalars of one batch, float32 tensors of shape []; losses are means over their tokens."""

    loss: Any
    discriminator_loss: Any
    discriminator_accuracy: Any
    discriminator_precision: Any
    discriminator_recall: Any
    replaced_share: Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainingOutput(DiscriminatorOutput):
    """The same with what the generator did."""

    generator_loss: Any
    generator_accuracy: Any


class ReplacedTokenDetection(keras.Model):
    """Generator and discriminator over one token embedding table (section 3.2 of the paper).

    With `generator=False` there is the discriminator alone, for replacements made beforehand.
    """

    def __init__(
        self,
        model: ModelConfig,
        pretrain: PretrainConfig,
        vocabulary_size: int,
        seed=0,
        generator: bool = True,
    ):
        super().__init__(name="replaced_token_detection")
        sizes = model.sizes()
        self.pretrain = pretrain
        self.embedding = embedding_of(model, vocabulary_size)
        self.encoder = encoder_of(model, self.embedding, "encoder")
        parts: list[Any] = [self.encoder]
        self.generator = self.generator_head = None
        if generator:
            self.generator, self.generator_head = build_generator(
                model, pretrain.generator_fraction, self.embedding, vocabulary_size
            )
            parts += [self.generator, self.generator_head]
        self.discriminator_head = ReplacedTokenHead(sizes["d_model"], name="discriminator_head")
        for part in (*parts, self.discriminator_head):
            part.build()
        self.built = True
        initialize(self, seed)

    def call(self, token_ids, segment_ids=None):
        """token_ids int [batch, length] -> discriminator logits [batch, length].

        Positive means replaced.
        """
        return self.discriminator_head(self.encoder(token_ids, segment_ids=segment_ids))

    def losses_of(self, token_ids, segment_ids, seed) -> PretrainingOutput:
        """One batch through both networks; arguments as of `sums_of`."""
        output: Any = self.output_of(self.sums_of(token_ids, segment_ids, seed))
        return output

    def losses_on(self, token_ids, replaced_token_ids, segment_ids, seed) -> DiscriminatorOutput:
        """One batch through the discriminator alone; arguments as of `sums_on`."""
        return self.output_of(self.sums_on(token_ids, replaced_token_ids, segment_ids, seed))

    def sums_of(self, token_ids, segment_ids, seed, part: int = 0) -> dict[str, Any]:
        """One batch through both networks: what `output_of` takes, float32 scalars.

        token_ids, segment_ids int32 [batch, length]; seed int scalar; part: which share of a larger
        batch this is (see `shares`), whose sums are to be added up. Reads as the paper: hide
        tokens, let the generator fill them in, sample from it, let the discriminator tell which
        were replaced.
        """
        assert self.generator is not None and self.generator_head is not None
        seeds = SeedStream(seed, part)
        masked = mask_tokens(token_ids, self.pretrain.mask_fraction, seeds)

        hidden = self.generator(masked.token_ids, segment_ids=segment_ids, seeds=seeds)
        hidden = tf.gather(hidden, masked.positions, batch_dims=1)  # [batch, count, width]
        vectors = self.generator_head(hidden)
        flat = tf.reshape(vectors, [-1, vectors.shape[-1]])
        targets = tf.reshape(masked.targets, [-1])
        weights = tf.reshape(masked.weights, [-1])
        table, bias = self.embedding.table.value, self.generator_head.bias.value
        loss, _, hits = vocabulary_cross_entropy(flat, table, bias, targets, weights)

        logits = tf.cast(product(flat, table, transposed=True), tf.float32) + bias
        sampled = sample_tokens(logits, self.pretrain.temperature, seeds)
        corrupted, labels = corrupt(
            token_ids, masked, tf.reshape(sampled, tf.shape(masked.targets))
        )
        return {
            "generator_loss": loss,
            "hits": hits,
            "masked": tf.reduce_sum(weights),
            **self._told(token_ids, corrupted, labels, segment_ids, seeds),
        }

    def sums_on(
        self, token_ids, replaced_token_ids, segment_ids, seed, part: int = 0
    ) -> dict[str, Any]:
        """One batch whose replacements were made beforehand, through the discriminator alone: what
        `output_of` takes.

        token_ids, replaced_token_ids, segment_ids int32 [batch, length]; seed int scalar; part as
        of `sums_of`. A token is an original where the first two agree (Dong et al. 2023,
        arXiv:2310.07347).
        """
        labels = tf.cast(tf.not_equal(replaced_token_ids, token_ids), tf.int32)
        seeds = SeedStream(seed, part)
        return self._told(token_ids, replaced_token_ids, labels, segment_ids, seeds)

    def _told(self, token_ids, corrupted, labels, segment_ids, seeds) -> dict[str, Any]:
        """What the discriminator says of corrupted tokens against their labels, as sums."""
        encoded = self.encoder(corrupted, segment_ids=segment_ids, seeds=seeds)
        replaced_logits = self.discriminator_head(encoded)
        real = _real(token_ids)
        said = tf.cast(replaced_logits > 0.0, tf.float32) * real
        replaced = tf.cast(labels, tf.float32)
        return {
            "discriminator_loss": replaced_token_loss(replaced_logits, labels, real),
            "real": tf.reduce_sum(real),
            "said": tf.reduce_sum(said),
            "found": tf.reduce_sum(said * replaced),
            "wrong": tf.reduce_sum(tf.abs(said - replaced) * real),
            "replaced": tf.reduce_sum(replaced),
        }

    def counts_of(self, token_ids) -> dict[str, Any]:
        """Those of the sums that the losses are divided by; the tokens int32 [batch, length] alone
        decide them."""
        counts: dict[str, Any] = {"real": tf.reduce_sum(_real(token_ids))}
        if self.generator is not None:
            masked = hidden_counts(token_ids, self.pretrain.mask_fraction)
            counts["masked"] = tf.reduce_sum(masked)
        return counts

    def output_of(self, sums: dict[str, Any]) -> DiscriminatorOutput:
        """Sums over a batch -> means over its tokens, and the two losses weighed; with what the
        generator did where there is one."""
        real = tf.maximum(sums["real"], 1.0)
        told = {
            "discriminator_loss": sums["discriminator_loss"] / real,
            "discriminator_accuracy": 1.0 - sums["wrong"] / real,
            "discriminator_precision": sums["found"] / tf.maximum(sums["said"], 1.0),
            "discriminator_recall": sums["found"] / tf.maximum(sums["replaced"], 1.0),
            "replaced_share": sums["replaced"] / real,
        }
        loss = self.pretrain.discriminator_weight * told["discriminator_loss"]
        if "masked" not in sums:
            return DiscriminatorOutput(loss=loss, **told)
        masked = tf.maximum(sums["masked"], 1.0)
        generator_loss = sums["generator_loss"] / masked
        return PretrainingOutput(
            loss=generator_loss + loss,
            generator_loss=generator_loss,
            generator_accuracy=sums["hits"] / masked,
            **told,
        )


def _real(token_ids):
    """1 where a token is no padding: float32 [batch, length]."""
    return tf.cast(tf.not_equal(token_ids, 0), tf.float32)
