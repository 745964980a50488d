"""What a pretraining leaves beside its checkpoints so that its generator can be used on its own.

    pretrain/generator.json    sizes, vocabulary, and the checkpoint with its checksum

Needs no TensorFlow: a pipeline asks before its workers load anything. `generator` builds the
network that is described here.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import pydantic

from electra_model.config import ModelConfig
from electra_model.errors import InputError

NAME = "generator.json"
_VERSION = 1
_CHECKPOINT = re.compile(r"checkpoints/step-\d{9}\.npz")


@dataclasses.dataclass(frozen=True)
class GeneratorCard:
    """One trained generator.

    Attributes:
      model: sizes of the discriminator beside it, from which its own follow; resolved.
      fraction: its width relative to the discriminator's.
      vocabulary_fingerprint, vocabulary_size: of the pieces that it knows.
      checkpoint: file name, relative to the folder of the card. sha256: of that file.
      step: updates it was trained for.
    """

    model: ModelConfig
    fraction: float
    vocabulary_fingerprint: str
    vocabulary_size: int
    checkpoint: str
    sha256: str
    step: int

    def to_json(self) -> dict[str, Any]:
        """What `generator.json` holds."""
        values = dataclasses.asdict(self)
        return {"version": _VERSION, **values, "model": self.model.settings()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> GeneratorCard:
        """The card of `to_json`. Raises ValueError, KeyError or TypeError for anything else."""
        values = dict(values)
        version = values.pop("version")
        if version != _VERSION:
            raise ValueError(f"version {version}, this program reads {_VERSION}")
        card = cls(**{**values, "model": ModelConfig(**values["model"]).resolved()})
        for name, kind in (
            ("fraction", float | int),
            ("vocabulary_fingerprint", str),
            ("vocabulary_size", int),
            ("checkpoint", str),
            ("sha256", str),
            ("step", int),
        ):
            if not isinstance(getattr(card, name), kind):
                raise ValueError(f"{name} is {getattr(card, name)!r}")
        if not _CHECKPOINT.fullmatch(card.checkpoint):
            raise ValueError(f"checkpoint is {card.checkpoint!r}")
        if not 0 < card.fraction <= 1 or card.vocabulary_size < 1:
            raise ValueError("its sizes are out of range")
        return card


def find(
    folder: str, key: str, exists: Callable[[str], bool], read: Callable[[str], bytes]
) -> tuple[str, GeneratorCard]:
    """The folder that a card lies in and the card, for a work folder or its `pretrain/`.

    Args:
      key: of the job file, for messages.
      exists, read: of paths; object stores have their own.

    Raises:
      InputError: there is no card, or it is damaged.
    """
    folder = folder.rstrip("/")
    for place in (f"{folder}/pretrain", folder):
        path = f"{place}/{NAME}"
        if exists(path):
            try:
                return place, GeneratorCard.from_json(json.loads(read(path)))
            except (OSError, ValueError, KeyError, TypeError, pydantic.ValidationError) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise InputError(
                    f"{key}: {path} is damaged ({reason}); remove it and run `electra pretrain` "
                    "of that job again"
                ) from None
    raise InputError(
        f"{key}: neither {folder} nor its pretrain/ holds a {NAME}, which a complete pretraining "
        "with a generator writes; name such a work folder, or run `electra pretrain` of that job"
    )
