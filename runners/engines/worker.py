"""One local worker process: Beam's own worker, tied to the life of the command that started it.

Whatever ends the command, `kill -9` included, ends its workers: the kernel is asked to do it, and a
thread looks as well. Ctrl-C on a terminal reaches every process of the group; here it is ignored,
because the command decides what it means.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Asks the kernel to end this process with the thread that started it."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        pass  # not Linux


def tie_to_parent(parent: int) -> None:
    """Makes this process die with its parent. It exits at once when the parent is gone already."""
    end_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    # Where the kernel does not do it, this is enough, only slower.
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="watch-parent").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def main() -> None:
    """Serves the runner named by Beam's environment variables until the work is over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tie_to_parent(int(os.environ["ELECTRA_PARENT"]))
    from ..terminal import logs

    logs.quiet()
    if logs.DEBUG_VARIABLE not in os.environ:
        # Beam prints the traceback of each failure before it reports it; the report is enough.
        sys.stderr = open(os.devnull, "w")
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
