"""What must still be there after a loss of power."""

from __future__ import annotations

import os


def sync_folder(folder: str | os.PathLike) -> None:
    """Makes what was renamed or made in a local folder durable; for a file, what it holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
