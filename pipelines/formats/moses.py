"""Moses pairs: two text files of equally many lines, line n of one the translation of line n of the
other, with the languages as their endings: `x.en` and `x.de`, or `x.en.gz` and `x.de.gz`.

A pair is named by the file of its source. Units are runs of lines, the same lines of both files;
where either file is compressed or UTF-16 the pair is one unit.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from electra_model.errors import InputError

from .. import files
from ..units import Unit
from . import compression, lines

_BATCH_ROWS = 20_000

# A line's bytes without its end, its text or None, and why there is none or None.
_Line = tuple[bytes, str | None, str | None]


def _parts(path: str) -> tuple[str, str, str]:
    """(stem, the ending that may be a language, the ending of a compression)."""
    stem, ending = os.path.splitext(path)
    packed = ""
    if ending.lower() in compression.ENDINGS:
        packed = ending
        stem, ending = os.path.splitext(stem)
    return stem, ending, packed


def compression_of(path: str) -> str | None:
    """The compression that the name of a file with a language as its ending says, or None."""
    return compression.ENDINGS.get(_parts(path)[2].lower())


def has_language(path: str, language: str) -> bool:
    """Whether a language, and perhaps a compression, is the ending of a name."""
    return _parts(path)[1] == f".{language}"


def in_language(path: str, language: str) -> str:
    """The other file of a pair: the same name with the ending of another language."""
    stem, _, packed = _parts(path)
    return f"{stem}.{language}{packed}"


def pair_up(paths: Sequence[str], source_lang: str, target_lang: str) -> dict[str, str | None]:
    """Each file with the second file of its pair, or None where it is no Moses pair.

    The files of the targets are left out, each being counted with its source.

    Raises:
      InputError: a file of a pair without the other, or a target without its source among `paths`.
    """
    found: dict[str, str | None] = {}
    if source_lang == target_lang:
        return dict.fromkeys(paths)
    named = set(paths)
    for path in paths:
        if has_language(path, target_lang):
            source = in_language(path, source_lang)
            if source not in named:
                raise InputError(
                    f"{path}: is the {target_lang} side of a pair of files; name the pair by its "
                    f"source, {source}"
                )
            continue
        target = None
        if has_language(path, source_lang):
            target = in_language(path, target_lang)
            if not files.exists(target):
                raise InputError(
                    f"{path}: its other side {target} is missing; a pair is two files of equally "
                    "many lines"
                )
        found[path] = target
    return found


def cut(
    path: str, partner: str, packed: str | None, unit_bytes: int
) -> list[tuple[int, int, int, str | None, int, int]]:
    """Runs of lines, both sides together of about `unit_bytes`; at least one.

    Args:
      packed: how both files are compressed, by their names.

    Returns:
      (start, stop, bytes of work, how the source is packed, start and stop in the target); a stop
      of -1 is the end of the file.

    Raises:
      InputError: the files have not the same number of lines, or are not what their names say.
    """
    total, partner_total = files.size(path), files.size(partner)
    kinds = [compression.packed_as(file, packed) for file in (path, partner)]
    if kinds != [None, None]:
        # The lines are counted when they are read.
        return [(0, -1, total + partner_total, kinds[0], 0, -1)]
    share = total / max(1, total + partner_total)
    numbers, bounds, count = _scan(path, max(1, int(unit_bytes * share)), None)
    _, partner_bounds, partner_count = _scan(partner, 0, numbers)
    if count != partner_count:
        raise _unequal(path, count, partner, partner_count)
    both = zip(
        itertools.pairwise([0, *bounds, total]),
        itertools.pairwise([0, *partner_bounds, partner_total]),
        strict=True,
    )
    return [
        (start, stop, stop - start + other_stop - other_start, None, other_start, other_stop)
        for (start, stop), (other_start, other_stop) in both
    ]


def _scan(path: str, every: int, numbers: Sequence[int] | None) -> tuple[list[int], list[int], int]:
    """Where a file can be cut: (lines before each cut, the byte of each cut, lines in all).

    Cuts are made at about every `every` bytes or, with `numbers`, behind so many lines.
    """
    wanted = None if numbers is None else iter(numbers)
    target = next(wanted, -1) if wanted is not None else -1
    cuts: list[int] = []
    bounds: list[int] = []
    total = files.size(path)
    position = count = last = 0
    ended = True
    for block in compression.read_range(path, 0, total):
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
        if wanted is None:
            while True:
                # The first line end at which the piece is long enough.
                place = int(np.searchsorted(ends, last + every - 1 - position))
                if place >= len(ends) or position + int(ends[place]) + 1 >= total:
                    break
                last = position + int(ends[place]) + 1
                cuts.append(count + place + 1)
                bounds.append(last)
        else:
            while target >= 0 and target <= count + len(ends):
                bounds.append(position + int(ends[target - count - 1]) + 1)
                target = next(wanted, -1)
        count += len(ends)
        position += len(block)
        ended = block.endswith(b"\n")
    return cuts, bounds, count + (0 if ended else 1)


def _unequal(path: str, count: int, partner: str, partner_count: int) -> InputError:
    return InputError(
        f"{path} has {count:,} lines and {partner} has {partner_count:,}; line n of one must be "
        "the translation of line n of the other"
    )


def read(unit: Unit, fields: Sequence[str], raw: bool) -> Iterator[pa.RecordBatch]:
    """One row per line of both files; `raw` is the two lines with a tab between them.

    Errors: "not_utf8" and "too_large", of either line. Raises `InputError` when one file ends
    before the other.
    """
    assert unit.partner is not None
    packed = compression_of(unit.partner)
    other = dataclasses.replace(
        unit,
        path=unit.partner,
        start=unit.partner_start,
        stop=unit.partner_stop,
        compression=compression.packed_as(unit.partner, packed) if unit.stop < 0 else None,
    )
    # A whole file in plain text beside one that is packed.
    sides = [_whole(unit), _whole(other)]
    pairs = itertools.zip_longest(*map(_lines, sides))
    row = 0
    while some := _bounded(pairs):
        if None in some[-1]:
            counts = [row + sum(pair[side] is not None for pair in some) for side in (0, 1)]
            for pair in pairs:
                for side in (0, 1):
                    counts[side] += pair[side] is not None
            raise _unequal(unit.path, counts[0], unit.partner, counts[1])
        yield _batch(row, some, fields, raw)
        row += len(some)


def _bounded(pairs: Iterator[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The next pairs of lines, of about `lines.BATCH_BYTES`; empty when there are none."""
    some: list[tuple[Any, ...]] = []
    size = 0
    for pair in itertools.islice(pairs, _BATCH_ROWS):
        some.append(pair)
        size += sum(len(line[0]) for line in pair if line is not None)
        if size >= lines.BATCH_BYTES:
            break
    return some


def _batch(
    first: int,
    some: list[tuple[_Line, ...]],
    fields: Sequence[str],
    raw: bool,
) -> pa.RecordBatch:
    errors: list[str | None] = []
    columns: list[list[str | None]] = [[], []]
    for pair in some:
        error = pair[0][2] or pair[1][2]
        errors.append(error)
        for column, (_, text, _) in zip(columns, pair, strict=True):
            column.append(text if error is None else None)
    raws = [b"%b\t%b\n" % (pair[0][0], pair[1][0]) for pair in some] if raw else None
    return lines.batch(first, errors, raws, fields, columns)


def _whole(unit: Unit) -> Unit:
    if unit.stop >= 0 or unit.compression is not None:
        return unit
    return dataclasses.replace(unit, stop=files.size(unit.path))


def _lines(unit: Unit) -> Iterator[_Line]:
    first = unit.start == 0
    for some in lines.read_lines(unit):
        if some.too_large:
            yield some.bodies[0], None, lines.TOO_LARGE
        else:
            for body, text in zip(
                some.bodies, lines.decode(some.bodies, first_of_file=first), strict=True
            ):
                yield body.removesuffix(b"\r"), text, None if text is not None else lines.NOT_UTF8
        first = False
