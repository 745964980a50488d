"""What earlier runs left in an output folder, and which of its files are ours."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import Any

from electra_model.errors import InputError

from .. import files


def working(output: str, *names: str) -> str:
    """A path below the output folder's `_electra/`."""
    return files.join(output, "_electra", *names)


# Of a manifest's entry, what a run goes by.
_ENTRY = {
    **dict.fromkeys(("name", "sha256", "rejected_sha256"), str),
    **dict.fromkeys(("input", "counts"), dict),
    "segments": int,
}


@dataclasses.dataclass(frozen=True)
class Earlier:
    """What earlier runs left in the output folder.

    Attributes:
      fingerprint: of the settings of the last run that placed files. entries: its files, by name.
      known: name -> checksums under which a file of that name is ours.
      finished: the last run came to its end.
    """

    fingerprint: str | None
    entries: dict[str, dict[str, Any]]
    known: dict[str, set[str]]
    finished: bool

    @classmethod
    def read(cls, output: str) -> Earlier:
        """What is there; what somebody has damaged counts as not there."""
        manifest = files.read_json(working(output, "manifest.json"))
        placing = files.read_json(working(output, "placing.json"))
        known = {
            name: {digest for digest in digests if isinstance(digest, str)}
            for name, digests in files.read_json(working(output, "known.json")).items()
            if isinstance(digests, list)
        }
        for record in (manifest, placing):
            for entry in _entries(record):
                known.setdefault(entry["name"], set()).add(entry["sha256"])
        last = placing or manifest
        entries = {entry["name"]: entry for entry in _entries(last)}
        finished = isinstance(manifest.get("counts"), dict) and not placing
        return cls(last.get("fingerprint"), entries, known, finished)

    def standing(self, output: str, names: list[str]) -> dict[str, str]:
        """The files in the output folder that are ours, as name -> sha256.

        Raises `InputError` when something else is where an output file is to go.
        """
        found = {}
        for name in dict.fromkeys([*names, *self.known]):
            path = files.join(output, name)
            if files.is_remote(path):
                if not files.exists(path):
                    continue
            elif not os.path.lexists(path):
                _check_parents(output, name)
                continue
            regular = files.is_remote(path) or (os.path.isfile(path) and not os.path.islink(path))
            digest = files.sha256(path) if regular else None
            if digest in self.known.get(name, set()):
                found[name] = digest
            elif name in names:
                what = "was changed since it was written" if name in self.known else "is not ours"
                raise InputError(
                    f"{path}: {what} and would be overwritten; "
                    "move it away or name another --output"
                )
        return found


def _entries(record: dict[str, Any]) -> list[dict[str, Any]]:
    """A manifest's files; those whose entry somebody has damaged count as not ours."""
    found = record.get("files")
    return [entry for entry in found if _is_entry(entry)] if isinstance(found, list) else []


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or any(
        not isinstance(entry.get(name), kind) for name, kind in _ENTRY.items()
    ):
        return False
    counts = entry["counts"]
    return (
        all(isinstance(counts.get(name), int) for name in ("in", "out"))
        and isinstance(counts.get("rejected"), dict)
        and all(isinstance(count, int) for count in counts["rejected"].values())
        and all(isinstance(entry["input"].get(name), str) for name in ("path", "sha256"))
    )


def _check_parents(output: str, name: str) -> None:
    folder = output
    for part in name.split("/")[:-1]:
        folder = files.join(folder, part)
        if os.path.lexists(folder) and not os.path.isdir(folder):
            raise InputError(
                f"{folder}: is in the way of {name}; move it away or name another --output"
            )


def read_rejected(output: str) -> dict[str, list[bytes]]:
    """The lines of `_electra/rejected.jsonl`, by the name of the output file that they belong
    to."""
    lines: dict[str, list[bytes]] = {}
    try:
        log = files.read_bytes(working(output, "rejected.jsonl"))
        for line in log.splitlines(keepends=True):
            lines.setdefault(json.loads(line)["output"], []).append(line)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return lines


def sha256_of(lines: list[bytes]) -> str:
    """Of the lines together."""
    return hashlib.sha256(b"".join(lines)).hexdigest()
