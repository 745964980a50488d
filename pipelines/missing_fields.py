"""What is to be said of records that were rejected because they lack the fields that the job names:
where their text is."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator

from . import clean, files, first_look
from .config import PrepareConfig
from .formats.columns import MISSING_FIELD
from .stages import part_path
from .units import Receipt

# Of the rejected records of a chunk: bytes that are looked at, and records.
_BYTES = 1 << 16
_RECORDS = 20


def remedy(config: PrepareConfig, receipts: Iterable[Receipt]) -> str:
    """Where the first such records have text, and the keys to name it in: "they have no text ...".

    Args:
      receipts: of the stage `clean`. Only JSON Lines are kept as they were; "" without any.
    """
    for receipt in receipts:
        bodies = [*_raw_records(config, receipt)]
        if bodies:
            role = receipt.facts["role"]
            fields = " and ".join(map(repr, clean.fields_for(config, role)))
            return (
                f"they have no text in {fields}, {first_look.texts_are_in(bodies)}; say which it "
                f"is in {clean.field_keys(config, role)}"
            )
    return ""


def _raw_records(config: PrepareConfig, receipt: Receipt) -> Iterator[bytes]:
    """The first records of a unit that the rule has rejected, byte for byte."""
    for chunk in receipt.facts["chunks"]:
        span = chunk["rejected"].get(MISSING_FIELD)
        if span is None:
            continue
        with files.open_read(part_path(config, "clean", receipt, chunk["rejected_part"])) as stream:
            stream.seek(span["start"])
            packed = stream.read(min(_BYTES, span["stop"] - span["start"]))
        lines = zlib.decompressobj(wbits=31).decompress(packed, _BYTES).split(b"\n")
        for line in lines[:-1][:_RECORDS]:
            record = json.loads(line)
            if "raw" in record:
                yield record["raw"].encode()
        return
