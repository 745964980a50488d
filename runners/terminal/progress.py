"""Progress on standard error: a bar on a terminal, otherwise one line every half minute."""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from . import log_lines

LINE_SECONDS = 30.0

# No time left is told before the work has gone on for so long since its first advance.
SETTLE_SECONDS = 5.0


def say(text: str) -> None:
    """One line on standard error, at once, whatever names of files or fields are in it."""
    print(log_lines.line(text), file=sys.stderr, flush=True)


class Progress:
    """How far one stage is. Use as a context manager; `update` may be called from any thread.

    Args:
      label: what is going on, usually the stage.
      total: how much there is to do, or None while that is not known.
      unit: what is counted: "units", "steps", "sentences", "s" ...
      every_seconds: time between two lines where there is no terminal.
      settle_seconds: time after the first advance before a time left is told. What comes up to that
        advance, such as compiling, says nothing of the pace and does not count for it.
    """

    def __init__(
        self,
        label: str,
        total: float | None = None,
        unit: str = "",
        *,
        stream: TextIO | None = None,
        every_seconds: float = LINE_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self.label, self.total, self.unit = label, total, unit
        self._stream = stream or sys.stderr
        self._every = every_seconds
        self._settle = settle_seconds
        self._advance: tuple[float, float] | None = None  # the first: time, and what was done
        self._lock = threading.Lock()
        self._done: float = 0
        self._printed: float | None = None
        self._first: float | None = None  # what was done before: it does not count for the rate
        self._facts = ""
        self._given: str | None = None
        self._started = self._last_line = time.monotonic()
        self._bar: RichProgress | None = None

    def __enter__(self) -> Progress:
        self._started = self._last_line = time.monotonic()
        if self._stream.isatty() and not log_lines.is_json():
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[text]}"),
                console=Console(file=self._stream),
                refresh_per_second=4,
            )
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=self.total, text="")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._done and self._printed != self._done:
            self._print()

    def update(
        self, done: float, total: float | None = None, *, text: str | None = None, **facts: Any
    ) -> None:
        """Says that `done` of `total` are done; `facts` (loss, rate ...) are shown as they are.

        A `text` is shown in place of what would be made of all that.
        """
        with self._lock:
            self._given = text
            self._done = done
            self._first = done if self._first is None else self._first
            if self._advance is None and done > self._first:
                self._advance = time.monotonic(), done
            self.total = total if total is not None else self.total
            self._facts = ", ".join(
                f"{_words(name)} {_short(fact)}" for name, fact in facts.items()
            )
            if self._bar is not None:
                self._bar.update(self._task, completed=done, total=self.total, text=self._text())
            elif time.monotonic() - self._last_line >= self._every:
                self._last_line = time.monotonic()
                self._print()

    def _print(self) -> None:
        self._printed = self._done
        text = f"{self.label}: {self._text()}"
        told = log_lines.line(text, done=self._done, total=self.total, unit=self.unit)
        print(told, file=self._stream, flush=True)

    def _text(self) -> str:
        if self._given is not None:
            return self._given
        of = f" of {_short(self.total)}" if self.total is not None else ""
        parts = [f"{_short(self._done)}{of} {self.unit}".rstrip()]
        elapsed = time.monotonic() - self._started
        new = self._done - (self._first or 0)
        if new > 0 and elapsed > 0:
            rate = new / elapsed
            if self.unit != "s":
                parts.append(f"{_short(rate)}/s")
            if (left := self._seconds_left()) is not None:
                parts.append(f"{clock(left)} left")
        if self._facts:
            parts.append(self._facts)
        return ", ".join(parts)

    def _seconds_left(self) -> float | None:
        """None while too little has been done to tell, and when all is."""
        if self.total is None or self.total <= self._done:
            return None
        if self.unit == "s":  # of a clock that stands still while the model is compiled
            return self.total - self._done
        if self._advance is None:
            return None
        began, before = self._advance
        elapsed = time.monotonic() - began
        if self._done <= before or elapsed < self._settle:
            return None
        return (self.total - self._done) * elapsed / (self._done - before)


def clock(seconds: float) -> str:
    """`75` -> `1:15`, `3700` -> `1:01:40`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def amount(value: float, whole: float | None = None) -> str:
    """A number of megabytes, as finely as what it is part of needs: `61` of 128, `3.4` of 9.5,
    `0.012` of 0.050."""
    size = value if whole is None else whole
    return f"{value:,.0f}" if size >= 20 else f"{value:.1f}" if size >= 0.5 else f"{value:.3f}"


def size(count: float) -> str:
    """1500000 -> "1.5 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:,.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:,.1f} {unit}"


def counted(number: int, noun: str) -> str:
    """`1, "pair"` -> `1 pair`; `1200, "pair"` -> `1,200 pairs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(value: Any) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
