"""Plain text by paragraphs: the lines between two blank lines are a row.

A line of nothing but white space is blank. A paragraph belongs to the unit in which its first byte
lies. Of compressed text, where nobody can look back from the beginning of a unit, what comes before
the unit's first blank line belongs to the unit before.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import compression, documents, lines, members

_TAIL_BATCH = 1 << 16


@dataclasses.dataclass
class _Paragraph:
    """Some lines.

    Attributes:
      path: of the file. size: bytes in all.
      data: the lines with their ends; of a paragraph that is too large its beginning.
    """

    path: str
    size: int = 0
    data: bytearray = dataclasses.field(default_factory=bytearray)

    @property
    def too_large(self) -> bool:
        return self.size > documents.LARGEST

    def add(self, line: bytes, size: int) -> None:
        """One more line, of so many bytes. Raises `InputError` when it is one too many."""
        self.size += size
        if self.size > lines.NO_TEXT:
            raise InputError(
                f"{self.path}: a paragraph is larger than {lines.NO_TEXT >> 20} MiB; are there "
                "blank lines between its paragraphs?"
            )
        if self.size - size <= documents.LARGEST:
            self.data += line
        if self.too_large:
            self.data = bytearray(lines.beginning(self.data))


def read(unit: Unit, fields: Sequence[str], raw: bool) -> Iterator[pa.RecordBatch]:
    """One row per paragraph, its lines joined by one LF. Errors: "not_utf8" and "too_large".

    Raises:
      InputError: as `lines.read_lines`, and for a paragraph of more than 256 MiB.
    """
    first = size = 0
    some: list[_Paragraph] = []
    for paragraph in _paragraphs(unit):
        some.append(paragraph)
        size += len(paragraph.data)
        if size >= lines.BATCH_BYTES or len(some) >= lines.BATCH_ROWS:
            yield _batch(first, some, fields, raw)
            first += len(some)
            some, size = [], 0
    if some:
        yield _batch(first, some, fields, raw)


def _batch(first: int, some: list[_Paragraph], fields: Sequence[str], raw: bool) -> pa.RecordBatch:
    raws = [bytes(paragraph.data) for paragraph in some]
    bodies = [data.removesuffix(b"\n").replace(b"\r\n", b"\n") for data in raws]
    texts = lines.decode_column(bodies, first_of_file=False)
    errors = [
        lines.TOO_LARGE if paragraph.too_large else None if is_text else lines.NOT_UTF8
        for paragraph, is_text in zip(some, texts.is_valid().to_pylist(), strict=True)
    ]
    too_large = pa.array([paragraph.too_large for paragraph in some])
    texts = pc.if_else(too_large, pa.scalar(None, pa.string()), texts)
    return lines.batch(first, errors, raws if raw else None, fields, [texts])


def _paragraphs(unit: Unit) -> Iterator[_Paragraph]:
    packed = unit.compression is not None
    skipping = _begins_inside(unit)
    position_known = unit.start == 0
    paragraph = _Paragraph(unit.path)
    any_lines = False
    for line, size in _raw_lines(lines.read_lines(unit)):
        any_lines = True
        if position_known:
            line, position_known = line.removeprefix(lines.BOM), False
        # A line that is too large is not blank, whatever it begins with.
        if not line.strip() and size <= lines.LONGEST_LINE:
            skipping = False
            if paragraph.size:
                yield paragraph
            paragraph = _Paragraph(unit.path)
        elif not skipping:
            paragraph.add(line, size)
    # Where nobody looks back, the unit after begins behind its first blank line, come what may.
    if not any_lines or skipping or not (paragraph.size or packed):
        return
    for line, size in _raw_lines(_following(unit)):
        if not line.strip() and size <= lines.LONGEST_LINE:
            break
        paragraph.add(line, size)
    if paragraph.size:
        yield paragraph


def _raw_lines(batches: Iterator[lines.Lines]) -> Iterator[tuple[bytes, int]]:
    """(a line with its end, its bytes); of a line that is too large its beginning."""
    return ((line, some.too_large or len(line)) for some in batches for line in some.raw())


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
