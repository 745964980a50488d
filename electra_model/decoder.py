"""The decoder: embedding, positions, dropout, blocks over the encoder's output.

It takes whole sequences, or one position at a time with what earlier positions left in a cache.
"""

from keras import ops

from electra_model import masks
from electra_model.encoder import segment_starts
from electra_model.layers import DecoderBlock
from electra_model.stack import Stack


class Decoder(Stack):
    """The target so far and the memory -> representations of what comes next.

    token_ids int [batch, target_length], memory [batch, source_length, d_model] -> [batch,
    target_length, d_model]. The arguments are those of `Stack`.
    """

    block = DecoderBlock

    def start(
        self,
        token_ids,
        memory_padding_mask,
        segment_ids=None,
        memory_segment_ids=None,
        seeds=None,
    ):
        """What the first block takes, arguments as of `call`: x float [batch, target_length,
        d_model], the masks of self-attention and of attention over the memory, and the rotation."""
        length = ops.shape(token_ids)[1]
        positions = ops.expand_dims(ops.arange(length), 0)
        if segment_ids is None:
            seen = masks.attend_to_real(masks.padding_mask(token_ids))
            memory_mask = masks.attend_to_real(memory_padding_mask)
        else:
            seen = masks.same_segment(segment_ids)
            memory_mask = masks.same_segment(segment_ids, memory_segment_ids)
            positions = positions - segment_starts(segment_ids)
        x, rotation = self.embed(token_ids, positions, seeds)
        mask = ops.logical_and(masks.causal(length), seen)
        return x, mask, memory_mask, rotation

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
        x, mask, memory_mask, rotation = self.start(
            token_ids, memory_padding_mask, segment_ids, memory_segment_ids, seeds
        )
        self_scores, cross_scores = [], []
        for block in self.blocks:
            x, self_alpha, cross_alpha = block(
                x, memory, mask, memory_mask, seeds=seeds, return_scores=True, rotation=rotation
            )
            self_scores.append(self_alpha)
            cross_scores.append(cross_alpha)
        x = self.finish(x)
        return (x, self_scores, cross_scores) if return_scores else x

    def memory_cache(self, memory):
        """Keys and values of the memory for every block, computed once per sentence: each [batch,
        heads, source_length, head_dim]."""
        return [
            block.cross_attention.project_memory(memory, heads_first=True) for block in self.blocks
        ]

    def wide_layers(self):
        """Those of a step that make many columns of few."""
        found = [
            layer
            for block in self.blocks
            for layer in (
                block.self_attention.key_value_dense,
                block.feed_forward.inner_dense,
                block.feed_forward.gate_dense,
            )
        ]
        return [layer for layer in found if layer is not None]

    def empty_memory(self, batch, source_length):
        """Zeros of the shape of `memory_cache`."""
        shape = (batch, self.num_heads, source_length, self.d_model // self.num_heads)
        return [(ops.zeros(shape), ops.zeros(shape)) for _ in self.blocks]

    def empty_cache(self, batch, beam, max_length):
        """Zeroed keys and values of every block (see `DecoderBlock.empty_cache`)."""
        return [block.empty_cache(batch, beam, max_length) for block in self.blocks]

    def step(self, token_ids, position, cache, memory_cache, ancestors, memory_padding_mask):
        """One position of several hypotheses of each sentence.

        token_ids int [batch, beam], the tokens at each sentence's `position` int [batch];
        ancestors int [batch, beam, max_length]: in which place of the beam each earlier position of
        a hypothesis was computed -> representations [batch, beam, d_model] and the cache. See
        `DecoderBlock.step` for the caches.
        """
        x, rotation = self.embed(token_ids, ops.expand_dims(position, 1))
        seen = masks.ancestors(ancestors, position)
        memory_mask = masks.attend_to_real(memory_padding_mask)
        filled = []
        for block, block_cache, block_memory in zip(self.blocks, cache, memory_cache, strict=True):
            x, block_cache = block.step(
                x, position, block_cache, block_memory, seen, memory_mask, rotation
            )
            filled.append(block_cache)
        return self.finish(x), filled
