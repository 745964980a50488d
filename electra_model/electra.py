"""Electra: an encoder-decoder for translation, summarisation and generation.

Four steps: the input is split into parts (by the tokenizer, before this), attention scores relate
the parts, the representations are weighted by those scores and transformed, and the output is
generated from the result. The encoder can start from the discriminator of `pretraining`.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from electra_model import masks, randomness
from electra_model.config import ModelConfig
from electra_model.decoder import Decoder
from electra_model.embeddings import TokenEmbedding
from electra_model.encoder import Encoder
from electra_model.heads import VocabularyHead
from electra_model.initialization import initialize
from electra_model.layers import EPSILON
from electra_model.scoring import BLOCK


class Electra(keras.Model):
    """Encoder-decoder Transformer (Vaswani et al. 2017).

    Inputs: a pair, or a dict with `encoder_token_ids` int [batch, source_length] and
    `decoder_token_ids` int [batch, target_length] (the target shifted right, beginning with the
    start token); 0 is padding. Where rows hold several pairs, the dict also has
    `encoder_segment_ids` and `decoder_segment_ids` of the same shapes, which number the pairs of a
    row from 1, 0 for padding: each pair then is what it would be alone, and its target begins with
    a start token of its own.
    Output: logits float [batch, target_length, target_vocab_size].

    Args:
      num_layers: encoder layers, and decoder layers unless `num_decoder_layers` is given.
      d_model: width of the representations.
      num_heads: attention heads.
      dff: inner width of the feed-forward blocks.
      input_vocab_size, target_vocab_size: sizes of the vocabularies, special tokens included.
      position_encoding_input, position_encoding_target: a name ("sinusoidal", "learned",
        "rotary"), a layer or a callable that maps positions int [1, length] to vectors [1, length,
        d_model] (of the embeddings' width with `embedding_norm`).
      dropout: share dropped while training.
      tie_embeddings: one table for source, target and output; needs equal vocabularies. None: when
        they are equal.
      embedding_dim: width of the tables, d_model without it. Narrower ones are projected to
        d_model, and representations back to them before the logits (Lan et al. 2020, section 3.1).
      scale_embeddings, embedding_norm, final_norm, norm_epsilon: what published networks do
        differently (see `config.ModelConfig`).

    Example:
      >>> model = Electra(2, 64, 4, 256, 1000, 1000, "sinusoidal", "sinusoidal")
      >>> logits, scores = model((source, target), return_attention=True)
    """

    def __init__(
        self,
        num_layers,
        d_model,
        num_heads,
        dff,
        input_vocab_size,
        target_vocab_size,
        position_encoding_input,
        position_encoding_target,
        dropout=0.1,
        *,
        num_decoder_layers=None,
        activation="relu",
        norm="pre",
        tie_embeddings=None,
        max_length=512,
        embedding_dim=None,
        scale_embeddings=True,
        embedding_norm=False,
        final_norm=True,
        norm_epsilon=EPSILON,
        seed=0,
        name="electra",
    ):
        super().__init__(name=name)
        if tie_embeddings is None:
            tie_embeddings = input_vocab_size == target_vocab_size
        if tie_embeddings and input_vocab_size != target_vocab_size:
            raise ValueError(
                "tie_embeddings needs equal vocabularies: got "
                f"input_vocab_size {input_vocab_size} and target_vocab_size {target_vocab_size}"
            )
        self.num_layers = num_layers
        self.num_decoder_layers = num_decoder_layers or num_layers
        self.d_model = d_model
        self.num_heads = num_heads
        self.dff = dff
        self.input_vocab_size = input_vocab_size
        self.target_vocab_size = target_vocab_size
        self.position_encoding_input = position_encoding_input
        self.position_encoding_target = position_encoding_target
        self.dropout = dropout
        self.activation = activation
        self.norm = norm
        self.tie_embeddings = tie_embeddings
        self.max_length = max_length
        self.embedding_dim = embedding_dim or d_model
        self.scale_embeddings = scale_embeddings
        self.embedding_norm = embedding_norm
        self.final_norm = final_norm
        self.norm_epsilon = norm_epsilon
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

        width = self.embedding_dim
        self.embedding = TokenEmbedding(input_vocab_size, width, scale_embeddings, name="embedding")
        self.target_embedding = self.embedding
        if not tie_embeddings:
            self.target_embedding = TokenEmbedding(
                target_vocab_size, width, scale_embeddings, name="target_embedding"
            )
        shared: dict[str, Any] = dict(
            dropout=dropout,
            activation=activation,
            norm=norm,
            max_length=max_length,
            embedding_norm=embedding_norm,
            final_norm=final_norm,
            norm_epsilon=norm_epsilon,
        )
        self.encoder = Encoder(
            num_layers,
            d_model,
            num_heads,
            dff,
            self.embedding,
            position_encoding_input,
            name="encoder",
            **shared,
        )
        self.decoder = Decoder(
            self.num_decoder_layers,
            d_model,
            num_heads,
            dff,
            self.target_embedding,
            position_encoding_target,
            name="decoder",
            **shared,
        )
        self.vocabulary_head = VocabularyHead(
            target_vocab_size, d_model, width, name="vocabulary_head"
        )
        for part in (self.encoder, self.decoder, self.vocabulary_head):
            part.build()
        self.built = True
        initialize(self, seed)

    @classmethod
    def from_config_and_vocabulary(
        cls,
        config: ModelConfig,
        vocabulary_size: int,
        seed: int = 0,
        target_vocabulary_size: int | None = None,
    ):
        """The model that a job file describes.

        `vocabulary_size` is that of both sides; of the source where `target_vocabulary_size` is
        given. Then no table is shared across the sides, whatever their sizes and
        `config.tie_embeddings`: equal ids are not equal pieces. The target's is the output's too.
        """
        joint = target_vocabulary_size is None
        sizes = config.sizes()
        return cls(
            sizes["num_layers"],
            sizes["d_model"],
            sizes["num_heads"],
            sizes["dff"],
            vocabulary_size,
            vocabulary_size if joint else target_vocabulary_size,
            config.position_encoding,
            config.position_encoding,
            config.dropout,
            num_decoder_layers=sizes["num_decoder_layers"],
            activation=config.activation,
            norm=config.norm,
            tie_embeddings=config.tie_embeddings and joint,
            max_length=config.max_length,
            embedding_dim=config.embedding_width,
            scale_embeddings=config.scale_embeddings,
            embedding_norm=config.embedding_norm,
            final_norm=config.final_norm,
            norm_epsilon=config.norm_epsilon,
            seed=seed,
        )

    def call(self, inputs, training=False, return_attention=False, seed=None):
        """Logits, and with `return_attention` also the attention scores of every layer.

        The scores are a dict of lists with the keys `encoder`, `decoder_self` and `decoder_cross`,
        each entry [batch, heads, query_length, key_length]. seed: integer that decides dropout
        while training; without one a counter of the model's own is used.
        """
        source, target, *segments = _parts(inputs)
        hidden, scores = self.hidden(source, target, training, seed, *segments)
        logits = self.logits(hidden)
        return (logits, scores) if return_attention else logits

    def hidden(
        self,
        encoder_token_ids,
        decoder_token_ids,
        training=False,
        seed=None,
        encoder_segment_ids=None,
        decoder_segment_ids=None,
        *,
        part=0,
    ):
        """What `logits` takes, float [batch, target_length, d_model], and all attention scores.

        part: which share of a larger batch this is (see `shares`); dropout is that of its rows.
        """
        seeds = None
        if training:
            if seed is None:
                seed = ops.sum(self.seed_generator.next())
            seeds = randomness.SeedStream(seed, part)
        memory, encoder_scores = self.encoder(
            encoder_token_ids, encoder_segment_ids, seeds=seeds, return_scores=True
        )
        hidden, self_scores, cross_scores = self.decoder(
            decoder_token_ids,
            memory,
            masks.padding_mask(encoder_token_ids),
            seeds=seeds,
            return_scores=True,
            segment_ids=decoder_segment_ids,
            memory_segment_ids=encoder_segment_ids,
        )
        scores = {
            "encoder": encoder_scores,
            "decoder_self": self_scores,
            "decoder_cross": cross_scores,
        }
        return hidden, scores

    def logits(self, hidden):
        """[..., d_model] -> [..., target_vocab_size], by the target embedding's own table."""
        return self.vocabulary_head(hidden, self.target_embedding.table)

    def logits_in_loops(self, never: Sequence[int]):
        """A function as `logits`, for decoding: what a loop need not make again is made here. There
        are some columns more than the vocabulary has; the logits of these and of the tokens `never`
        are so low that they have no probability.
        """
        size = self.target_vocab_size
        missing = -size % BLOCK
        rows = tf.pad(tf.convert_to_tensor(self.target_embedding.table), [[0, missing], [0, 0]])
        lowered = tf.reduce_sum(tf.one_hot(never, size, -1e9, 0.0), axis=0)
        bias = tf.pad(self.vocabulary_head.bias + lowered, [[0, missing]], constant_values=-1e9)
        return lambda hidden: self.vocabulary_head.compared(hidden, rows, bias)

    def get_config(self):
        """The constructor's arguments."""
        return dict(
            num_layers=self.num_layers,
            d_model=self.d_model,
            num_heads=self.num_heads,
            dff=self.dff,
            input_vocab_size=self.input_vocab_size,
            target_vocab_size=self.target_vocab_size,
            position_encoding_input=self.position_encoding_input,
            position_encoding_target=self.position_encoding_target,
            dropout=self.dropout,
            num_decoder_layers=self.num_decoder_layers,
            activation=self.activation,
            norm=self.norm,
            tie_embeddings=self.tie_embeddings,
            max_length=self.max_length,
            embedding_dim=self.embedding_dim,
            scale_embeddings=self.scale_embeddings,
            embedding_norm=self.embedding_norm,
            final_norm=self.final_norm,
            norm_epsilon=self.norm_epsilon,
            seed=self.seed,
            name=self.name,
        )


def _parts(inputs):
    """Source and target, and where pairs are packed their segments, or None twice."""
    if isinstance(inputs, dict):
        source, target = inputs["encoder_token_ids"], inputs["decoder_token_ids"]
        segments = inputs.get("encoder_segment_ids"), inputs.get("decoder_segment_ids")
        if sum(ids is None for ids in segments) == 1:
            raise ValueError("segments are those of both sides, or there are none")
        return source, target, *segments
    source, target = inputs
    return source, target, None, None
