"""Rows one by one -> batches, for formats that are parsed rather than split at line ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from . import lines

# The slug of what makes a row unreadable, or None; and the text of each field.
Row = tuple[str | None, Sequence[str | None]]


def batches(rows: Iterable[Row], fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The batches that every reader gives, of about `lines.BATCH_BYTES` of text each.

    A text that UTF-8 cannot write (it holds a lone surrogate) makes its row "not_utf8", and one of
    more bytes than `lines.LONGEST_LINE` makes it "too_large", without any text. The texts of a row
    with another error are kept, to be seen where it is rejected.
    """
    first = size = 0
    errors: list[str | None] = []
    columns: list[list[str | None]] = [[] for _ in fields]
    for error, cells in rows:
        if not all(has_utf8(cell) for cell in cells):
            error, cells = lines.NOT_UTF8, [None] * len(cells)
        elif any(map(_is_too_large, cells)):
            error, cells = lines.TOO_LARGE, [None] * len(cells)
        errors.append(error)
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell)
            size += len(cell or "")
        size += 16
        if size >= lines.BATCH_BYTES:
            yield lines.batch(first, errors, None, fields, columns)
            first, size = first + len(errors), 0
            errors, columns = [], [[] for _ in fields]
    if errors:
        yield lines.batch(first, errors, None, fields, columns)


def _is_too_large(text: str | None) -> bool:
    # A character takes four bytes at most.
    if text is None or 4 * len(text) <= lines.LONGEST_LINE:
        return False
    return len(text.encode()) > lines.LONGEST_LINE


def has_utf8(text: str | None) -> bool:
    """False for text with a lone surrogate, which JSON can write (`"\\ud800"`) and UTF-8 cannot."""
    if text is None or text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
