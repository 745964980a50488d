"""Translation catalogues -> entries: JSON (nested keys), gettext's .po and .mo.

An entry is one string in the source language with its translation, or with the rule by which it has
none. Entries come in the order of the catalogue, and none is left out: later sums rest on that.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from electra_model.errors import InputError, WorkError
from pipelines.formats import gettext_catalogue
from pipelines.formats.gettext_catalogue import UNTRANSLATED

from .corpus_recipe import PackageConfig
from .languages import TAG, canonical
from .wheels import Wheel

# The rule that this module adds to those of gettext's catalogues.
REFERENCE = "reference"

_MAX_DEPTH = 50


@dataclasses.dataclass(frozen=True)
class Entry:
    """One string.

    Attributes:
      source, target: as in the catalogue. rule: None for a pair, else why it is none.
      document: what stood for `{document}` in the pattern, if anything.
    """

    source: str
    target: str
    rule: str | None = None
    document: str | None = None


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """One catalogue in a wheel.

    Attributes:
      name: of the member. language: canonical tag. document: see `Entry`.
      source_name: the member it is paired with; None where it holds both sides.
    """

    name: str
    language: str
    document: str | None
    source_name: str | None


def find_catalogues(names: list[str], package: PackageConfig, source_lang: str) -> list[Catalogue]:
    """The members that the package's patterns name, in the order of patterns and names.

    Those in the source language, and JSON ones without a twin in it, are left out.
    """
    known = set(names)
    found: dict[str, Catalogue] = {}
    for pattern in package.catalogues:
        expression = _expression(pattern)
        for name in names:
            match = expression.fullmatch(name)
            if not match or name in found:
                continue
            language = canonical(match["lang"])
            if language == source_lang or (package.targets and language not in package.targets):
                continue
            source_name = None
            if name.endswith(".json"):
                start, stop = match.span("lang")
                source_name = name[:start] + source_lang + name[stop:]
                if source_name not in known:
                    continue
            found[name] = Catalogue(name, language, match.groupdict().get("document"), source_name)
    return list(found.values())


def _expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern; see `PackageConfig`."""
    parts = {
        "**/": "(?:[^/]+/)*",
        "*": "[^/]*",
        "{lang}": f"(?P<lang>{TAG})",
        "{document}": "(?P<document>[^/]+)",
    }
    tokens = re.split(r"(\*\*/|\*|\{lang\}|\{document\})", pattern)
    return re.compile("".join(parts.get(token, re.escape(token)) for token in tokens))


def read_catalogue(wheel: Wheel, catalogue: Catalogue) -> Iterator[Entry]:
    """The entries of one catalogue. Raises `WorkError` naming it when it cannot be read."""
    place = f"{wheel.path}: {catalogue.name}"
    data = wheel.read(catalogue.name)
    if catalogue.source_name:
        entries = json_entries(wheel.read(catalogue.source_name), data, place)
    else:
        entries = gettext_entries(data, place)
    for entry in entries:
        yield dataclasses.replace(entry, document=catalogue.document)


def json_entries(source: bytes, target: bytes, place: str) -> Iterator[Entry]:
    """Entries of two JSON catalogues with the same keys; leaves other than text do not count."""
    translations = dict(_leaves(_parse(target, place), place))
    for key, text in _leaves(_parse(source, place), place):
        translation = translations.get(key, "")
        if "[%key:" in text or "[%key:" in translation:
            yield Entry(text, translation, REFERENCE)
        else:
            yield Entry(text, translation, None if translation.strip() else UNTRANSLATED)


def _parse(data: bytes, place: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WorkError(f"{place}: not a JSON catalogue: {error}") from None


def _leaves(
    value: Any, place: str, key: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    if len(key) > _MAX_DEPTH:
        raise WorkError(f"{place}: keys are nested more than {_MAX_DEPTH} deep")
    if isinstance(value, str):
        if value.strip():
            yield key, value
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(below, place, (*key, name))
    elif isinstance(value, list):
        for position, below in enumerate(value):
            yield from _leaves(below, place, (*key, str(position)))


def gettext_entries(data: bytes, place: str) -> Iterator[Entry]:
    """Entries of a .po or .mo file, whose message ids are the source text.

    A message with a plural gives two, see `pipelines.formats.gettext_catalogue`. Fuzzy and obsolete
    messages are given with their rule; one without text is none.
    """
    try:
        stream = io.BufferedReader(io.BytesIO(data))
        for rule, source, target in gettext_catalogue.entries(stream, place):
            if source.strip():
                yield Entry(source, target, rule)
    except InputError as error:
        raise WorkError(str(error)) from None
