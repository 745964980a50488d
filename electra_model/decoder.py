"""The decoder: embedding, positions, dropout, blocks over the encoder's output.

It takes whole sequences, or one position at a time with what earlier positions left in a cache.
"""

import keras
from keras import ops

from electra_model import masks, randomness
from electra_model.embeddings import position_encoding as resolve_position_encoding
from electra_model.encoder import segment_starts
from electra_model.layers import DecoderBlock, layer_norm


class Decoder(keras.layers.Layer):
    """The target so far and the memory -> representations of what comes next.

    token_ids int [batch, target_length], memory [batch, source_length, d_model] -> [batch,
    target_length, d_model]. The arguments are those of `Encoder`.
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
        self.blocks = [
            DecoderBlock(d_model, num_heads, dff, dropout, activation, norm, name=f"block_{i}")
            for i in range(num_layers)
        ]
        self.final_norm = layer_norm("final_norm")

    def build(self, *_, **__):
        """Creates all weights."""
        for block in self.blocks:
            block.build()
        self.final_norm.build((None, None, self.d_model))
        self.built = True

    def embed(self, token_ids, positions, seeds=None):
        """token_ids int [batch, length], positions int [1 or batch, length] -> [batch, length,
        d_model]."""
        x = self.embedding(token_ids)
        x = x + ops.cast(self.position_encoding(positions), x.dtype)
        return randomness.dropout(x, self.dropout, seeds)

    def call(
        self,
        token_ids,
        memory,
        memory_padding_mask,
        seeds=None,
        return_scores=False,
        segment_ids=None,
        memory_segment_ids=None,
    ):
        """Whole sequences. memory_padding_mask bool [batch, source_length], True = real token.

        segment_ids int [batch, target_length] and memory_segment_ids int [batch, source_length],
        where rows hold several sequences: each then sees itself only, of the memory what has its
        own number, and has positions of its own.

        With `return_scores` also two lists of attention scores, one entry per block: of
        self-attention [batch, heads, target_length, target_length] and of cross-attention [batch,
        heads, target_length, source_length].
        """
        length = ops.shape(token_ids)[1]
        positions = ops.expand_dims(ops.arange(length), 0)
        if segment_ids is None:
            seen = masks.attend_to_real(masks.padding_mask(token_ids))
            memory_mask = masks.attend_to_real(memory_padding_mask)
        else:
            seen = masks.same_segment(segment_ids)
            memory_mask = masks.same_segment(segment_ids, memory_segment_ids)
            positions = positions - segment_starts(segment_ids)
        x = self.embed(token_ids, positions, seeds)
        mask = ops.logical_and(masks.causal(length), seen)
        self_scores, cross_scores = [], []
        for block in self.blocks:
            x, self_alpha, cross_alpha = block(
                x, memory, mask, memory_mask, seeds=seeds, return_scores=True
            )
            self_scores.append(self_alpha)
            cross_scores.append(cross_alpha)
        x = self.final_norm(x)
        return (x, self_scores, cross_scores) if return_scores else x

    def memory_cache(self, memory):
        """Keys and values of the memory for every block, computed once per sentence."""
        return [block.cross_attention.project_memory(memory) for block in self.blocks]

    def empty_cache(self, batch, beam, max_length):
        """Zeroed keys and values of every block: [batch, beam, max_length, heads, head_dim]."""
        shape = (batch, beam, max_length, self.num_heads, self.d_model // self.num_heads)
        return [(ops.zeros(shape), ops.zeros(shape)) for _ in self.blocks]

    def step(self, token_ids, position, cache, memory_cache, memory_padding_mask):
        """One position of several hypotheses of each sentence.

        token_ids int [batch, beam], the tokens at `position` int [] -> representations [batch,
        beam, d_model] and the cache. See `DecoderBlock.step` for the shapes of the caches.
        """
        x = self.embed(token_ids, ops.reshape(position, (1, 1)))
        filled = []
        for block, block_cache, block_memory in zip(self.blocks, cache, memory_cache, strict=True):
            x, block_cache = block.step(x, position, block_cache, block_memory, memory_padding_mask)
            filled.append(block_cache)
        return self.final_norm(x), filled

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
