"""Rejected records: kept with their reason, nothing of them lost.

A chunk's rejections are one part: for each rule a gzip stream of JSON lines, laid end to end, and
in the receipt's facts where each stream lies. Streams laid end to end are again one gzip file, so
the files that a user sees, `dataset/rejected/<rule>.jsonl.gz`, are made by copying bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from .. import files
from ..config import PrepareConfig
from ..dataset import places as unit_places
from ..dataset.places import Place
from ..formats import members
from ..formats.lines import head
from ..stages import Index, part_path
from ..units import Parts, Receipt

SAMPLES = 20
# Bytes of a record that is shown in part among the samples, and characters of each text of it.
_LONG_SAMPLE = 1 << 17
_SHOWN = 2000
# Characters of a text that are written as JSON at once.
_JSON_AT_ONCE = 1 << 20

# One for all records: `json.dumps`, with an option, makes a new one every time.
_ENCODER = json.JSONEncoder(ensure_ascii=False)

T = TypeVar("T")


def reject(
    rule: str,
    path: str,
    unit_id: str,
    row: int,
    source: str | None = None,
    target: str | None = None,
    raw: bytes | None = None,
    of: dict[str, Any] | None = None,
    found: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A rejected record. `raw`: its bytes, where it could not be read. `of`: "path", "unit" and
    "row" of the record because of which it was rejected, which may itself be rejected later.
    `found`: side -> what the rule found.
    """
    record: dict[str, Any] = {"rule": rule, "path": path, "unit": unit_id, "row": int(row)}
    if raw is not None:
        record["raw"] = raw.decode("utf-8", errors="backslashreplace")
    else:
        record["source"] = source
        if target is not None:
            record["target"] = target
    if of is not None:
        record["of"] = of
    if found is not None:
        record["found"] = found
    return record


def add_part(
    parts: Parts, suffix: str, records: Sequence[dict[str, Any]]
) -> dict[str, dict[str, int]]:
    """Writes rejected records as one part, none if there are none.

    Returns:
      rule -> {"records", "start", "stop"}: how many, and the bytes of the part that hold them.
    """
    by_rule: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_rule.setdefault(record["rule"], []).append(record)
    spans, data = {}, bytearray()
    for rule in sorted(by_rule):
        start = len(data)
        packer = zlib.compressobj(level=6, wbits=31)
        for record in by_rule[rule]:
            for piece in _json_of(record):
                data += packer.compress(piece.encode("utf-8", errors="backslashreplace"))
        data += packer.flush()
        spans[rule] = {"records": len(by_rule[rule]), "start": start, "stop": len(data)}
    if spans:
        parts.add(suffix, bytes(data))
    return spans


def _json_of(record: dict[str, Any]) -> Iterator[str]:
    """A record as a line of JSON; in pieces where a text is long, for a character may be six."""
    if not any(isinstance(text, str) and len(text) > _JSON_AT_ONCE for text in record.values()):
        yield _ENCODER.encode(record) + "\n"
        return
    before = "{"
    for key, value in record.items():
        yield f"{before}{json.dumps(key)}: "
        before = ", "
        if isinstance(value, str) and len(value) > _JSON_AT_ONCE:
            yield '"'
            for start in range(0, len(value), _JSON_AT_ONCE):
                yield _ENCODER.encode(value[start : start + _JSON_AT_ONCE])[1:-1]
            yield '"'
        else:
            yield _ENCODER.encode(value)
    yield "}\n"


# Where the bytes of one rule lie: path, start, stop.
Span = tuple[str, int, int]


def spans_of(config: PrepareConfig, stage: str, index: Index) -> dict[str, list[Span]]:
    """Rule -> where its records of a stage lie, in the order of the input."""
    found: dict[str, list[Span]] = {}
    for receipt in index.receipts:
        for chunk in receipt.facts["chunks"]:
            for rule, span in chunk["rejected"].items():
                path = part_path(config, stage, receipt, chunk["rejected_part"])
                found.setdefault(rule, []).append((path, span["start"], span["stop"]))
    return found


def publish(
    config: PrepareConfig, spans: dict[str, list[Span]], places: dict[str, Place]
) -> dict[str, str]:
    """Writes `dataset/rejected/<rule>.jsonl.gz` and `dataset/samples/<rule>.jsonl`, and the places
    of units.

    Of samples the numbers in the file are looked up; the many others are only copied.

    Returns:
      rule -> the sample file's name below `dataset/`.
    """
    names = {}
    for rule in sorted(spans):
        target = files.join(config.workdir, "dataset", "rejected", f"{rule}.jsonl.gz")
        files.write_atomic(target, _copied(spans[rule]))
        names[rule] = f"samples/{rule}.jsonl"
        files.write_atomic(
            files.join(config.workdir, "dataset", names[rule]), _spread_lines(spans[rule], places)
        )
    unit_places.write(config, places)
    return names


def _copied(spans: list[Span]) -> Iterator[bytes]:
    for path, start, stop in spans:
        with files.open_read(path) as stream:
            stream.seek(start)
            yield stream.read(stop - start)


def _spread_lines(spans: list[Span], places: dict[str, Place]) -> bytes:
    """Some of the records, evenly spread over all units and within each that is looked at."""
    chosen = spread(spans, SAMPLES)
    lines: list[bytes] = []
    for data in _copied(chosen):
        found = zlib.decompress(data, wbits=31).splitlines(keepends=True)
        lines += spread(found, -(-SAMPLES // len(chosen)))
    return b"".join(_sample(line, places) for line in spread(lines, SAMPLES))


def _sample(line: bytes, places: dict[str, Place]) -> bytes:
    """A record with its numbers in the file; with the beginnings of its texts where it is long."""
    record = json.loads(line)
    if len(line) > _LONG_SAMPLE:
        record = {
            key: f"{value[:_SHOWN]}..." if isinstance(value, str) and len(value) > _SHOWN else value
            for key, value in record.items()
        }
    record = _numbered(record, places)
    if "of" in record:
        record["of"] = _numbered(record["of"], places)
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _numbered(record: dict[str, Any], places: dict[str, Place]) -> dict[str, Any]:
    """With "record" and "line" behind "row"."""
    found: dict[str, Any] = {}
    for key, value in record.items():
        found[key] = value
        if key == "row":
            found |= places[record["unit"]].number(value)
    return found


def first_raw(config: PrepareConfig, receipt: Receipt, rule: str) -> list[bytes]:
    """The first records of a unit that reading has rejected by a rule, byte for byte but for what
    is not UTF-8; [] where such records are not kept as they were.

    Args:
      receipt: of the stage `clean`.
    """
    for chunk in receipt.facts["chunks"]:
        span = chunk["rejected"].get(rule)
        if span is None:
            continue
        path = part_path(config, "clean", receipt, chunk["rejected_part"])
        text, _ = head(members.read_members(path, "gzip", span["start"], span["stop"]))
        records = map(json.loads, text.split(b"\n")[:-1])
        if found := [record["raw"].encode() for record in records if "raw" in record]:
            return found
    return []


def spread(some: Sequence[T], most: int) -> list[T]:
    """At most so many of them, evenly spread, the first and the last among them.

    >>> spread("abcdefghi", 3)
    ['a', 'e', 'i']
    """
    if len(some) <= most:
        return [*some]
    return [some[place * (len(some) - 1) // max(1, most - 1)] for place in range(most)]
