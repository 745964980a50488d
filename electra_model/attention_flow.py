"""How much of each source piece reaches each output through the attention, layer by layer.

The attention scores are the field in which information moves; the values, weighted by them, are the
current that flows in it. Both can be read off any layer of a network:

* The field, followed through all layers: attention rollout (see `rollout`).
* The current in one layer: the attention weighs transformed vectors, and a large weight on a short
  vector moves little. ||sum_h alpha_ij^h f^h(x_j)||, with f^h(x) = (x W_V^h + b_V^h) W_O^h for each
  head h, says how much i takes from j (Kobayashi et al. 2020, arXiv:2004.10102).

x in f(x) is the input of the attention: normalised with norm="pre", as the block got it with
norm="post"; of cross-attention the encoder's output in both. What passes the attention by, over the
residual connection, is not in it.

`...` in a shape is any leading axes, mostly the batch, or none.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from electra_model import masks
from electra_model.attention import MultiHeadAttention
from electra_model.electra import Electra
from electra_model.rollout import decoder_rollout, rollout


def transformed_values(attention: MultiHeadAttention, memory: Any) -> np.ndarray:
    """f(x) of every head: what a position offers, as it would arrive with attention score 1.

    memory float [batch, length, d_model], the very input of the attention. Returns float32 [batch,
    length, heads, d_model]. The bias of the output projection is left out: no position offers it.
    """
    values = np.asarray(attention.project_memory(memory)[1], np.float32)
    kernel = np.asarray(attention.output_dense.kernel, np.float32)
    by_head = kernel.reshape(attention.num_heads, attention.head_dim, attention.d_model)
    return np.einsum("bkhd,hde->bkhe", values, by_head, optimize=True)


@dataclasses.dataclass(frozen=True)
class AttentionLayer:
    """One attention of a network for given tokens: S = sum_i alpha_i * s_i, with all that is in it.

    Attributes:
      scores: alpha, float32 [..., heads, query_length, key_length]; 0 from and to padding.
      values: s, float32 [..., key_length, heads, d_model], transformed for every head (see
        `transformed_values`).
      bias: float32 [d_model], of the output projection.
    """

    scores: np.ndarray
    values: np.ndarray
    bias: np.ndarray

    def output(self) -> np.ndarray:
        """S and the bias: what the attention adds to each position, float32 [..., query_length,
        d_model]. Padding gets the bias alone."""
        summed = np.einsum("...hqk,...khd->...qd", self.scores, self.values, optimize=True)
        return summed + self.bias

    def norms(self) -> np.ndarray:
        """||sum_h alpha_ij^h f^h(x_j)||, float32 [..., query_length, key_length]; 0 from and to
        padding."""
        # One query after the other: all vectors at once would be query times key times d_model.
        rows = [
            np.linalg.norm(
                np.einsum("...hk,...khd->...kd", self.scores[..., query, :], self.values), axis=-1
            )
            for query in range(self.scores.shape[-2])
        ]
        return np.stack(rows, axis=-2)

    def shares(self) -> np.ndarray:
        """`norms`, each row divided by its sum, so that it compares with a row of scores."""
        return _normalised(self.norms())


@dataclasses.dataclass(frozen=True)
class Flow:
    """What flows through an `Electra` for given tokens. Shapes are without [batch] for a sentence.

    Attributes:
      encoder: float32 [layers, batch, source, source], from each input position into each position
        of the encoder, after each layer (see `rollout`).
      from_source: float32 [layers, batch, target, source], from each input position into each
        position of the decoder, after each layer (see `decoder_rollout`); the last layer is what
        the outputs are made of.
      from_target: float32 [layers, batch, target, target], the rest: from the target so far.
      encoder_layers, decoder_layers, cross_layers: an `AttentionLayer` for each layer.
    """

    encoder: np.ndarray
    from_source: np.ndarray
    from_target: np.ndarray
    encoder_layers: list[AttentionLayer]
    decoder_layers: list[AttentionLayer]
    cross_layers: list[AttentionLayer]

    def row(self, index: int) -> Flow:
        """The flows of one row of the batch; the shapes lose [batch]."""

        def layers(batched: list[AttentionLayer]) -> list[AttentionLayer]:
            return [
                AttentionLayer(one.scores[index], one.values[index], one.bias) for one in batched
            ]

        return Flow(
            self.encoder[:, index],
            self.from_source[:, index],
            self.from_target[:, index],
            layers(self.encoder_layers),
            layers(self.decoder_layers),
            layers(self.cross_layers),
        )


def flow(
    model: Electra,
    encoder_token_ids: Any,
    decoder_token_ids: Any,
    encoder_segment_ids: Any = None,
    decoder_segment_ids: Any = None,
) -> Flow:
    """The flows in all layers of a model.

    Args:
      model: with any kind of positions and normalisation; nothing is dropped out.
      encoder_token_ids: int [batch, source], or [source] of one sentence; 0 is padding.
      decoder_token_ids: int [batch, target] or [target], the target shifted right: position t holds
        what was written before output t, from the start token on.
      encoder_segment_ids, decoder_segment_ids: the shapes of the ids, where rows hold several pairs
        (see `Electra`): nothing flows from one pair into another.

    Raises:
      ValueError: ids that the model cannot take, which are named.
    """
    single = np.ndim(encoder_token_ids) == 1
    source = _ids("encoder_token_ids", encoder_token_ids, model.input_vocab_size, model)
    target = _ids("decoder_token_ids", decoder_token_ids, model.target_vocab_size, model)
    segments = [
        None if ids is None else np.atleast_2d(np.asarray(ids, np.int32))
        for ids in (encoder_segment_ids, decoder_segment_ids)
    ]
    if [one if one is None else one.shape for one in segments] not in (
        [None, None],
        [source.shape, target.shape],
    ):
        raise ValueError("segment ids are those of both sides, of the shapes of the token ids")
    if len(source) != len(target) or single != (np.ndim(decoder_token_ids) == 1):
        raise ValueError(
            "source and target are as many rows: got token ids of the shapes "
            f"{np.shape(encoder_token_ids)} and {np.shape(decoder_token_ids)}"
        )
    source_real, target_real = (
        np.asarray(ids if segment is None else segment) != 0
        for ids, segment in zip((source, target), segments, strict=True)
    )
    encoder_layers, memory = _through_encoder(model.encoder, source, segments[0], source_real)
    decoder_layers, cross_layers = _through_decoder(
        model.decoder, target, memory, source, segments, target_real, source_real
    )
    encoder = rollout([layer.scores for layer in encoder_layers], source_real)
    from_source, from_target = decoder_rollout(
        [layer.scores for layer in decoder_layers],
        [layer.scores for layer in cross_layers],
        encoder[-1],
        target_real,
        source_real,
    )
    flows = Flow(
        encoder.astype(np.float32),
        from_source.astype(np.float32),
        from_target.astype(np.float32),
        encoder_layers,
        decoder_layers,
        cross_layers,
    )
    return flows.row(0) if single else flows


def _through_encoder(encoder, token_ids, segment_ids, real):
    """The attention of each block, and the encoder's output."""
    x, mask, rotation = encoder.start(token_ids, segment_ids)
    layers = []
    for block in encoder.blocks:
        values = transformed_values(
            block.self_attention, block.before(block.self_attention_norm, x)
        )
        x, scores = block(x, mask, return_scores=True, rotation=rotation)
        layers.append(_layer(block.self_attention, scores, values, real, real))
    return layers, encoder.finish(x)


