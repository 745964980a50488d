"""TMX, the exchange format of translation memories (LISA/OSCAR TMX 1.4b; 1.1 to 1.3 read alike).

A translation unit (`tu`) is a row. Of its variants (`tuv`) the one whose language is the wanted one
is taken, else one of the same language in another region, see `variants.choose`; of several in the
same language the first one with a segment, because memories keep the newest or the approved one
there and a row holds one pair. Inline codes (`bpt ept it ph ut`) are left out with what is in them,
`sub` included; the text of `hi` stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

import pyarrow as pa

from ..units import Unit
from . import rows, variants, xml_stream

MISSING_LANGUAGE = "missing_language"

_VOCABULARY = xml_stream.Vocabulary("TMX", "tmx", frozenset(), frozenset({"tu"}))
_CODES = frozenset({"bpt", "ept", "it", "ph", "sub", "ut"})


def read(unit: Unit, fields: Sequence[str], languages: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row per translation unit; the columns are the unit's texts in `languages`.

    Error: "missing_language" (no variant in one of the languages; the texts of the others are
    kept). Raises `InputError` as `xml_stream.read`.
    """
    return rows.batches(_rows(unit, languages), fields)


def check(unit: Unit, languages: Sequence[str]) -> None:
    """Raises `InputError` when the file does not begin as TMX does."""
    next(xml_stream.read(unit, _VOCABULARY), None)


def _rows(unit: Unit, languages: Sequence[str]) -> Iterator[rows.Row]:
    for element in xml_stream.read(unit, _VOCABULARY):
        if element.tag == "tu":
            yield _row(element, languages)


def _row(tu: Element, languages: Sequence[str]) -> rows.Row:
    tags: list[str | None] = []
    segments: list[Element] = []
    for variant in tu.iterfind("tuv"):
        segment = variant.find("seg")
        if segment is not None:
            # TMX 1.1 has `lang` where later ones have `xml:lang`.
            tags.append(variant.get(xml_stream.XML_LANG) or variant.get("lang"))
            segments.append(segment)
    places = variants.choose(languages, tags)
    texts = [
        None if place is None else xml_stream.text_without(segments[place], _CODES)
        for place in places
    ]
    return (MISSING_LANGUAGE if None in places else None), texts
