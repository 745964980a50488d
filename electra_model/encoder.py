"""The encoder: embedding, positions, dropout, blocks.

It is also the body of the generator and of the discriminator (see `pretraining`).
"""

import keras
from keras import ops

from electra_model import masks, randomness
from electra_model.config import ModelConfig
from electra_model.embeddings import position_encoding as resolve_position_encoding
from electra_model.layers import EncoderBlock, layer_norm


def encoder_of(config: ModelConfig, embedding, name, *, d_model=None, num_heads=None, dff=None):
    """An encoder as a job file describes it, not built yet; narrower where the widths say so."""
    sizes = config.sizes()
    return Encoder(
        sizes["num_layers"],
        d_model or sizes["d_model"],
        num_heads or sizes["num_heads"],
        dff or sizes["dff"],
        embedding,
        config.position_encoding,
        name=name,
        dropout=config.dropout,
        activation=config.activation,
        norm=config.norm,
        max_length=config.max_length,
    )


class Encoder(keras.layers.Layer):
    """token_ids int [batch, length] -> representations [batch, length, d_model].

    Args:
      num_layers, d_model, num_heads, dff: sizes.
      embedding: a `TokenEmbedding`, shared by whoever passes it on.
      position_encoding: a name, a layer or a callable (see `embeddings`).
      max_length: longest sequence; bounds the position tables.
    """

    def __init__(
        self,
        num_layers,
        d_model,
        num_heads,
        dff,
        embedding,
        position_encoding="sinusoidal",
        dropout=0.1,
        activation="relu",
        norm="pre",
        max_length=512,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.d_model = d_model
        self.num_heads = num_heads
        self.dff = dff
        self.dropout = dropout
        self.activation = activation
        self.norm = norm
        self.max_length = max_length
        self.embedding = embedding
        self.position_encoding = resolve_position_encoding(
            position_encoding, d_model, max_length, f"{self.name}_positions"
        )
        # Embeddings of another width are projected first (Clark et al. 2020, section 3.2).
        self.projection = None
        if embedding.d_model != d_model:
            self.projection = keras.layers.Dense(d_model, name="projection")
        self.blocks = [
            EncoderBlock(d_model, num_heads, dff, dropout, activation, norm, name=f"block_{i}")
            for i in range(num_layers)
        ]
        self.final_norm = layer_norm("final_norm")

    def build(self, *_, **__):
        """Creates all weights."""
        if self.projection is not None:
            self.projection.build((None, None, self.embedding.d_model))
        for block in self.blocks:
            block.build()
        self.final_norm.build((None, None, self.d_model))
        self.built = True

    def call(self, token_ids, segment_ids=None, seeds=None, return_scores=False):
        """Represents each token by the text around it.

        segment_ids int [batch, length], where windows hold several texts: each then sees itself
        only and has positions of its own. seeds: a `SeedStream` while training. Returns [batch,
        length, d_model], and with `return_scores` a list of attention scores [batch, heads, length,
        length], one per block.
        """
        x = self.embedding(token_ids)
        if self.projection is not None:
            x = self.projection(x)
        positions = ops.expand_dims(ops.arange(ops.shape(token_ids)[1]), 0)
        if segment_ids is None:
            mask = masks.attend_to_real(masks.padding_mask(token_ids))
        else:
            mask = masks.same_segment(segment_ids)
            positions = positions - segment_starts(segment_ids)
        x = x + ops.cast(self.position_encoding(positions), x.dtype)
        x = randomness.dropout(x, self.dropout, seeds)
        scores = []
        for block in self.blocks:
            x, alpha = block(x, mask, seeds=seeds, return_scores=True)
            scores.append(alpha)
        x = self.final_norm(x)
        return (x, scores) if return_scores else x

    def get_config(self):
        """The constructor's arguments; embedding and positions are the layers themselves."""
        return super().get_config() | dict(
            num_layers=self.num_layers,
            d_model=self.d_model,
            num_heads=self.num_heads,
            dff=self.dff,
            embedding=self.embedding,
            position_encoding=self.position_encoding,
            dropout=self.dropout,
            activation=self.activation,
            norm=self.norm,
            max_length=self.max_length,
        )


def segment_starts(segment_ids):
    """int [batch, length] -> int32 [batch, length]: where the segment of each position begins.

    [1, 1, 2, 2, 2, 0] -> [0, 0, 2, 2, 2, 5]. Compares all pairs: windows are short, and this needs
    no scan.
    """
    length = ops.shape(segment_ids)[1]
    same = ops.equal(ops.expand_dims(segment_ids, 2), ops.expand_dims(segment_ids, 1))
    positions = ops.arange(length, dtype="int32")
    return ops.min(ops.where(same, positions[None, None, :], length), axis=2)
