"""The formats of documents that are translated inside."""

from __future__ import annotations

import os
from collections.abc import Callable

from electra_model.errors import InputError

from ..formats import compression
from ..formats import registry as readers
from . import gettext_catalogues, html_pages, markdown_files, subtitles, xliff_files
from .skeleton import Skeleton

# Bytes of the largest document: it is taken apart in memory, some 40 times its size of a page of
# HTML, and translated as one unit.
LARGEST = 64 << 20

# Format -> data, path for messages, source language, target language -> skeleton.
_TAKE_APART: dict[str, Callable[[bytes, str, str, str], Skeleton]] = {
    "html": html_pages.take_apart,
    "markdown": markdown_files.take_apart,
    "xliff": xliff_files.take_apart,
    "po": gettext_catalogues.take_apart,
    "srt": subtitles.take_apart_srt,
    "vtt": subtitles.take_apart_vtt,
}
FORMATS = tuple(_TAKE_APART)
# Those that are no training data.
_ENDINGS = {".srt": "srt", ".vtt": "vtt"}


def format_of(path: str) -> tuple[str, str | None]:
    """As `formats.registry.format_of`, which knows the formats that can be trained on, with those
    that can only be translated. Raises `InputError` for another name."""
    stem, ending = os.path.splitext(path.lower())
    packed = compression.ENDINGS.get(ending)
    if packed is not None:
        ending = os.path.splitext(stem)[1]
    if ending in _ENDINGS:
        return _ENDINGS[ending], packed
    if ending not in readers.FORMATS:
        raise InputError(
            f"{path}: unknown kind of file; known are {' '.join((*readers.FORMATS, *_ENDINGS))}; "
            "all but .parquet, .arrow and .feather also with "
            f"{' '.join(compression.ENDINGS)}"
        )
    return readers.format_of(path)


def take_apart(form: str, data: bytes, path: str, source: str, target: str) -> Skeleton:
    """A document taken apart; the same data always give the same skeleton.

    Args:
      form: the format. path: for messages. source, target: languages, "" where nobody says.

    Raises:
      InputError: it is too large, damaged, or of other languages, with the place.
    """
    if len(data) > LARGEST:
        raise InputError(
            f"{path}: has more than {LARGEST >> 20} MiB, and a document is translated as one "
            "piece; split it"
        )
    return _TAKE_APART[form](data, path, source, target)
