"""A work folder in an object store, for what needs a disk: a copy of it on this machine's.

Before a stage that trains, scores or reports, what is new in the store is fetched; what the stage
writes is put back while it works and when it ends, however it ends: first what is added to, then
the rest in the order in which it was written. A file of a store is whole or absent. So a training
that is killed goes on from the last checkpoint in the store, on any machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from electra_model.errors import InputError, WorkError
from pipelines import files
from pipelines.units import fingerprint

from ..terminal.progress import say
from .folder_lock import locked
from .job import JobConfig

# Between two looks at what a stage has written.
_SECONDS = 10.0
# What pipelines alone read: they work in the store itself.
_LEFT_THERE = ("prepare/",)


@contextlib.contextmanager
def copy_of(job: JobConfig) -> Iterator[StoredWork | None]:
    """The copy of a job's work folder, which lasts as long as the context; None where that is on a
    disk itself."""
    if not files.is_remote(job.workdir):
        yield None
        return
    name = f"electra-work-{os.getuid()}-{fingerprint(job.workdir)}"
    folder = os.path.join(tempfile.gettempdir(), name)
    with locked(folder):
        try:
            _empty(folder)  # of what a run left there that was killed
            yield StoredWork(job, folder)
        finally:
            files.remove_tree(folder)


def _empty(folder: str) -> None:
    for name in _below(folder):
        os.unlink(os.path.join(folder, name))


def _below(folder: str) -> dict[str, str]:
    """Name -> stamp of all files of a copy."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            relative = os.path.relpath(path, folder)
            if relative != ".lock" and not files.is_temporary(name):
                with contextlib.suppress(FileNotFoundError):  # another name by now
                    found[relative] = files.stamp(path)
    return found


class StoredWork:
    """The work folder of `job`, and `folder`, the copy."""

    def __init__(self, job: JobConfig, folder: str) -> None:
        self._job, self._folder = job, folder
        # Name -> stamp of the file here and of that in the store, when they were last equal.
        self._here: dict[str, str] = {}
        self._there: dict[str, str] = {}

    @contextlib.contextmanager
    def at_work(self) -> Iterator[JobConfig]:
        """The job, whose work folder is the copy.

        Raises:
          WorkError: what was written could not be put back; it says where it lies.
        """
        self._fetch()
        over = threading.Event()
        thread = threading.Thread(target=self._keep_putting_back, args=(over,), daemon=True)
        thread.start()
        try:
            yield dataclasses.replace(self._job, workdir=self._folder)
        except (InputError, WorkError) as error:
            raise type(error)(self._named(str(error))) from error
        finally:
            over.set()
            thread.join()
            self._put_back_at_last()

    def named(self, counts: dict[str, Any]) -> dict[str, Any]:
        """With paths of the store instead of those of the copy."""
        return {
            name: self._named(value) if isinstance(value, str) else value
            for name, value in counts.items()
        }

    def _named(self, text: str) -> str:
        return text.replace(self._folder, self._job.workdir.rstrip("/"))

    def _fetch(self) -> None:
        there = self._listed()
        new = [name for name, stamp in there.items() if self._there.get(name) != stamp]
        if new:
            say(f"workdir: fetching {len(new):,} files of {self._job.workdir}")
        for name in new:
            files.copy(self._path_there(name), os.path.join(self._folder, name))
        for name in self._there.keys() - there.keys():
            files.remove(os.path.join(self._folder, name))
        self._there, self._here = there, _below(self._folder)

    def _listed(self) -> dict[str, str]:
        root = files.join(self._job.workdir, "")
        listed = files.below(self._job.workdir)
        found = {path.removeprefix(root): stamp for path, stamp in listed.items()}
        return {name: stamp for name, stamp in found.items() if not name.startswith(_LEFT_THERE)}

    def _path_there(self, name: str) -> str:
        return files.join(self._job.workdir, name)

    def _keep_putting_back(self, over: threading.Event) -> None:
        while not over.wait(_SECONDS):
            with contextlib.suppress(Exception):  # a store that does not answer now may later
                self._put_back()

    def _put_back_at_last(self) -> None:
        try:
            if self._put_back():
                self._there = self._listed()
        except Exception as error:
            kept = tempfile.mkdtemp(prefix="electra-work-kept-")
            os.rename(self._folder, os.path.join(kept, "work"))
            raise WorkError(
                f"{self._job.workdir}: what was done could not be put back ({error}); it is kept "
                f"in {kept}/work: copy it there, and run the same command again"
            ) from error

    def _put_back(self) -> int:
        """Returns how many files were new, or are gone."""
        now = _below(self._folder)
        new = [name for name, stamp in now.items() if self._here.get(name) != stamp]
        for name in sorted(new, key=self._turn):
            path = os.path.join(self._folder, name)
            with contextlib.suppress(FileNotFoundError):  # an old checkpoint, removed meanwhile
                files.copy(path, self._path_there(name))
                self._here[name] = now[name]
        gone = self._here.keys() - now.keys()
        for name in gone:
            files.remove(self._path_there(name))
            del self._here[name]
        return len(new) + len(gone)

    def _turn(self, name: str) -> tuple[bool, int]:
        """By when it was written; what is added to before all, for a checkpoint goes on behind the
        lines that are there."""
        grows = name.endswith(".jsonl") or "/tensorboard/" in name
        with contextlib.suppress(FileNotFoundError):
            return not grows, os.stat(os.path.join(self._folder, name)).st_mtime_ns
        return not grows, 0
