"""What can be asked about models in CTranslate2's format without loading anything."""

from __future__ import annotations

import importlib.util
from typing import Any

from electra_model.config import ModelConfig
from electra_model.errors import InputError

# Of a folder in this format, in its `model.json`, under `format`.
FORMAT = "ctranslate2"

# How weights may be stored, and how matrix products may be computed.
QUANTIZATIONS = ("float32", "float16", "int8")
COMPUTE_TYPES = ("float32", "int8")


def check_installed(key: str) -> None:
    """Raises InputError when the library is not there; `key` is what asks for it."""
    if importlib.util.find_spec("ctranslate2") is None:
        raise InputError(
            f"{key}: needs CTranslate2, which is not installed; "
            "pip install 'electra-pipelines[ctranslate2]'"
        )


def is_exported(card: dict[str, Any]) -> bool:
    """Whether a `model.json` is that of a folder in this format."""
    return card.get("format") == FORMAT


def check_convertible(config: ModelConfig, what: str) -> None:
    """Raises InputError when CTranslate2 has no such network; `what` names the model."""
    width, d_model = config.embedding_width, config.sizes()["d_model"]
    if config.embedding_norm and width != d_model:
        raise InputError(
            f"{what}: CTranslate2 cannot normalise embeddings before they are projected, and this "
            f"model does (embedding_norm true, embedding_dim {width}, d_model {d_model}); "
            "translate with the engine tensorflow"
        )
