"""What a training writes while it runs, `metrics.jsonl` and TensorBoard events, and the averages
in it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import time
from collections.abc import Iterator
from typing import Any


class MetricsLog:
    """Appends to `metrics.jsonl` and `tensorboard/` in a training's folder.

    On resuming from step `step`, lines of later steps are dropped: they will be written again. A
    training that begins anew, at step 0, drops the events of the one before as well.
    """

    def __init__(self, folder: str | os.PathLike, step: int):
        import tensorflow as tf

        self._tf = tf
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "metrics.jsonl"
        self._cut(step)
        if not step:
            shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        self._writer = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def _cut(self, step: int) -> None:
        """Drops the lines of later steps, and opens the file to go on behind the others."""
        kept = [line for line in read_metrics(self._path) if line["step"] <= step]
        temporary = self._path.with_suffix(".jsonl.tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        os.replace(temporary, self._path)
        self._newest = step
        self._written = {name for line in kept if line["step"] == step for name in line}
        self._stream = open(self._path, "a", encoding="utf-8")

    def write(self, step: int, values: dict[str, Any]) -> None:
        """One line, flushed, and one TensorBoard point per value; nothing when lines of this step
        hold all of the values already, as on resuming from the last step."""
        if step != self._newest:
            self._newest, self._written = step, set()
        if values.keys() <= self._written:
            return
        self._written |= values.keys()
        self._stream.write(json.dumps({"step": step, **values}) + "\n")
        self._stream.flush()
        with self._writer.as_default(step=step):
            for name, value in values.items():
                self._tf.summary.scalar(name, value)

    def go_back(self, step: int, values: dict[str, Any]) -> None:
        """Drops the lines of later steps, as on resuming, and writes a line that says why."""
        self._stream.close()
        self._cut(step)
        self._written -= values.keys()
        self.write(step, values)

    def close(self) -> None:
        """Flushes both."""
        self._stream.close()
        self._writer.close()


class NoLog:
    """The same that writes nothing, for workers beside the one that does."""

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Nothing."""

    def go_back(self, step: int, values: dict[str, Any]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def read_metrics(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`; one cut off by a kill is left out. A file that is not there has
    none."""
    lines = []
    try:
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                try:
                    lines.append(json.loads(line))
                except ValueError:
                    continue
    except FileNotFoundError:
        pass
    return lines


class Window:
    """Averages since the last line of `metrics.jsonl`."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0
        self._tokens = 0
        self._start = time.monotonic()

    def state(self) -> dict[str, Any]:
        """What `restore` takes; JSON values."""
        return {"sums": self._sums, "count": self._count}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on with an interval that was cut in two; its rate is that of the second part."""
        self._clear()
        self._sums = {name: float(value) for name, value in state.get("sums", {}).items()}
        self._count = int(state.get("count", 0))

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time in here does not count for the rate."""
        start = time.monotonic()
        yield
        self._start += time.monotonic() - start

    def add(self, values: dict[str, Any]) -> None:
        """One step's metrics."""
        self._tokens += int(values.pop("tokens"))
        self._count += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)

    @property
    def _tokens_per_second(self) -> float:
        return self._tokens / max(time.monotonic() - self._start, 1e-9)

    @property
    def count(self) -> int:
        """Steps in it."""
        return self._count

    def facts(self) -> dict[str, Any]:
        """What the progress bar shows."""
        if not self._count:
            return {}
        return {
            "loss": round(self._sums["loss"] / self._count, 3),
            "tokens_per_second": round(self._tokens_per_second),
        }

    def take(self, elapsed: float) -> dict[str, float]:
        """The averages; the next window begins."""
        values = {name: round(total / self._count, 6) for name, total in self._sums.items()}
        if self._count:
            values["tokens_per_second"] = round(self._tokens_per_second, 1)
        values["elapsed_seconds"] = round(elapsed, 2)
        self._clear()
        return values
