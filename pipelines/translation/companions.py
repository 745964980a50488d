"""Files beside an output file whose line n is about its row n.

    _electra/certificate/<name>.jsonl.gz    what is wrong with which row: see `certificate`
    _electra/details/<name>.jsonl.gz        more of each translation: see `details`

Lines are made with a unit's rows and committed as a part of it; whoever puts the file together puts
the number of the row before them. The same rows always give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .. import files
from . import translation_inputs

# Kind -> the section of the run's settings without which there is none. A kind is the name of the
# folder below `_electra`, the suffix of a unit's part, and begins a key of the manifest's entries.
KINDS = {"certificate": "checks", "details": "details"}


def numbered(parts: Iterable[tuple[bytes, int]]) -> Iterator[bytes]:
    """The lines of a file, compressed by gzip.

    Args:
      parts: the lines of each of its units, in order, and how many rows it has.
    """
    return translation_inputs.pack(_with_numbers(parts), "gzip")


def _with_numbers(parts: Iterable[tuple[bytes, int]]) -> Iterator[bytes]:
    before = 0
    for lines, rows in parts:
        each = enumerate(lines.splitlines(keepends=True), start=before + 1)
        yield b"".join(b'{"row": %d, ' % number + line[1:] for number, line in each)
        before += rows


def path_of(folder: str, kind: str, name: str) -> str:
    """Where the companion of an output file is; `folder` is `_electra`."""
    return files.join(folder, kind, f"{name}.jsonl.gz")


def checksum(kind: str) -> str:
    """The key of a manifest's entry under which the sha256 of the companion stands."""
    return f"{kind}_sha256"


def stands(folder: str, entry: dict[str, Any], kinds: Iterable[str] = KINDS) -> bool:
    """Whether the companions that a manifest's entry names are there as they were written."""
    for kind in kinds:
        if checksum(kind) in entry:
            path = path_of(folder, kind, entry["name"])
            if not files.exists(path) or files.sha256(path) != entry[checksum(kind)]:
                return False
    return True
