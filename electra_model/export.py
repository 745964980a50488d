"""The model folder: what training ends with and translation begins with.

    model.json     languages, sizes, fingerprints, how it was trained
    spm.model      the tokenizer, or vocab.txt; two of them, in source/ and target/, where each side
                   has a vocabulary of its own
    shortlist.npz  what shortlists are made of, where the data were prepared with them
    discriminator.npz  the pretrained discriminator, which judges outputs, where there was one
    saved_model/   strings in; strings, scores and attention out; needs only tensorflow and
                   tensorflow-text

The weights are stored once, in the SavedModel; `load_model` reads them from there into an
`Electra`, so that any beam size can be used.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from electra_model import buckets as bucketing
from electra_model import checkpoint
from electra_model import shortlist as shortlists
from electra_model.config import ModelConfig
from electra_model.ctranslate2_format import is_exported
from electra_model.decoding import Decoding
from electra_model.discriminator import Discriminator
from electra_model.electra import Electra
from electra_model.errors import InputError, WorkError
from electra_model.inference import LoadedModel, ragged_rows
from electra_model.model_folder import DISCRIMINATOR_FILE, ENTRIES, missing_part
from electra_model.new_folder import new_folder
from electra_model.search import search
from electra_model.shortlist import Shortlist
from electra_model.tokenizer import BOS_ID, PAD_ID, SIDES, Tokenizer, by_folder

FORMAT_VERSION = 1


def save_model(
    folder: str | os.PathLike,
    model: Electra,
    tokenizer: Tokenizer,
    config: ModelConfig,
    *,
    task: str = "translate",
    source_lang: str | None = None,
    target_lang: str | None = None,
    training: dict[str, Any] | None = None,
    beam_size: int = 4,
    length_penalty: float = 0.6,
    target_tokenizer: Tokenizer | None = None,
    shortlist: Shortlist | None = None,
    discriminator: Discriminator | None = None,
) -> dict[str, Any]:
    """Writes the model folder and returns what `model.json` says.

    `tokenizer` is of both sides, or of the source where `target_tokenizer` is given;
    `discriminator` reads its pieces.

    The folder is built beside its place and renamed into it; an older model of the same name is
    replaced. Raises InputError when something that is no model is in the way.
    """
    variables = list(model.trainable_variables)
    if target_tokenizer is not None:
        config = dataclasses.replace(config, tie_embeddings=False)
    tokenizers = by_folder(tokenizer, target_tokenizer)
    metadata = {
        "format_version": FORMAT_VERSION,
        "task": task,
        "source_lang": source_lang,
        "target_lang": target_lang,
        "model": config.resolved().settings(),
        "parameters": int(sum(np.prod(variable.shape) for variable in variables)),
        "vocabulary": _described(tokenizer, target_tokenizer),
        "buckets": list(bucketing.default_buckets(config.max_length)),
        "decoding": {"beam_size": beam_size, "length_penalty": length_penalty},
        "weights": [variable.path for variable in variables],
        "training": training or {},
    }
    listed = shortlist.to_bytes() if shortlist else None
    if listed:
        metadata["shortlist"] = {"sha256": hashlib.sha256(listed).hexdigest()}
    judge = discriminator.to_bytes() if discriminator else None
    if discriminator and judge:
        metadata["discriminator"] = {
            "sha256": hashlib.sha256(judge).hexdigest(),
            "reads_pairs": discriminator.reads_pairs,
            "model": discriminator.config.resolved().settings(),
        }
    metadata["fingerprint"] = _fingerprint(variables, metadata)
    with new_folder(folder, _is_ours, "a model folder") as building:
        module = _Module(LoadedModel(model, tokenizer, metadata, target_tokenizer))
        tf.saved_model.save(module, str(building / "saved_model"), signatures=module.signatures())
        for place, one in tokenizers.items():
            (building / place).mkdir(exist_ok=True)
            (building / place / one.file_name).write_bytes(one.model_bytes)
        if listed:
            (building / shortlists.FILE).write_bytes(listed)
        if judge:
            (building / DISCRIMINATOR_FILE).write_bytes(judge)
        text = json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
        (building / "model.json").write_text(text, encoding="utf-8")
    return metadata


def _is_ours(folder: pathlib.Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return "model.json" in names or names <= set(ENTRIES)


def missing_file(folder: str | os.PathLike) -> str | None:
    """The name of a part of a local model folder that is not there, or None when it is whole."""
    return missing_part(lambda name: pathlib.Path(folder, name).exists())


def load_model(folder: str | os.PathLike) -> LoadedModel:
    """Reads a model folder.

    Raises InputError naming the file that is missing, damaged or of another version.
    """
    folder = pathlib.Path(folder)
    metadata = read_metadata(folder)
    tokenizer, target_tokenizer = Tokenizer.load_sides(str(folder))
    expected = _fingerprints(metadata["vocabulary"])
    for place, one in by_folder(tokenizer, target_tokenizer).items():
        if one.fingerprint() != expected.get(place):
            raise InputError(
                f"{folder / place / one.file_name}: is not the vocabulary this model was trained "
                "with; export it again"
            )
    config = ModelConfig(**metadata["model"])
    model = Electra.from_config_and_vocabulary(
        config,
        tokenizer.size,
        target_vocabulary_size=target_tokenizer.size if target_tokenizer else None,
    )
    prefix = folder / "saved_model" / "variables" / "variables"
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        tensors = {
            path: reader.get_tensor(f"weights/{index}/.ATTRIBUTES/VARIABLE_VALUE")
            for index, path in enumerate(metadata["weights"])
        }
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{prefix}: the weights cannot be read ({reason}); export the model again"
        ) from None
    strangers = f"{folder}: weights and model.json do not belong together; export the model again"
    try:
        checkpoint.restore(model.trainable_variables, tensors)
    except WorkError:
        raise InputError(strangers) from None
    if _fingerprint(model.trainable_variables, metadata) != metadata["fingerprint"]:
        raise InputError(strangers)
    return LoadedModel(
        model,
        tokenizer,
        metadata,
        target_tokenizer,
        shortlist=_beside(folder, metadata, shortlists.FILE, Shortlist.from_bytes),
        discriminator=_beside(
            folder, metadata, DISCRIMINATOR_FILE, functools.partial(_judge, metadata, tokenizer)
        ),
    )


def _beside(
    folder: pathlib.Path, metadata: dict[str, Any], name: str, read: Callable[[bytes], Any]
) -> Any:
    """What a file of the folder holds; None where `model.json` knows of none."""
    described = metadata.get(name.partition(".")[0])
    if described is None:
        return None
    path = folder / name
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != described["sha256"]:
            raise ValueError("is not that of this model")
        return read(data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); export the model again") from None


def _judge(metadata: dict[str, Any], tokenizer: Tokenizer, data: bytes) -> Discriminator:
    described = metadata["discriminator"]
    config = ModelConfig(**described["model"])
    return Discriminator(config, tokenizer.size, described["reads_pairs"]).restore_bytes(data)


def read_metadata(folder: str | os.PathLike) -> dict[str, Any]:
    """`model.json`, checked.

    Raises InputError when it is missing, damaged or of another version.
    """
    path = pathlib.Path(folder) / "model.json"
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        version = metadata["format_version"]
        if is_exported(metadata):
            raise InputError(
                f"{folder}: is in the format of CTranslate2; name the folder that it was made from"
            )
        for key in ("buckets", "decoding", "fingerprint"):
            metadata[key]
        if not all(isinstance(path, str) for path in metadata["weights"]):
            raise ValueError("weights are no names")
        _fingerprints(metadata["vocabulary"])
        if version == FORMAT_VERSION:
            ModelConfig(**metadata["model"])
    except FileNotFoundError:
        raise InputError(
            f"{folder}: is not a model folder (it has no model.json); "
            "name one that `electra train` made"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: cannot be read ({type(error).__name__}: {reason}); export the model again"
        ) from None
    if version != FORMAT_VERSION:
        raise InputError(f"{path}: format version {version}, this program reads {FORMAT_VERSION}")
    return metadata


def _described(tokenizer: Tokenizer, target: Tokenizer | None) -> dict[str, Any]:
    """The sizes and fingerprints of the vocabularies, as `model.json` has them."""
    facts = {
        place: {"size": one.size, "fingerprint": one.fingerprint()}
        for place, one in by_folder(tokenizer, target).items()
    }
    return facts.get("", facts)


def _fingerprints(described: dict[str, Any]) -> dict[str, str]:
    """Folder below the model's -> fingerprint of the vocabulary in it. Raises KeyError, TypeError
    when they are not named."""
    if "fingerprint" in described:
        return {"": described["fingerprint"]}
    return {side: described[side]["fingerprint"] for side in SIDES}


def _fingerprint(variables, metadata) -> str:
    """sha256 (16 hex digits) of sizes, vocabulary and every weight: equal for equal models."""
    vocabularies = _fingerprints(metadata["vocabulary"])
    facts = [metadata["model"], vocabularies.get("", vocabularies), metadata["buckets"]]
    facts += [metadata[name] for name in ("shortlist", "discriminator") if name in metadata]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for variable in sorted(variables, key=lambda variable: variable.path):
        digest.update(variable.path.encode())
        digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return digest.hexdigest()[:16]


class _Module(tf.Module):
    """What the SavedModel holds: the weights, in the order of `model.json`, and the tokenizer."""

    def __init__(self, loaded: LoadedModel):
        super().__init__()
        self.weights = [variable.value for variable in loaded.model.trainable_variables]
        self.tokenizer = loaded.tokenizer.layer
        self.target_tokenizer = loaded.target_tokenizer.layer
        self._loaded = loaded

    def signatures(self) -> dict[str, Any]:
        """`serving_default` and `greedy`: text [n] -> output [n], score [n].

        `attention`: one text and its output -> ids of both and the attention scores of every layer.
        """
        decoding = self._loaded.metadata["decoding"]
        strings = tf.TensorSpec([None], tf.string, "text")

        def translate(beam_size):
            @tf.function(autograph=False, input_signature=[strings])
            def serve(text):
                output, score = self._translate(text, beam_size, decoding["length_penalty"])
                return {"output": output, "score": score}

            return serve

        one_text = tf.TensorSpec([1], tf.string, "text")
        one_output = tf.TensorSpec([1], tf.string, "output")

        @tf.function(autograph=False, input_signature=[one_text, one_output])
        def attention(text, output):
            longest = self._loaded.source_max_length
            source = self._loaded.tokenizer.encode(text).to_tensor()[:, :longest]
            target = self._loaded.target_tokenizer.encode(output).to_tensor()[:, :longest]
            shifted = tf.concat([[[BOS_ID]], target[:, :-1]], axis=1)
            _, scores = self._loaded.model((source, shifted), return_attention=True)
            stacked = {
                name: tf.stack([layer[0] for layer in layers]) for name, layers in scores.items()
            }
            return {"source_ids": source, "target_ids": target, **stacked}

        return {
            "serving_default": translate(decoding["beam_size"]),
            "greedy": translate(1),
            "attention": attention,
        }

    def _translate(self, text, beam_size, length_penalty):
        """The graph twin of `LoadedModel.translate`."""
        loaded = self._loaded
        source = loaded.tokenizer.encode(text).to_tensor(PAD_ID)[:, : loaded.source_max_length]
        lengths = tf.reduce_sum(tf.cast(source != PAD_ID, tf.int32), axis=1)
        limits = tf.constant(loaded.limits(np.arange(loaded.source_max_length + 1)))
        # The longest first, which is fastest.
        order: Any = tf.argsort(lengths, direction="DESCENDING", stable=True)
        of_each = tf.gather(limits, tf.gather(lengths, order))
        decoding = Decoding(beam_size, length_penalty)
        found = search(loaded.model, tf.gather(source, order), decoding, of_each)
        place = tf.argsort(order)
        output = tf.gather(found.token_ids[:, 0], place)
        score = tf.gather(found.scores[:, 0], place)
        # The end mark alone is no text.
        is_text = lengths > 1
        output = tf.where(is_text[:, None], output, PAD_ID)
        score = tf.where(is_text, score, 0.0)
        return loaded.target_tokenizer.decode(ragged_rows(output)), score


__all__ = ["FORMAT_VERSION", "load_model", "missing_file", "read_metadata", "save_model"]
