"""Checkpoints, one file each, complete or absent; and the warm start of a model from another's.

A checkpoint is a NumPy archive of named tensors with a small JSON state beside them. It is written
under a temporary name, flushed and renamed, so a half-written one never has a checkpoint's name;
the archive's checksums tell one that was damaged later, which is then passed over for the one
before.
"""

import dataclasses
import io
import json
import os
import pathlib
import re
import zipfile
import zlib
from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from electra_model.durability import sync_folder
from electra_model.errors import WorkError

_NAME = re.compile(r"^step-(\d{9})\.npz$")
_STATE = "state.json"

# What reading a damaged archive raises (a flipped bit may also call for an unknown compression or a
# password, which is a RuntimeError).
_DAMAGE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What was saved after `step` updates.

    Attributes:
      step: updates made. tensors: name -> array. state: small JSON values (position, elapsed
        seconds, ...).
    """

    step: int
    tensors: dict[str, np.ndarray]
    state: dict[str, Any]


def save(folder: str | os.PathLike, checkpoint: Checkpoint, keep: int = 3) -> pathlib.Path:
    """Writes the checkpoint, keeps it and the `keep` - 1 before it, and returns its path.

    One of a later step can only be one that was passed over as damaged: it is removed as well.
    """
    folder = pathlib.Path(folder)
    is_new = not folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.tmp-*"):
        leftover.unlink(missing_ok=True)
    buffer = io.BytesIO()
    state = np.frombuffer(json.dumps(checkpoint.state).encode(), np.uint8)
    np.savez(buffer, **{**checkpoint.tensors, _STATE: state})
    path = folder / f"step-{checkpoint.step:09d}.npz"
    temporary = folder / f"{path.name}.tmp-{os.getpid()}"
    with open(temporary, "wb") as stream:
        stream.write(buffer.getbuffer())
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    sync_folder(folder)
    if is_new:
        sync_folder(folder.parent)
    present = list_checkpoints(folder)
    place = present.index(path)
    for other in [*present[: max(0, place + 1 - keep)], *present[place + 1 :]]:
        other.unlink(missing_ok=True)
    return path


def list_checkpoints(folder: str | os.PathLike) -> list[pathlib.Path]:
    """Complete checkpoints, oldest first. A folder that is not there has none."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.match(path.name))


def load(path: str | os.PathLike) -> Checkpoint:
    """Reads one checkpoint whole. Raises `WorkError` naming the file when it is damaged."""
    path = pathlib.Path(path)
    match = _NAME.match(path.name)
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            tensors = {name: archive[name] for name in archive.files}
        state = json.loads(bytes(tensors.pop(_STATE)))
    except _DAMAGE as error:
        raise WorkError(
            f"{path}: the checkpoint is damaged ({error}); remove it to go on without it"
        ) from error
    return Checkpoint(int(match.group(1)) if match else int(state.get("step", 0)), tensors, state)


def read_tensors(data: bytes, wanted: Container[str]) -> dict[str, np.ndarray]:
    """Some tensors of a checkpoint file's bytes; names that it does not have are left out.

    Raises `WorkError` when it is damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name in wanted}
    except _DAMAGE as error:
        raise WorkError(f"the checkpoint is damaged ({error}); run `electra pretrain` again") from (
            error
        )


def load_newest(folder: str | os.PathLike, warn=lambda message: None) -> Checkpoint | None:
    """The newest checkpoint that can be read, or None. `warn` is told of each that could not."""
    for path in reversed(list_checkpoints(folder)):
        try:
            return load(path)
        except WorkError as error:
            warn(f"{error}; using the one before")
    return None


def tensors_of(variables) -> dict[str, np.ndarray]:
    """Keras variables -> path -> value. Raises ValueError when two have the same path."""
    tensors = {variable.path: np.asarray(variable.numpy()) for variable in variables}
    if len(tensors) != len(list(variables)):
        raise ValueError("two variables have the same path; give their layers distinct names")
    return tensors


def restore(variables, tensors: Mapping[str, np.ndarray]) -> None:
    """Assigns every variable from the tensor of its path.

    Raises WorkError naming the first tensor that is missing or has another shape.
    """
    for variable in variables:
        value = tensors.get(variable.path)
        if value is None or tuple(value.shape) != tuple(variable.shape):
            found = "missing" if value is None else f"of shape {tuple(value.shape)}"
            raise WorkError(
                f"checkpoint tensor {variable.path} is {found}, "
                f"expected shape {tuple(variable.shape)}; "
                "the model's sizes changed: choose another workdir or remove the checkpoints"
            )
        variable.assign(value)


def warm_start(variables, tensors: Mapping[str, np.ndarray], source: str) -> dict[str, Any]:
    """Assigns each variable whose path and shape are found in `tensors`; the others stay.

    Returns the report that names every tensor once: `restored`; `fresh`, in the model only;
    `skipped`, in the checkpoint but not used, with the reason (of two shapes, the checkpoint's is
    given and the model's tensor stays fresh).
    """
    restored, fresh, skipped, used = [], [], [], set()
    for variable in variables:
        shape = list(variable.shape)
        value = tensors.get(variable.path)
        if value is None:
            fresh.append({"name": variable.path, "shape": shape})
            continue
        used.add(variable.path)
        if list(value.shape) != shape:
            reason = f"shape {list(value.shape)} in the checkpoint, {shape} in the model"
            skipped.append({"name": variable.path, "shape": list(value.shape), "reason": reason})
            continue
        variable.assign(value)
        restored.append({"name": variable.path, "shape": shape})
    for name in sorted(set(tensors) - used):
        reason = "the model has no tensor of this name"
        skipped.append({"name": name, "shape": list(tensors[name].shape), "reason": reason})
    return {"source": source, "restored": restored, "fresh": fresh, "skipped": skipped}
