"""The translation memory: what was translated before is not translated again.

A memory is a folder, with a folder in it for each model and each set of settings:

    <memory>/<16 hex digits>/settings.json    what it was translated with, for people
                             <name>.parquet   what was translated: see `memory_files`

A segment's key is a hash of its text and of everything else that its outcome depends on: all
settings of the plan but the names of fields, among them the fingerprint of the model. So what is
found under a key is what the model would say again, and a run gives the same bytes with a memory
and without. An outcome without a translation is remembered like any other: the model would have no
words for the segment again.

Any number of processes may read and write at once. Files appear whole and are never changed;
compaction writes what it has read of some files to a new one before it removes them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from electra_model.errors import InputError

from .. import files
from ..config import TranslateConfig
from ..quality.replaced_tokens import FLAG
from ..translation.outcome import Outcome
from . import memory_compaction, memory_files
from .memory_files import DamagedError, KnownFile

# Part of every key: raised by any change of what is remembered.
VERSION = 1

# They say where texts are, and what is told of them besides, but not what becomes of them.
_NO_MATTER = ("text_field", "output_field", "details")

# More small files than that are made one by whoever adds another.
_MANY = 64

# Listings of the folder for one batch: each has a reason in a file that has just gone.
_MOST_LISTINGS = 20

# How many segments that are known weigh as much as one that is translated.
_KNOWN_PER_NEW = 50


@dataclasses.dataclass(frozen=True)
class MemoryPlace:
    """Which memory a run uses; travels to the workers.

    Attributes:
      folder: of the memory, local or remote.
      basis: all that outcomes depend on besides their segments, as JSON.
    """

    folder: str
    basis: str

    @property
    def path(self) -> str:
        """The folder in it that is for this basis."""
        return files.join(self.folder, hashlib.sha256(self.basis.encode()).hexdigest()[:16])

    def opened(self) -> Memory:
        """The memory, one for all threads of this process."""
        return _opened(self)


def place_of(config: TranslateConfig, output: str, settings: dict[str, Any]) -> MemoryPlace | None:
    """The memory of a run, or None where it is off.

    Args:
      output: the folder that has it in `_electra/memory/` where the configuration names none.
      settings: of the plan.
    """
    folder = folder_of(config, output)
    if folder is None:
        return None
    kept = {key: value for key, value in settings.items() if key not in _NO_MATTER}
    # The discriminator judges what is remembered as well.
    checks = {key: value for key, value in kept.get("checks", {}).items() if key != FLAG}
    kept |= {"checks": checks} if checks else {}
    return MemoryPlace(folder, json.dumps([VERSION, kept], sort_keys=True))


def folder_of(config: TranslateConfig, output: str) -> str | None:
    """The folder of the memory, or None where it is off."""
    if config.memory is False:
        return None
    return config.memory or files.join(output, "_electra", "memory")


def check_place(config: TranslateConfig, output: str, inputs: Iterable[str]) -> None:
    """Raises `InputError` when the folder that is named cannot be a memory."""
    folder = config.memory
    if not folder or files.is_remote(folder):
        return
    start = f"translate.memory: {folder}"
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise InputError(f"{start}: {above} is not a folder; name another one")
    if not os.access(above, os.R_OK | os.W_OK | os.X_OK):
        raise InputError(f"{start}: {above} cannot be written to; name another folder, or off")
    real = os.path.join(os.path.realpath(folder), "")
    for path in inputs:
        if not files.is_remote(path) and os.path.realpath(path).startswith(real):
            raise InputError(f"{start}: the input {path} lies in it; name another folder")
    translations = os.path.join(os.path.realpath(output), "")
    own = os.path.join(translations, "_electra", "memory", "")
    if real.startswith(translations) and not real.startswith(own):
        raise InputError(f"{start}: lies among the translations; name a folder elsewhere")


@functools.lru_cache(maxsize=4)
def _opened(place: MemoryPlace) -> Memory:
    return Memory(place)


class Memory:
    """A memory at work in one process. Of each of its files only the keys are held (see
    `KnownFile`)."""

    def __init__(self, place: MemoryPlace) -> None:
        self._path = place.path
        self._basis = place.basis
        self._hash = hashlib.sha256(place.basis.encode() + b"\0")
        self._known: dict[str, KnownFile] = {}
        self._unfit: set[str] = set()
        self._small = 0
        self._listed = False
        self._lock = threading.Lock()

    def key(self, segment: str) -> bytes:
        """The 16 bytes that stand for a segment under the memory's basis."""
        digest = self._hash.copy()
        digest.update(segment.encode("utf-8", "surrogatepass"))
        return digest.digest()[: memory_files.KEY_BYTES]

    def answer(
        self, segments: Sequence[str], translate: Callable[[list[str]], list[Outcome]]
    ) -> tuple[list[Outcome], int]:
        """The outcome of each segment, and how many of them were remembered.

        Args:
          translate: distinct segments -> their outcomes; called once, with those that are not in
            the memory, where there are any. What it returns is in the memory afterwards.

        Raises `WorkError` where the memory cannot be read or written.
        """
        keys = {segment: self.key(segment) for segment in dict.fromkeys(segments)}
        with self._lock:
            outcomes = self._recall(list(keys.values()))
        missing = [segment for segment, key in keys.items() if key not in outcomes]
        if missing:
            fresh = [keys[segment] for segment in missing]
            made = dict(zip(fresh, translate(missing), strict=True))
            with self._lock:
                self._remember(made)
            outcomes |= made
        new = set(missing)
        return (
            [outcomes[keys[segment]] for segment in segments],
            sum(segment not in new for segment in segments),
        )

    def weight(self, segments: Sequence[str]) -> int:
        """About how much work segments are: 1 for each that is to be translated, and little for
        those that are known. So batches are full of what a model has to do."""
        keys = [self.key(segment) for segment in dict.fromkeys(segments)]
        if not keys:
            return 1
        beginnings = _beginnings(keys)
        with self._lock:
            if not self._listed:
                self._list()
            known = np.zeros(len(keys), bool)
            for file in self._known.values():
                known |= file.has(beginnings)
        return max(1, int(np.count_nonzero(~known)) + len(segments) // _KNOWN_PER_NEW)

    def _recall(self, keys: list[bytes]) -> dict[bytes, Outcome]:
        found: dict[bytes, Outcome] = {}
        for _ in range(_MOST_LISTINGS):
            complete = self._list()
            wanted = [key for key in keys if key not in found]
            for name, file in list(self._known.items()):
                if not wanted:
                    return found
                try:
                    here = file.fetch(wanted, _beginnings(wanted))
                except FileNotFoundError:
                    complete = False
                except DamagedError:
                    self._put_aside(name)
                else:
                    if here:
                        found |= here
                        wanted = [key for key in wanted if key not in here]
            # What a file that is gone held is in one that was written before it went.
            if complete:
                break
        return found

    def _list(self) -> bool:
        """Knows the files that are there now; False where one went meanwhile."""
        there = memory_files.sizes(self._path)
        self._small = sum(size < memory_compaction.FULL_BYTES for size in there.values())
        self._listed = True
        for name in self._known.keys() - there.keys():
            del self._known[name]
        complete = True
        for name in sorted(there.keys() - self._known.keys() - self._unfit):
            try:
                self._known[name] = KnownFile.load(files.join(self._path, name))
            except FileNotFoundError:
                complete = False
            except DamagedError:
                self._put_aside(name)
        return complete

    def _put_aside(self, name: str) -> None:
        self._known.pop(name, None)
        self._unfit.add(name)
        memory_files.put_aside(files.join(self._path, name))

    def _remember(self, outcomes: dict[bytes, Outcome]) -> None:
        memory_files.write(self._path, memory_files.table_of(outcomes))
        about = files.join(self._path, "settings.json")
        if not self._small and not files.exists(about):
            text = json.dumps(json.loads(self._basis)[1], indent=1, ensure_ascii=False)
            files.write_atomic(about, text.encode("utf-8", "backslashreplace") + b"\n")
        if self._small >= _MANY:
            memory_compaction.compact(self._path)


def _beginnings(keys: Sequence[bytes]) -> np.ndarray:
    joined = np.frombuffer(b"".join(keys), np.uint8)
    return memory_files.beginnings_of(joined.reshape(-1, memory_files.KEY_BYTES))
