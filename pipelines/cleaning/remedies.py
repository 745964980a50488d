"""What is to be done about a rule that rejected much: of `clean` a setting, of reading the file."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from ..config import PrepareConfig
from ..dataset.examples import TOO_LONG
from ..formats import lines, registry
from ..formats.columns import MISSING_FIELD
from ..formats.delimited import MALFORMED_CSV, WRONG_COLUMNS
from ..units import Receipt
from . import clean, continuations, first_look, rejections
from .clean_config import DOCUMENT_RULES

# What reading rejects where a file is not as it should be. Others that it rejects are no fault of
# a file: messages without a translation, blank lines, requests in an archive.
READING = {
    lines.NOT_UTF8: "",
    WRONG_COLUMNS: "",
    MISSING_FIELD: "",
    MALFORMED_CSV: "look at the quotation marks of its cells",
    "malformed_json": "write one object of JSON a line",
    "not_an_object": "write one object of JSON a line, with a name for each field",
    "not_text": "write its fields as text, or name others in the section data",
    lines.TOO_LARGE: "cut its records into smaller ones",
}

# Bounds that reject what is above them, and have no "max" in their name.
_UPPER = ("overlap", "near_duplicate")
# Rules that go with another one.
_SETTINGS = {"near_leak": "near_duplicate"}


def of_setting(config: PrepareConfig, rule: str) -> str:
    """The setting that a rule rejects by, and what can be done about it, such as
    "clean.min_characters is 3000: lower it"; "" where there is none.
    """
    if rule == TOO_LONG:
        return (
            f"dataset.max_tokens is {config.dataset.max_tokens}: raise it, together with "
            "model.max_length and train.buckets"
        )
    name = _SETTINGS.get(rule, rule)
    if name in DOCUMENT_RULES:
        key, value = f"clean.documents.{name}", config.clean.documents.bounds().get(name)
    elif name in {field.name for field in dataclasses.fields(config.clean)}:
        key, value = f"clean.{name}", getattr(config.clean, name)
    else:
        return ""
    if value is None or value is False:
        return ""
    if isinstance(value, bool | str):
        return f"{key} is {'on' if value is True else value}: off switches it off"
    upper = name.startswith("max_") or name in _UPPER
    return f"{key} is {value:g}: {'raise' if upper else 'lower'} it"


def of_reading(config: PrepareConfig, rule: str, receipts: Iterable[Receipt]) -> str:
    """What to do with files that lost records to a rule of reading; "" for other rules, and where
    there is no more to say than the rule's name.

    Args:
      receipts: of the stage `clean`, of those files.
    """
    if rule not in READING:
        return ""
    for receipt in receipts:
        if not any(rule in chunk["rejected"] for chunk in receipt.facts["chunks"]):
            continue
        if rule == lines.NOT_UTF8:
            return first_look.NOT_UTF8 if _is_text(receipt) else "write its texts in UTF-8"
        raws = rejections.first_raw(config, receipt, rule)
        if rule == WRONG_COLUMNS and receipt.facts["format"] == "tsv":
            return _of_columns(config, receipt.facts["role"], raws)
        if rule == WRONG_COLUMNS:
            return "give each row as many cells as the first row has; quote what holds a delimiter"
        if rule == MISSING_FIELD and raws:
            return _of_fields(config, receipt.facts["role"], raws)
    return READING[rule]


def _is_text(receipt: Receipt) -> bool:
    return receipt.facts["format"] in (*registry.RAW_FORMATS, continuations.FORMAT)


def _of_columns(config: PrepareConfig, role: str, raws: Sequence[bytes]) -> str:
    """Of rows of TSV, the first of which are these."""
    counts = Counter(raw.count(b"\t") + 1 for raw in raws if raw.strip())
    if not counts or clean.holds_texts(config, role):
        return "name the column of the text in data.text_field"
    return first_look.of_columns(counts.most_common(1)[0][0], header=config.data.tsv_header)


def _of_fields(config: PrepareConfig, role: str, raws: Sequence[bytes]) -> str:
    """Where records of JSON Lines have text that have none in the fields of the job."""
    fields = " and ".join(map(repr, clean.fields_for(config, role)))
    return (
        f"they have no text in {fields}, {first_look.texts_are_in(raws)}; say which it "
        f"is in {clean.field_keys(config, role)}"
    )
