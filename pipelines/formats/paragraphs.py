"""Plain text by paragraphs: the lines between two blank lines are a row.

A line of nothing but white space is blank. A paragraph belongs to the unit in which its first byte
lies. Of compressed text, where nobody can look back from the beginning of a unit, what comes before
the unit's first blank line belongs to the unit before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import compression, documents, lines, members

_TAIL_BATCH = 1 << 16
# Lines of a paragraph, with their ends.
_Paragraph = list[bytes]


def read(unit: Unit, fields: Sequence[str], raw: bool) -> Iterator[pa.RecordBatch]:
    """One row per paragraph, its lines joined by one LF. Error: "not_utf8".

    Raises:
      InputError: as `lines.read_lines`, and for a paragraph of more than 256 MiB.
    """
    first = size = 0
    some: list[_Paragraph] = []
    for paragraph in _paragraphs(unit):
        some.append(paragraph)
        size += sum(map(len, paragraph))
        if size >= lines.BATCH_BYTES or len(some) >= lines.BATCH_ROWS:
            yield _batch(first, some, fields, raw)
            first += len(some)
            some, size = [], 0
    if some:
        yield _batch(first, some, fields, raw)


def _batch(first: int, some: list[_Paragraph], fields: Sequence[str], raw: bool) -> pa.RecordBatch:
    texts = [_text(paragraph) for paragraph in some]
    errors = [lines.NOT_UTF8 if text is None else None for text in texts]
    return lines.batch(first, errors, [b"".join(p) for p in some] if raw else None, fields, [texts])


def _text(paragraph: _Paragraph) -> str | None:
    texts = lines.decode([line.removesuffix(b"\n") for line in paragraph], first_of_file=False)
    found = [text for text in texts if text is not None]
    return "\n".join(found) if len(found) == len(texts) else None


def _paragraphs(unit: Unit) -> Iterator[_Paragraph]:
    packed = unit.compression is not None
    skipping = _begins_inside(unit)
    position_known = unit.start == 0
    paragraph: _Paragraph = []
    size = 0
    any_lines = False
    for line in _raw_lines(lines.read_lines(unit)):
        any_lines = True
        if position_known:
            line, position_known = line.removeprefix(lines.BOM), False
        if not line.strip():
            skipping = False
            if paragraph:
                yield paragraph
            paragraph, size = [], 0
        elif not skipping:
            paragraph.append(line)
            size = _bounded(size + len(line), unit)
    # Where nobody looks back, the unit after begins behind its first blank line, come what may.
    if not any_lines or skipping or not (paragraph or packed):
        return
    for line in _raw_lines(_following(unit)):
        if not line.strip():
            break
        paragraph.append(line)
        size = _bounded(size + len(line), unit)
    if paragraph:
        yield paragraph


def _raw_lines(batches: Iterator[lines.Lines]) -> Iterator[bytes]:
    return (line for some in batches for line in some.raw())


def _bounded(size: int, unit: Unit) -> int:
    if size > documents.LARGEST:
        raise InputError(
            f"{unit.path}: a paragraph is larger than {documents.LARGEST >> 20} MiB; are there "
            "blank lines between its paragraphs?"
        )
    return size


def _following(unit: Unit) -> Iterator[lines.Lines]:
    """The lines behind those whose first byte lies in the unit."""
    total = files.size(unit.path)
    if unit.compression is None:
        start = lines.line_start(unit.path, unit.stop)
        blocks = compression.read_range(unit.path, start, total)
    elif unit.stop < 0 or unit.stop == total:
        return iter(())
    else:
        blocks = members.read_whole_lines(unit.path, unit.compression, unit.stop, total)
    return lines.split_lines(blocks, unit.path, _TAIL_BATCH)


def _begins_inside(unit: Unit) -> bool:
    """Whether the first line of the unit goes on with a paragraph that has begun before."""
    if unit.start == 0:
        return False
    if unit.compression is not None:
        return True
    end = lines.line_start(unit.path, unit.start)
    with files.open_read(unit.path) as stream:
        # The line before ends at `end`, with an LF: back to the one before that.
        end -= 1
        while end > 0:
            start = max(0, end - (1 << 16))
            stream.seek(start)
            block = stream.read(end - start)
            if start == 0:
                block = block.removeprefix(lines.BOM)
            line = block[block.rfind(b"\n") + 1 :]
            if line.strip():
                return True
            if len(line) < len(block):
                return False
            end = start
    return False
