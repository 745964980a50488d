"""Attention rollout (Abnar and Zuidema 2020, arXiv:2005.00928, section 3): the share of each input
in what every position holds after each layer, from attention scores alone.

Half of what a position holds after a sub-block came through its attention, half past it over the
residual connection: A = 0.5 W + 0.5 I with W the scores averaged over the heads, rows normalised,
and what arrives after layer n is A_n ... A_1. The paper is about encoders; `decoder_rollout` takes
the same step at each of a decoder's two attentions.

The residual connection passes x itself by the sub-block, whether normalisation stands before the
attention (norm="pre") or after the sum (norm="post"): in both, what passes by counts as the
identity. Normalisation and feed-forward work on each position alone and are left out.

Arrays are NumPy's; `...` in a shape is any leading axes, mostly the batch, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def rollout(scores: Sequence[Any], real: Any = None) -> np.ndarray:
    """The share of each position's input in what every position holds after each layer.

    Args:
      scores: of the self-attention of each layer, from the first on, as `Electra` gives them with
        `return_attention`: float [..., heads, length, length].
      real: bool [..., length], True = real token; all are without it.

    Returns:
      float64 [layers, ..., length, length]; [n, ..., i, j] is what reaches i from j through the
      layers up to n. Rows sum to 1. Padding gets nothing and gives nothing: its rows and columns
      are 0.

    Raises:
      ValueError: there is no layer, or one is not square or not like the first.
    """
    layers = _stacked("scores", scores)
    length = layers.shape[-1]
    if layers.shape[-2] != length:
        raise ValueError(
            f"scores of self-attention are square: got {layers.shape[-2]} by {length} positions"
        )
    real = _real("real", real, length)
    flows, flow = [], np.eye(length)
    for layer in layers:
        attended, kept = _with_residual(layer, real, real)
        flow = attended @ flow + kept[..., None] * flow
        flows.append(flow)
    return np.stack(flows)


def decoder_rollout(
    self_scores: Sequence[Any],
    cross_scores: Sequence[Any],
    memory_flow: Any,
    real: Any = None,
    memory_real: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The shares of source and target in what every position of the decoder holds after each layer.

    A decoder's block has two attentions, each with its residual connection: half of what its
    self-attention leaves comes from positions of the target so far, then half of all comes from the
    encoder's outputs, and so from the source as `memory_flow` says.

    Args:
      self_scores: of each layer, float [..., heads, target, target].
      cross_scores: of each layer, float [..., heads, target, source].
      memory_flow: float [..., source, source], the last layer of the encoder's `rollout`.
      real: bool [..., target], memory_real: bool [..., source], True = real token.

    Returns:
      float64 [layers, ..., target, source] and [layers, ..., target, target]: what reaches each
      position from the source and from the target up to it, its start token included. Rows of both
      together sum to 1; those of padding are 0, and so are its columns. How that 1 is divided
      between the two sides is not measured: the target has 0.5 ** n of it after n layers, by the
      halves alone.

    Raises:
      ValueError: there is no layer, or shapes do not fit.
    """
    selves, crosses = _stacked("self_scores", self_scores), _stacked("cross_scores", cross_scores)
    memory_flow = np.asarray(memory_flow, np.float64)
    target, source = crosses.shape[-2:]
    if selves.shape[-2:] != (target, target) or len(selves) != len(crosses):
        raise ValueError(
            f"self_scores are of {len(selves)} layers, {selves.shape[-2]} by {selves.shape[-1]} "
            f"positions; with cross_scores of {len(crosses)} layers, {target} by {source}, they "
            f"must be of {len(crosses)} layers, {target} by {target}"
        )
    if memory_flow.shape[-2:] != (source, source):
        raise ValueError(f"memory_flow must end in {source} by {source}: got {memory_flow.shape}")
    real, memory_real = _real("real", real, target), _real("memory_real", memory_real, source)
    from_source, from_target = np.zeros((target, source)), np.eye(target)
    sources, targets = [], []
    for self_layer, cross_layer in zip(selves, crosses, strict=True):
        attended, kept = _with_residual(self_layer, real, real)
        from_source = attended @ from_source + kept[..., None] * from_source
        from_target = attended @ from_target + kept[..., None] * from_target
        attended, kept = _with_residual(cross_layer, real, memory_real)
        from_source = attended @ memory_flow + kept[..., None] * from_source
        from_target = kept[..., None] * from_target
        sources.append(from_source)
        targets.append(from_target)
    return np.stack(sources), np.stack(targets)


def _with_residual(scores, real, key_real):
    """Attention and residual connection of a sub-block, half each, each row normalised to 1.

    scores [..., heads, query, key]; real bool [..., query]; key_real bool [..., key]. Returns the
    share of each key [..., query, key], and of what was there before [..., query].
    """
    attended = 0.5 * scores.mean(axis=-3) * (real[..., :, None] & key_real[..., None, :])
    kept = 0.5 * np.broadcast_to(real, attended.shape[:-1])
    total = attended.sum(axis=-1) + kept
    total = np.where(total > 0, total, 1.0)
    return attended / total[..., None], kept / total


def _stacked(name: str, scores: Sequence[Any]) -> np.ndarray:
    """float64 [layers, ..., heads, query, key]."""
    layers = [np.asarray(layer, np.float64) for layer in scores]
    shapes = {layer.shape for layer in layers}
    if len(shapes) != 1 or layers[0].ndim < 3:
        raise ValueError(
            f"{name} must be of at least one layer, all of one shape [..., heads, query, key]: "
            f"got {sorted(shapes)}"
        )
    return np.stack(layers)


def _real(name: str, real: Any, length: int) -> np.ndarray:
    given = np.ones(length, bool) if real is None else np.asarray(real, bool)
    if given.shape[-1:] != (length,):
        raise ValueError(f"{name} must end in {length} positions: got {given.shape}")
    return given