def _through_decoder(decoder, token_ids, memory, memory_ids, segments, real, memory_real):
    """The self-attention and the cross-attention of each block."""
    memory_segments, target_segments = segments
    x, mask, memory_mask, rotation = decoder.start(
        token_ids, masks.padding_mask(memory_ids), target_segments, memory_segments
    )
    layers, cross_layers = [], []
    for block in decoder.blocks:
        values = transformed_values(
            block.self_attention, block.before(block.self_attention_norm, x)
        )
        offered = transformed_values(block.cross_attention, memory)
        x, scores, cross_scores = block(
            x, memory, mask, memory_mask, return_scores=True, rotation=rotation
        )
        layers.append(_layer(block.self_attention, scores, values, real, real))
        cross_layers.append(_layer(block.cross_attention, cross_scores, offered, real, memory_real))
    return layers, cross_layers


def _layer(attention, scores, values, real, key_real):
    """A padded position attends to something, for its row must sum to 1; nobody reads it."""
    both = real[:, None, :, None] & key_real[:, None, None, :]
    return AttentionLayer(
        np.where(both, np.asarray(scores, np.float32), np.float32(0)),
        values,
        np.asarray(attention.output_dense.bias, np.float32),
    )


def _normalised(rows):
    total = rows.sum(axis=-1, keepdims=True)
    return rows / np.where(total > 0, total, 1)


def _ids(name: str, token_ids: Any, vocabulary_size: int, model: Electra) -> np.ndarray:
    """int32 [batch, length], checked: out of range the network would read or give nonsense."""
    ids = np.asarray(token_ids)
    if ids.ndim not in (1, 2) or not ids.size or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"{name} must be integers [batch, length] or [length], at least one: got "
            f"{ids.dtype} {ids.shape}"
        )
    if ids.shape[-1] > model.max_length:
        raise ValueError(
            f"{name} has {ids.shape[-1]} positions; the model takes {model.max_length}"
        )
    if ids.min() < 0 or ids.max() >= vocabulary_size:
        raise ValueError(
            f"{name} must be from 0 to {vocabulary_size - 1}: got {ids.min()} to {ids.max()}"
        )
    return np.atleast_2d(ids).astype(np.int32)
