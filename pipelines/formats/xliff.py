"""XLIFF, the localisation interchange format: OASIS XLIFF 1.2 (1.0 and 1.1 read alike) and 2.0, 2.1
and 2.2.

In 1.x a `trans-unit` is a row, in 2.x a `segment` of a unit is; `alt-trans`, `seg-source`,
`bin-unit` and `ignorable` hold no translations and are none. The text of `g`, `pc` and `mrk` stays,
that of native codes (`bpt ept it ph`) does not. The state of a translation is not looked at: tools
do not agree on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

import pyarrow as pa

from electra_model.errors import InputError

from ..units import Unit
from . import rows, variants, xml_stream

MISSING_SOURCE, MISSING_TARGET = "missing_source", "missing_target"

VOCABULARY = xml_stream.Vocabulary(
    "XLIFF", "xliff", frozenset({"file"}), frozenset({"trans-unit", "segment"})
)
_CODES = frozenset({"bpt", "ept", "it", "ph", "sub", "x", "bx", "ex", "sc", "ec", "sm", "em", "cp"})
_SIDES = ("source", "target")


def read(unit: Unit, fields: Sequence[str], languages: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row per `trans-unit` or `segment`; the columns are the texts in `languages`.

    Errors: "missing_source" and "missing_target" (the element is absent or blank; the other side is
    kept). A language that the file does not name is not checked.

    Raises:
      InputError: as `xml_stream.read`; another version; languages that are not the wanted ones.
    """
    return rows.batches(_rows(unit, languages), fields)


def check(unit: Unit, languages: Sequence[str]) -> None:
    """Raises `InputError` when the file does not begin as XLIFF does, or its first languages are
    not the wanted ones.
    """
    next(_rows(unit, languages), None)


def _rows(unit: Unit, languages: Sequence[str]) -> Iterator[rows.Row]:
    record = ""
    sides: tuple[str, ...] = ()
    for element in xml_stream.read(unit, VOCABULARY):
        if not record:
            record = "trans-unit" if version(unit.path, element) == 1 else "segment"
            if record == "segment":
                sides = _sides(unit, element.get("srcLang"), element.get("trgLang"), languages)
        elif element.tag == "file" and record == "trans-unit":
            tags = element.get("source-language"), element.get("target-language")
            sides = _sides(unit, *tags, languages)
        elif element.tag == record:
            yield _row(element, sides)


def version(path: str, root: Element) -> int:
    """1 or 2, from the root element's attribute, or else from its namespace. Raises `InputError`
    for a version that is not known; `path` is for the message."""
    namespace = root.tag.rpartition("}")[0]
    found = root.get("version") or namespace.rpartition(":")[2] or "1.0"
    if found not in ("1.0", "1.1", "1.2", "2.0", "2.1", "2.2"):
        raise InputError(f"{path}: is XLIFF {found[:20]}; known are 1.0 to 1.2 and 2.0 to 2.2")
    return int(found[0])


def _sides(
    unit: Unit, source: str | None, target: str | None, languages: Sequence[str]
) -> tuple[str, ...]:
    """The element that each language is in."""
    found = f"{unit.path}: is from {source or 'no language'} to {target or 'no language'}"
    if len(languages) == 1:
        # What a file does not say of its translations cannot make them any language.
        (place,) = variants.choose(languages, (source, target))
        if place is None:
            raise InputError(
                f"{found}, and text in {languages[0]} is wanted; name files with that language"
            )
        return (_SIDES[place],)
    # Languages that are named must be the job's, by the same rule that chooses among several.
    tags = tuple(tag or wanted for tag, wanted in zip((source, target), languages, strict=True))
    if variants.choose(languages, tags) != (0, 1):
        raise InputError(
            f"{found}, the job from {languages[0]} to {languages[1]}; name files of the job's "
            "languages, or mend source_lang and target_lang"
        )
    return _SIDES


def _row(record: Element, sides: tuple[str, ...]) -> rows.Row:
    texts: list[str | None] = []
    error = None
    for side in sides:
        element = record.find(side)
        text = "" if element is None else xml_stream.text_without(element, _CODES)
        if not text.strip():
            error = error or (MISSING_SOURCE if side == "source" else MISSING_TARGET)
        texts.append(text)
    return error, texts
