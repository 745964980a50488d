"""The files of ours in `dataset/` and `vocabulary/`, by their names, and the end of stale ones."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection

from electra_model.tokenizer import FILES, SIDES

from .. import files
from ..config import PrepareConfig
from . import provenance

# Beside a vocabulary's files, what they are.
CARD_FILE = "vocabulary.json"

_SHARD = r"[a-z]+-\d{5,}-of-\d{5,}\.tfrecord(\.gz)?"
_FOLDERS = (
    ("", re.compile(rf"{_SHARD}|(valid|test|units)\.jsonl")),
    ("rejected", re.compile(r".*\.jsonl\.gz")),
    ("samples", re.compile(r".*\.jsonl")),
    (provenance.FOLDER, provenance.FILES),
)
# Windows with replaced tokens.
REPLACED = re.compile(r"replaced-\d{5,}-of-.*")


def remove_others(
    config: PrepareConfig, current: Collection[str], spared: re.Pattern[str] | None = None
) -> None:
    """Removes files with names of ours, and what was left half written, from the dataset of a local
    work folder.

    Args:
      current: names below `dataset/` of those that stay. spared: and of others.
    """
    if files.is_remote(config.workdir):
        return
    for folder, pattern in _FOLDERS:
        place = os.path.join(config.workdir, "dataset", folder)
        for name in os.listdir(place) if os.path.isdir(place) else []:
            ours = pattern.fullmatch(name) or files.is_temporary(name)
            kept = spared and spared.fullmatch(name)
            if ours and not kept and os.path.join(folder, name) not in current:
                os.unlink(os.path.join(place, name))
    with contextlib.suppress(OSError):  # not there, or not empty
        os.rmdir(files.join(config.workdir, "dataset", provenance.FOLDER))


def remove_vocabularies(config: PrepareConfig, current: Collection[str]) -> None:
    """Removes vocabularies, and without any the card, but for those that are current: names below
    `vocabulary/`."""
    folder = files.join(config.workdir, "vocabulary")
    for side in ("", *SIDES):
        for file in {f"{side}/{name}" if side else name for name in FILES} - {*current}:
            files.remove(files.join(folder, file))
        if side and not files.is_remote(config.workdir):
            with contextlib.suppress(OSError):  # not there, or not empty
                os.rmdir(files.join(folder, side))
    if not current:
        files.remove(files.join(folder, CARD_FILE))
