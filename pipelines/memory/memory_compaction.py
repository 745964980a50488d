"""Many small files of a translation memory made into few large ones.

What is read of some files is written to a new one, and then those are removed. A kill in between
leaves some rows twice, which does no harm. Two compactions at once lose nothing either: a file is
removed only by whoever has written all of its rows to another file, one that was not there when it
began to read; so no two files can each be removed for the sake of the other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from .. import files
from . import memory_files
from .memory_files import KEY_BYTES, DamagedError

# A file of that size is not read again to be made larger. About half a million sentences.
FULL_BYTES = 32 << 20

# What a kill left half written is older than that.
_STALE_SECONDS = 3600


def compact(folder: str) -> None:
    """Makes the small files of one folder of a memory into as few as their sizes allow. Does
    nothing where another process of this machine is at it.

    Raises `WorkError` where the memory cannot be read or written.
    """
    if not files.is_remote(folder) and not os.path.isdir(folder):
        return
    with _alone(folder) as alone:
        if not alone:
            return
        _remove_stale(folder)
        for names in _groups(memory_files.sizes(folder)):
            _merge(folder, names)


def _groups(sizes: dict[str, int]) -> Iterator[list[str]]:
    """The names of small files, in groups of two or more that are to become one file each."""
    group: list[str] = []
    total = 0
    for size, name in sorted((size, name) for name, size in sizes.items() if size < FULL_BYTES):
        group.append(name)
        total += size
        if total >= FULL_BYTES:
            if len(group) > 1:
                yield group
            group, total = [], 0
    if len(group) > 1:
        yield group


def _merge(folder: str, names: list[str]) -> None:
    tables, paths = [], []
    for path in (files.join(folder, name) for name in names):
        try:
            tables.append(memory_files.read(path))
            paths.append(path)
        except FileNotFoundError:
            continue  # somebody else has made it part of another
        except DamagedError:
            memory_files.put_aside(path)
    if len(paths) > 1:
        memory_files.write(folder, _distinct(pa.concat_tables(tables)))
        for path in paths:
            files.remove(path)


def _distinct(table: pa.Table) -> pa.Table:
    """The first row of each key, in order."""
    keys = np.array(table.column("key").to_pylist(), f"S{KEY_BYTES}")
    first = np.unique(keys, return_index=True)[1]
    return table if len(first) == len(keys) else table.take(np.sort(first))


def _remove_stale(folder: str) -> None:
    if files.is_remote(folder):
        return
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if files.is_temporary(name):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - os.path.getmtime(path) > _STALE_SECONDS:
                    os.unlink(path)


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[bool]:
    """Whether this is the only compaction of a folder; spares work, nothing rests on it."""
    if files.is_remote(folder):
        yield True
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except BlockingIOError:
        alone = False
    except OSError:  # a file system without locks
        alone = True
    try:
        yield alone
    finally:
        os.close(descriptor)
