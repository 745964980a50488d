"""What translates: TensorFlow from the model folder, or CTranslate2 from a copy in its own format.

A model folder is converted by the first process that needs it, into `_electra/ctranslate2/` of the
output folder, where the run's other processes find it; it goes when the run is complete. Where the
output folder is in an object store, every process converts for itself. A folder that `electra
export` wrote is used as it is.
"""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import os
import tempfile
from collections.abc import Callable
from typing import Any

from electra_model import ctranslate2_format
from electra_model.config import ModelConfig
from electra_model.errors import InputError

from .. import files, inference
from ..config import TranslateConfig
from ..inference import Decoding, TranslationModel

# Settings that the other engines do without.
_OF_TENSORFLOW = (
    *("min_length", "no_repeat_ngram", "sample", "shortlist"),
    *("n_best", "alignments", "attention"),
)
# The folder of converted models, below `_electra/` of an output folder.
CONVERTED = "ctranslate2"


def decoding_of(config: TranslateConfig) -> Decoding:
    """How a run decodes."""
    decoding = Decoding(
        beam_size=config.beam_size,
        length_penalty=config.length_penalty,
        max_length=config.max_length,
        min_length=config.min_length,
        no_repeat_ngram=config.no_repeat_ngram,
        sampling=config.sampling,
        shortlist=config.shortlist,
    )
    if config.engine == "tensorflow":
        return decoding
    return dataclasses.replace(decoding, engine=f"{config.engine} {config.compute_type}")


def check(config: TranslateConfig, card: dict[str, Any]) -> None:
    """Raises `InputError` when the engine is not there, or cannot run the model.

    card: the model's `model.json`.
    """
    exported = ctranslate2_format.is_exported(card)
    if config.engine == "tensorflow":
        if exported:
            raise InputError(
                f"model: {config.model} is in the format of CTranslate2; "
                "add --engine ctranslate2 (translate.engine), or name the folder it was made from"
            )
        check_shortlist(config.shortlist, card, str(config.model))
        _check_length(config, card)
        return
    for key in _OF_TENSORFLOW:
        if getattr(config, key) != getattr(TranslateConfig(), key):
            raise InputError(
                f"translate.{key}: is for engine tensorflow; leave out either of the two"
            )
    ctranslate2_format.check_installed("translate.engine: ctranslate2")
    if not exported and isinstance(card.get("model"), dict):
        try:
            network = ModelConfig(**card["model"])
        except (TypeError, ValueError):
            return  # for the one who loads it
        ctranslate2_format.check_convertible(network, f"model: {config.model}")


def _check_length(config: TranslateConfig, card: dict[str, Any]) -> None:
    network = card.get("model")
    most = network.get("max_length") if isinstance(network, dict) else None
    if isinstance(most, int) and config.min_length > most:
        raise InputError(
            f"translate.min_length: found {config.min_length}; the longest output of "
            f"{config.model} has {most} tokens"
        )


def check_shortlist(wanted: bool, card: dict[str, Any], model: str) -> None:
    """Raises `InputError` when shortlists are wanted of a model folder, `model`, without any."""
    if wanted and "shortlist" not in card:
        raise InputError(
            f"translate.shortlist: {model} has none; leave it out, or prepare and train "
            "with dataset.shortlist: 12"
        )


def loader(config: TranslateConfig, output: str) -> Callable[[str], TranslationModel]:
    """Model folder -> the model that a run translates with; can be sent to its processes."""
    if config.engine == "tensorflow":
        return inference.load_exported_model
    kept = None if files.is_remote(output) else files.join(output, "_electra", CONVERTED)
    return functools.partial(load_ctranslate2, kept=kept, compute_type=config.compute_type)


def load_ctranslate2(
    model_dir: str, *, kept: str | None = None, compute_type: str = "float32"
) -> TranslationModel:
    """The model of a folder, in CTranslate2. Imports TensorFlow, for the tokenizer.

    kept: folder for the converted model; without it there is one for a moment.
    """
    from electra_model.ctranslate2_model import CTranslate2Model

    card = inference.read_model_card(model_dir)
    model_dir = inference.local_model(model_dir)
    if ctranslate2_format.is_exported(card):
        return CTranslate2Model(model_dir, compute_type)
    if kept is not None:
        return CTranslate2Model(_converted(model_dir, kept, card["fingerprint"]), compute_type)
    with tempfile.TemporaryDirectory(prefix="electra-") as folder:
        return CTranslate2Model(_converted(model_dir, folder, card["fingerprint"]), compute_type)


def _converted(model_dir: str, kept: str, fingerprint: str) -> str:
    """The folder below `kept` with the converted model; made unless it is there."""
    os.makedirs(kept, exist_ok=True)
    lock = os.open(kept, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one converts, the others wait
        folder = os.path.join(kept, fingerprint)
        if not os.path.isdir(folder):
            from electra_model.ctranslate2_export import export
            from electra_model.export import load_model

            loaded = load_model(model_dir)
            folder = os.path.join(kept, loaded.fingerprint)
            export(loaded, folder)
        return folder
    finally:
        os.close(lock)
