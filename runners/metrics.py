"""What a training writes while it runs: `metrics.jsonl` and TensorBoard events."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
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
        kept = [line for line in read_metrics(self._path) if line["step"] <= step]
        temporary = self._path.with_suffix(".jsonl.tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        os.replace(temporary, self._path)
        self._newest = step
        self._written = {name for line in kept if line["step"] == step for name in line}
        if not step:
            shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        self._stream = open(self._path, "a", encoding="utf-8")
        self._writer = tf.summary.create_file_writer(str(folder / "tensorboard"))

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

    def close(self) -> None:
        """Flushes both."""
        self._stream.close()
        self._writer.close()


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
