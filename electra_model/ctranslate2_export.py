"""A trained model in the format of CTranslate2 (https://github.com/OpenNMT/CTranslate2).

    model.bin              weights and structure, and config.json, *_vocabulary.json: as that
                           library reads them
    spm.model              the tokenizer, or vocab.txt; two of them, in source/ and target/, where
                           each side has a vocabulary of its own
    model.json             the card of the model folder that it was made from, without the list of
                           weights, and with `format`

The library is an extra (`pip install 'electra-pipelines[ctranslate2]'`) and is imported when it is
needed.

What is computed is the same, in another order of sums. Three things have no counterpart there and
are folded into others: the projection of narrow embeddings on the encoder's side is multiplied into
the table; positions are written out as a table; keys and values, which are one matrix here, are one
with the queries in self-attention.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from electra_model.config import ModelConfig
from electra_model.ctranslate2_format import (
    FORMAT,
    check_convertible,
    check_installed,
    is_exported,
)
from electra_model.embeddings import SinusoidalPositions
from electra_model.errors import InputError
from electra_model.inference import LoadedModel
from electra_model.new_folder import new_folder
from electra_model.rotary import RotaryPositions
from electra_model.tokenizer import BOS_ID, EOS_ID, UNK_ID, Tokenizer, by_folder

# Rows at least of a table of sinusoidal positions.
_POSITIONS = 512


def export(loaded: LoadedModel, folder: str | os.PathLike, quantization: str = "float32") -> None:
    """Writes the folder; an older one in this format is replaced.

    quantization: how the weights are stored, one of `ctranslate2_format.QUANTIZATIONS`; they can be
    computed with otherwise.

    Raises InputError when the library is missing, has no such network, or something else is in the
    way.
    """
    check_installed("export")
    check_convertible(ModelConfig(**loaded.metadata["model"]), "model.json")
    spec = specification(loaded)
    spec.validate()
    spec.optimize(None if quantization == "float32" else quantization)
    same = loaded.target_tokenizer is loaded.tokenizer
    tokenizers = by_folder(loaded.tokenizer, None if same else loaded.target_tokenizer)
    card = {key: value for key, value in loaded.metadata.items() if key != "weights"}
    card = {"format": FORMAT, "quantization": quantization} | card
    if quantization != "float32":  # other weights, other translations
        name = f"{loaded.fingerprint}:{quantization}"
        card["fingerprint"] = hashlib.sha256(name.encode()).hexdigest()[:16]
    with new_folder(folder, _is_ours, "a model in the format of CTranslate2") as building:
        spec.save(str(building))
        for place, tokenizer in tokenizers.items():
            (building / place).mkdir(exist_ok=True)
            (building / place / tokenizer.file_name).write_bytes(tokenizer.model_bytes)
        text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
        (building / "model.json").write_text(text, encoding="utf-8")


def _is_ours(folder: pathlib.Path) -> bool:
    try:
        return is_exported(json.loads((folder / "model.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return not any(folder.iterdir())
    except (OSError, ValueError, AttributeError):
        return False


def specification(loaded: LoadedModel) -> Any:
    """The `ctranslate2.specs.TransformerSpec` of a model, with all its weights."""
    from ctranslate2 import specs

    model = loaded.model
    sources, targets = (vocabulary(one) for one in (loaded.tokenizer, loaded.target_tokenizer))
    swiglu = model.activation == "swiglu"
    shared: dict[str, Any] = dict(
        # Of the blocks; the last normalisation goes by `no_final_norm`. Post-norm networks have
        # none in this specification, but the library applies the one that it finds.
        pre_norm=True,
        no_final_norm=not model.final_norm,
        activation=_activation(model.activation),
        layernorm_embedding=model.embedding_norm,
        ffn_glu=swiglu,
    )
    if isinstance(model.encoder.position_encoding, RotaryPositions):
        shared |= dict(rotary_dim=model.d_model // model.num_heads, rotary_interleave=True)
    narrow = model.embedding_dim != model.d_model
    encoder: Any = specs.TransformerEncoderSpec(model.num_layers, model.num_heads, **shared)
    decoder: Any = specs.TransformerDecoderSpec(
        model.num_decoder_layers, model.num_heads, project_in_out=narrow, **shared
    )
    spec: Any = specs.TransformerSpec(encoder, decoder)
    for side, stack in ((encoder, model.encoder), (decoder, model.decoder)):
        side.pre_norm = model.norm == "pre"
        side.scale_embeddings = model.scale_embeddings
        _set_stack(side, stack)
    table = _array(model.embedding.table)
    encoder.embeddings[0].weight = _projected(table, model) if narrow else table
    encoder.scale_embeddings = model.scale_embeddings and not narrow
    decoder.embeddings.weight = _array(model.target_embedding.table)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.projection.bias = _array(model.vocabulary_head.bias)
    if narrow:
        _set_linear(decoder.project_in, model.decoder.projection)
        _set_linear(decoder.project_out, model.vocabulary_head.projection)
    spec.register_source_vocabulary(sources)
    spec.register_target_vocabulary(targets)
    spec.config.unk_token = sources[UNK_ID]
    spec.config.bos_token = spec.config.decoder_start_token = targets[BOS_ID]
    spec.config.eos_token = targets[EOS_ID]
    spec.config.add_source_eos = True
    spec.config.layer_norm_epsilon = float(model.norm_epsilon)
    return spec


def vocabulary(tokenizer: Tokenizer) -> list[str]:
    """The piece of each id. Raises InputError when two ids have the same."""
    pieces = tokenizer.pieces(range(tokenizer.size))
    if len(set(pieces)) < len(pieces):
        twice = next(piece for piece in pieces if pieces.count(piece) > 1)
        raise InputError(
            f"{tokenizer.file_name}: has the piece {twice!r} twice, and CTranslate2 knows ids by "
            "their pieces"
        )
    return pieces


def _activation(name: str) -> Any:
    from ctranslate2.specs import Activation

    known = {
        "relu": Activation.RELU,
        "gelu": Activation.GELU,
        "swish": Activation.SWISH,
        "swiglu": Activation.SWISH,
    }
    return known[name]


def _set_stack(spec: Any, stack: Any) -> None:
    """What encoder and decoder have in common."""
    positions, length = stack.position_encoding, stack.max_length
    if isinstance(positions, SinusoidalPositions):
        # The library fails at a position that is not in the table: give it some beyond our bound.
        positions = SinusoidalPositions(positions.d_model, max(stack.max_length, _POSITIONS))
        length = positions.max_length
    if not isinstance(positions, RotaryPositions):
        spec.position_encodings.encodings = _array(positions(np.arange(length)[None]))[0]
    if stack.embedding_norm is not None:
        _set_norm(spec.layernorm_embedding, stack.embedding_norm)
    if stack.final_norm is not None:
        _set_norm(spec.layer_norm, stack.final_norm)
    for layer, block in zip(spec.layer, stack.blocks, strict=True):
        _set_attention(layer.self_attention, block.self_attention, block.self_attention_norm)
        if hasattr(layer, "attention"):
            _set_attention(layer.attention, block.cross_attention, block.cross_attention_norm)
        feed = block.feed_forward
        _set_norm(layer.ffn.layer_norm, block.feed_forward_norm)
        if feed.gate_dense is None:
            _set_linear(layer.ffn.linear_0, feed.inner_dense)
        else:
            _set_linear(layer.ffn.linear_0, feed.gate_dense)
            _set_linear(layer.ffn.linear_0_noact, feed.inner_dense)
        _set_linear(layer.ffn.linear_1, feed.outer_dense)


def _set_attention(spec: Any, attention: Any, norm: Any) -> None:
    """Queries, keys and values are one matrix in self-attention (two `linear`), queries alone
    another one over the memory (three)."""
    inputs = [attention.query_dense, attention.key_value_dense]
    if len(spec.linear) == 2:
        spec.linear[0].weight = np.concatenate([_array(one.kernel).T for one in inputs])
        spec.linear[0].bias = np.concatenate([_array(one.bias) for one in inputs])
    else:
        for linear, dense in zip(spec.linear, inputs, strict=False):
            _set_linear(linear, dense)
    _set_linear(spec.linear[-1], attention.output_dense)
    _set_norm(spec.layer_norm, norm)


def _set_linear(spec: Any, dense: Any) -> None:
    spec.weight = np.ascontiguousarray(_array(dense.kernel).T)
    spec.bias = _array(dense.bias)


def _set_norm(spec: Any, norm: Any) -> None:
    spec.gamma, spec.beta = _array(norm.gamma), _array(norm.beta)


def _projected(table: np.ndarray, model: Any) -> np.ndarray:
    """The source's table [vocabulary, embedding_dim], scaled and projected to [vocabulary,
    d_model]."""
    dense = model.encoder.projection
    scale = model.embedding_dim**0.5 if model.scale_embeddings else 1.0
    product = (table.astype(np.float64) * scale) @ _array(dense.kernel).astype(np.float64)
    return (product + _array(dense.bias)).astype(np.float32)


def _array(values: Any) -> np.ndarray:
    # A copy: the library quantises in place.
    return np.array(tf.convert_to_tensor(values).numpy(), np.float32)
