"""A model folder in an object store, where a process can read it: copied to this machine."""

from __future__ import annotations

import fcntl
import os
import tempfile

from electra_model.errors import InputError

from .. import files


def copied(folder: str, fingerprint: str) -> str:
    """The copy: made once for each machine and user, however many processes ask for it at once.

    Args:
      fingerprint: of the model; another one under the same address is another copy.

    Raises `InputError` where there is no place for it.
    """
    kept = os.path.join(tempfile.gettempdir(), f"electra-models-{os.getuid()}")
    os.makedirs(kept, mode=0o700, exist_ok=True)
    if os.stat(kept).st_uid != os.getuid():
        raise InputError(f"{kept}: belongs to another user; set TMPDIR to a folder of your own")
    target = os.path.join(kept, fingerprint)
    lock = os.open(kept, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one copies, the others wait
        if not os.path.isdir(target):
            with tempfile.TemporaryDirectory(dir=kept) as making:
                made = os.path.join(making, "model")
                for path in files.below(folder):
                    name = path.removeprefix(folder.rstrip("/") + "/")
                    files.copy(path, os.path.join(made, name))
                os.rename(made, target)
        return target
    finally:
        os.close(lock)
