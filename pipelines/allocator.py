"""Keeps memory that was freed in the process, for the next batch.

Column-wise work takes and frees arrays of some megabytes all the time. By default each goes back to
the kernel and comes again page by page, which costs more than what is computed on it: about a sixth
of a preparation. What is held back is at most what was in use at once.
"""

from __future__ import annotations

import ctypes
import functools

import pyarrow as pa

# Parameters of glibc's malloc.h.
_ARENA_MAX, _MMAP_THRESHOLD, _TOP_PAD, _TRIM_THRESHOLD = -8, -3, -2, -1
# Older versions of glibc take no higher threshold for arrays of their own pages.
_OLD_HIGHEST = 32 << 20


@functools.cache
def keep_freed_memory() -> bool:
    """Once per process. True where the C library is one that can be told so."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    if not (mallopt(_MMAP_THRESHOLD, 1 << 30) or mallopt(_MMAP_THRESHOLD, _OLD_HIGHEST)):
        return False
    mallopt(_ARENA_MAX, 1)  # the heaps of other threads are too small for large arrays
    mallopt(_TOP_PAD, 64 << 20)
    mallopt(_TRIM_THRESHOLD, 1 << 30)
    pa.set_memory_pool(pa.system_memory_pool())
    return True
