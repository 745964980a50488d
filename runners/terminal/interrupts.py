"""Ctrl-C and SIGTERM: stop soon, keep the work, end with status 130 or 143.

The first signal raises `Interrupted` in the main thread, so that a training can still save a
checkpoint. A thread sees to it that the process ends even when the main thread is deep in compiled
code: after a grace time, or at once at the second signal. An abrupt end is harmless, because what
is finished is on the disk and what is not has another name there; and workers die with us.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

from . import log_lines

GRACE_SECONDS = 20.0
MESSAGE = "Interrupted. The work done so far is kept: the same command goes on where it was."
NOTHING_KEPT = (
    "Interrupted before any work was finished: the same command begins with the first of it."
)

_keeps: Callable[[], bool] | None = None


def keeps(anything: Callable[[], bool] | None) -> None:
    """Says how to find out, when a signal comes, whether any work is kept; None: it is."""
    global _keeps
    _keeps = anything


def message() -> str:
    """What is said in the end, whether or not work is kept."""
    return MESSAGE if _keeps is None or _keeps() else NOTHING_KEPT


class Interrupted(KeyboardInterrupt):
    """Raised in the main thread by SIGINT or SIGTERM; `status` is what the process ends with."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


def _raise(number: int, _frame: object) -> None:
    raise Interrupted(number)


def install() -> None:
    """Takes over both signals. To be called once, in the main thread, before the work begins."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _raise)
    threading.Thread(target=_watch, args=(reading,), daemon=True, name="watch-signals").start()


def _watch(reading: int) -> None:
    watched = (signal.SIGINT, signal.SIGTERM)
    first = None
    while True:
        for number in os.read(reading, 16):
            if number not in watched:
                continue
            if first is not None:
                end_now(128 + number)
            first = number
            threading.Thread(target=_end_later, args=(128 + number,), daemon=True).start()


def _end_later(status: int) -> None:
    time.sleep(GRACE_SECONDS)
    end_now(status)


def end_now(status: int) -> None:
    """Says whether work is kept, and ends the process without waiting for any thread."""
    print(log_lines.line(message(), level="warning"), file=sys.stderr, flush=True)
    os._exit(status)


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Inside, both signals end the process as the system does. For calls into libraries that wait
    for others without letting any other thread run, when there is nothing yet to be saved."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watched = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Noted:
    """The number of the signal that came, or None."""

    number: int | None = None


@contextlib.contextmanager
def noted() -> Iterator[Noted]:
    """Notes SIGINT and SIGTERM instead of raising, so that an update is never cut in two."""
    found = Noted()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return

    def note(number: int, _frame: object) -> None:
        found.number = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
