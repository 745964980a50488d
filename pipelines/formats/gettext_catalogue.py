"""gettext catalogues, .po and .mo: the message ids are the source text, the translations the other.

A message is a row; one with a plural is two, its singular with the form that the catalogue's own
rule has for 1 and its plural with that for 5. Contexts do not matter, and the header is no row.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from electra_model.errors import InputError

from ..units import Unit
from . import compression, gettext_mo, gettext_po, rows, variants

UNTRANSLATED, FUZZY, OBSOLETE = "untranslated", "fuzzy", "obsolete"
NO_PLURAL_FORM = "no_plural_form"

# A number that takes the plural in each language that has one form of it, and the commonest form
# where there are more.
_MANY = 5
# `Language` is free text; what is no tag says nothing.
TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_@.][A-Za-z0-9-]+)*")


def read(unit: Unit, fields: Sequence[str], languages: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One or two rows per message; the columns are its texts in `languages`.

    Errors: "obsolete", "fuzzy", "untranslated" and "no_plural_form" (the catalogue has no usable
    rule for plurals in its header `Plural-Forms`); of text in the source language alone only
    "obsolete". One language is the source unless it is the catalogue's own (its header `Language`).
    The texts are kept; without such a rule, the first form beside the singular, the others beside
    the plural.

    Raises:
      InputError: no catalogue, or one of another language.
    """
    return rows.batches(_rows(unit, languages), fields)


def check(unit: Unit, languages: Sequence[str]) -> None:
    """Raises `InputError` when the file does not begin as a catalogue in those languages."""
    next(_rows(unit, languages), None)


def entries(stream: io.BufferedReader[Any], path: str) -> Iterator[tuple[str | None, str, str]]:
    """(rule or None, source, translation) of every message but the header, in the order of the
    catalogue. Raises `InputError` for what is no catalogue.
    """
    for _, rule, source, target in _entries(stream, path):
        yield rule, source, target


def _entries(
    stream: io.BufferedReader[Any], path: str
) -> Iterator[tuple[dict[str, str], str | None, str, str]]:
    """As `entries`, each with the catalogue's header before it."""
    is_mo = stream.peek(4)[:4] in gettext_mo.MAGIC
    header: dict[str, str] = {}
    form_of = None
    for message in (gettext_mo.read_mo if is_mo else gettext_po.read_po)(stream, path):
        if message.is_header:
            if not message.obsolete:
                header = header_fields(message.forms.get(0, ""))
                form_of = plural_rule(header.get("plural-forms", ""))
            continue
        rule = OBSOLETE if message.obsolete else FUZZY if message.fuzzy else None
        if message.plural is None:
            target = message.forms.get(0, "")
            yield header, rule or _missing(target), message.singular, target
            continue
        for text, number in ((message.singular, 1), (message.plural, _MANY)):
            index = form_of(number) if form_of else None
            if index is None:
                target, missing = _unsorted(message.forms, number), NO_PLURAL_FORM
            else:
                target = message.forms.get(index, "")
                missing = _missing(target)
            yield header, rule or missing, text, target


def _unsorted(forms: Mapping[int, str], number: int) -> str:
    """Which forms to show where no rule says: the first for 1, else the others, a line each."""
    _, *others = sorted(forms)
    shown = others if number != 1 and others else [min(forms)]
    return "\n".join(forms[index] for index in shown)


def _missing(target: str) -> str | None:
    return None if target.strip() else UNTRANSLATED


def header_fields(text: str) -> dict[str, str]:
    """The header's fields by their names in lower case."""
    pairs = (line.partition(":") for line in text.split("\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def plural_rule(header: str) -> Callable[[int], int | None] | None:
    """Number -> index of its form, as a `Plural-Forms` header has it; None if it has none."""
    match = re.search(r"plural\s*=\s*([^;]+)", header)
    if not match:
        return None
    try:
        rule = gettext.c2py(match[1].strip())
    except (ValueError, RecursionError):
        return None

    def index_of(number: int) -> int | None:
        try:
            return rule(number)
        except (ArithmeticError, RecursionError):  # such as a division by n % 5
            return None

    return index_of


def _rows(unit: Unit, languages: Sequence[str]) -> Iterator[rows.Row]:
    checked: dict[str, str] | None = None
    of_source = False
    with compression.open_packed(unit.path, unit.compression) as stream:
        for header, rule, source, target in _entries(stream, unit.path):
            if header is not checked:
                checked, of_source = header, _is_source(unit.path, header, languages)
            if len(languages) == 2:
                yield rule, (source, target)
            elif of_source:
                yield (rule if rule == OBSOLETE else None), (source,)
            else:
                yield rule, (target,)


def _is_source(path: str, header: dict[str, str], languages: Sequence[str]) -> bool:
    """Whether the one language is that of the message ids. Raises `InputError` where the
    catalogue's language is known and wrong, or needed and unknown.
    """
    tag = header.get("language", "")
    if len(languages) == 2:
        if TAG.fullmatch(tag) and not variants.same_language(languages[1], tag):
            raise InputError(
                f"{path}: its header says Language: {tag}, and the job translates to "
                f"{languages[1]}; name catalogues of that language, or mend the header"
            )
        return False
    if not TAG.fullmatch(tag):
        raise InputError(
            f"{path}: its header names no Language, so nothing says which of its texts are in "
            f"{languages[0]}; add `Language:` to the header"
        )
    return not variants.same_language(languages[0], tag)
