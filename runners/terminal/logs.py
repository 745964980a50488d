"""What reaches standard error from the libraries: warnings that a user can act on, no chatter.

With `--debug`, which sets the environment variable ELECTRA_DEBUG for workers too, everything does.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import logging
import os
import re
import sys
import tempfile
import types
import warnings
from collections.abc import Callable

from . import log_lines

DEBUG_VARIABLE = "ELECTRA_DEBUG"

# Beam logs each failure with a traceback before it raises it, and it is the raised error that the
# user is told. Its warnings are about features that are not used here.
_SILENT = ("apache_beam", "absl", "google", "h5py", "matplotlib", "tensorflow", "urllib3")
_SILENT_ROOT = (
    "apitools not found",
    "Resource module is not available",
    "Waiting for grpc channel",
    "Not setting flag with value None",
)
# What TensorFlow writes while it is imported, whatever TF_CPP_MIN_LOG_LEVEL says.
_IMPORT_CHATTER = re.compile(
    rb"WARNING: All log messages before|[IWE]\d{4} \d\d:|To enable the foll"
)


def environment() -> None:
    """Environment variables that TensorFlow and gRPC read when they are imported."""
    debug = DEBUG_VARIABLE in os.environ
    # 3: on a machine without a GPU even level 2 reports, as an error, that there is none.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if debug else "3")
    os.environ.setdefault("GRPC_VERBOSITY", "INFO" if debug else "ERROR")
    # One pool of memory instead of a page fault for every tensor: a third of the step time.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")


def quiet() -> None:
    """Sets up the root logger of this process, and the import of TensorFlow."""
    environment()
    handler = logging.StreamHandler()
    handler.setFormatter(log_lines.Formatter("%(levelname)s %(name)s: %(message)s"))
    if DEBUG_VARIABLE not in os.environ:
        handler.setLevel(logging.WARNING)
        handler.addFilter(_tells_the_user_something)
        sys.meta_path.insert(0, _TensorFlowFinder())
        warnings.simplefilter("ignore")  # they are for the programmers of the libraries
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def _tells_the_user_something(record: logging.LogRecord) -> bool:
    if record.levelno >= logging.CRITICAL:
        return True
    if record.name == "root":
        return not record.getMessage().startswith(_SILENT_ROOT)
    return record.name.split(".")[0] not in _SILENT


class _TensorFlowFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as everybody does, but has it executed with its chatter taken out."""

    def find_spec(self, fullname, path, target=None):
        """The spec of `tensorflow`, once; None for everything else."""
        if fullname != "tensorflow" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module
            loader.exec_module = lambda module: _without_chatter(execute, module)
        return spec


def _without_chatter(execute: Callable[[types.ModuleType], None], module: types.ModuleType) -> None:
    """Collects what is written to descriptor 2 meanwhile and passes on what is no chatter."""
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as collected:
        os.dup2(collected.fileno(), 2)
        try:
            execute(module)
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            collected.seek(0)
            for line in collected:
                if not _IMPORT_CHATTER.match(line):
                    os.write(2, line)
