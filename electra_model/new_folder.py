"""A folder that is there as a whole or not at all, whatever ends the process that writes it."""

from __future__ import annotations

import contextlib
import glob
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

from electra_model.durability import sync_folder
from electra_model.errors import InputError


@contextlib.contextmanager
def new_folder(
    folder: str | os.PathLike, ours: Callable[[pathlib.Path], bool], what: str
) -> Iterator[pathlib.Path]:
    """Yields an empty folder beside `folder`, to be filled; at the end it takes that one's place.

    An older folder is replaced, and what a kill has left beside it is removed.

    Args:
      ours: whether a folder that is there already may be replaced.
      what: it must be, for the message.

    Raises InputError when something else is in the way.
    """
    named, folder = folder, pathlib.Path(os.path.abspath(folder))
    for kind in ("tmp", "old"):
        for leftover in folder.parent.glob(f".{glob.escape(folder.name)}.{kind}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
    if os.path.lexists(folder) and not (folder.is_dir() and ours(folder)):
        raise InputError(f"{named}: is not {what} and would be overwritten; name another one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}.tmp-", dir=folder.parent))
    try:
        os.chmod(building, 0o755)
        yield building
        for path in [*building.rglob("*"), building]:
            sync_folder(path)
        old = folder.parent / f".{folder.name}.old-{os.getpid()}"
        if folder.exists():
            os.replace(folder, old)
        os.replace(building, folder)
        sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)
