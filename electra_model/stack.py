"""What the encoder and the decoder share: their settings, the way in, and the last normalisation.

The way in is the embedding, the positions and dropout. Published variants differ in it:

* Vaswani et al. 2017, section 3.4: embeddings, scaled, plus positions of width d_model.
* Devlin et al. 2019 and Clark et al. 2020: embeddings plus positions, both as wide as the
  embeddings, normalised (`embedding_norm`).

Embeddings of another width than d_model are projected to it (Clark et al. 2020, section 3.2; Lan et
al. 2020, section 3.1).
"""

from typing import Any

import keras
from keras import ops

from electra_model import randomness
from electra_model.embeddings import position_encoding as resolve_position_encoding
from electra_model.fusion import fused
from electra_model.layers import EPSILON, layer_norm, linear, normalized
from electra_model.rotary import RotaryPositions


class Stack(keras.layers.Layer):
    """Blocks of one kind over an embedding.

    Args:
      num_layers, d_model, num_heads, dff: sizes.
      embedding: a `TokenEmbedding`, shared by whoever passes it on.
      position_encoding: a name, a layer or a callable (see `embeddings`).
      dropout: share dropped while training. activation, norm: of the blocks (see `layers`).
      max_length: longest sequence; bounds the position tables.
      embedding_norm: normalises the sum of embeddings and positions, which then has the width of
        the embeddings.
      final_norm: normalises what the last block gives.
      norm_epsilon: added to variances by every normalisation.
    """

    block: Any  # the class of the blocks

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
        embedding_norm=False,
        final_norm=True,
        norm_epsilon=EPSILON,
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
        self.norm_epsilon = norm_epsilon
        self.embedding = embedding
        width = embedding.d_model if embedding_norm else d_model
        self.position_encoding = resolve_position_encoding(
            position_encoding, width, max_length, f"{self.name}_positions", d_model // num_heads
        )
        self.embedding_norm = None
        if embedding_norm:
            self.embedding_norm = layer_norm("embedding_norm", norm_epsilon)
        self.projection = None
        if embedding.d_model != d_model:
            self.projection = keras.layers.Dense(d_model, name="projection")
        self.blocks = [
            self.block(
                d_model, num_heads, dff, dropout, activation, norm, norm_epsilon, name=f"block_{i}"
            )
            for i in range(num_layers)
        ]
        self.final_norm = layer_norm("final_norm", norm_epsilon) if final_norm else None

    def build(self, *_, **__):
        """Creates all weights."""
        if self.embedding_norm is not None:
            self.embedding_norm.build((None, None, self.embedding.d_model))
        if self.projection is not None:
            self.projection.build((None, None, self.embedding.d_model))
        for block in self.blocks:
            block.build()
        if self.final_norm is not None:
            self.final_norm.build((None, None, self.d_model))
        self.built = True

    def embed(self, token_ids, positions, seeds=None):
        """What goes into the first block, and how its positions are turned.

        token_ids int [batch, length]; positions int [1 or batch, 1 or length]; seeds: a
        `SeedStream` while training. Returns float [batch, length, d_model], and the rotation that
        the blocks take: None unless positions are rotary.
        """
        x = self.embedding(token_ids)
        encoded = self.position_encoding(positions)
        rotation = None
        if isinstance(self.position_encoding, RotaryPositions):
            rotation, encoded = encoded, None
        rate, seed = randomness.draw(self.dropout, seeds)
        if self.embedding_norm is not None:
            x = normalized(self.embedding_norm, _placed(x, encoded, None, rate=0.0))
            return self._projected(_placed(x, None, seed, rate=rate)), rotation
        return _placed(self._projected(x), encoded, seed, rate=rate), rotation

    def _projected(self, x):
        return x if self.projection is None else linear(self.projection, x)

    def finish(self, x):
        """What the last block gave, normalised where `final_norm` says so; the same shape."""
        return x if self.final_norm is None else normalized(self.final_norm, x)

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
            embedding_norm=self.embedding_norm is not None,
            final_norm=self.final_norm is not None,
            norm_epsilon=self.norm_epsilon,
        )


@fused
def _placed(x, encoded, seed, *, rate):
    """Positions added, and dropout."""
    x = x if encoded is None else x + ops.cast(encoded, x.dtype)
    return randomness.dropped(x, rate, seed)
