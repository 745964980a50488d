"""What reaches standard error from the libraries: warnings that a user can act on, no chatter.

With `--debug`, which sets the environment variable ELECTRA_DEBUG for workers too, everything does.
"""

from __future__ import annotations

import logging
import os

DEBUG_VARIABLE = "ELECTRA_DEBUG"

# Beam logs each failure with a traceback before it raises it, and it is the raised error that the
# user is told. Its warnings are about features that are not used here.
_SILENT = ("apache_beam", "absl", "h5py", "matplotlib", "tensorflow", "urllib3")
_SILENT_ROOT = ("apitools not found", "Waiting for grpc channel")


def environment() -> None:
    """Environment variables that TensorFlow and gRPC read when they are imported."""
    debug = DEBUG_VARIABLE in os.environ
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if debug else "2")
    os.environ.setdefault("GRPC_VERBOSITY", "INFO" if debug else "ERROR")
    # One pool of memory instead of a page fault for every tensor: a third of the step time.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")


def quiet() -> None:
    """Sets up the root logger of this process."""
    environment()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    if DEBUG_VARIABLE not in os.environ:
        handler.setLevel(logging.WARNING)
        handler.addFilter(_tells_the_user_something)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def _tells_the_user_something(record: logging.LogRecord) -> bool:
    if record.levelno >= logging.CRITICAL:
        return True
    if record.name == "root":
        return not record.getMessage().startswith(_SILENT_ROOT)
    return record.name.split(".")[0] not in _SILENT
