"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from electra_model.errors import InputError, WorkError
from pipelines import files

_held: set[str] = set()  # real paths of the folders that this process has locked


@contextlib.contextmanager
def locked(folder: str, key: str = "workdir") -> Iterator[None]:
    """Keeps a folder to this process while the context lasts; makes the folder.

    The lock goes with the process, whatever ends it. Within one process it may be taken again. An
    object store has none.

    Raises:
      WorkError: another process has it. InputError: the folder cannot be made or written to.
    """
    real = os.path.realpath(folder)
    if files.is_remote(folder) or real in _held:
        yield
        return
    path = os.path.join(folder, ".lock")
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(f"{key}: cannot write to {folder!r}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise WorkError(
                f"{folder}: another electra command works there (process {holder}); "
                "wait for it or end it"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        _held.add(real)
        yield
    finally:
        _held.discard(real)
        os.close(descriptor)
