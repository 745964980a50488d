"""`electra verify DIR`: what a folder holds is counted and hashed again; what is damaged is named.

A dataset, a model folder, an output folder of `electra translate`, or a work folder with any of
them. Nothing is written. Where a file says of itself what it is (a checksum, a number of records),
that is what it is held against; so a folder that was copied, restored or left on a failing disk is
told from a whole one without the data that it was made from.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from electra_model import checkpoint, ctranslate2_format
from electra_model.errors import InputError, WorkError
from electra_model.tokenizer import Tokenizer
from pipelines import files
from pipelines.inference import read_model_card
from pipelines.stages import INFO_FILE
from pipelines.translation import companions
from pipelines.translation.earlier_outputs import read_rejected, sha256_of

from ..report.shard_sample import read_frames, unpacked

# What was looked at, and what is wrong with it, if anything.
Finding = tuple[str, str | None]

_MANIFEST = ("_electra", "manifest.json")
_AGAIN = "run `electra prepare` again"


def verify(folder: str, write: Callable[[str], None]) -> dict[str, Any]:
    """Looks at everything and writes a line for each part of it; returns the counts.

    Raises:
      InputError: the folder is none of those that can be verified.
    """
    parts = list(_parts(folder))
    if not parts:
        raise InputError(
            f"{folder}: is no dataset, model, output or work folder of ours; name one that has a "
            f"{INFO_FILE}, a model.json, an _electra/manifest.json, or those in folders below it"
        )
    files_seen, damaged = 0, []
    for name, place, look in parts:
        seen, wrong = 0, []
        for path, problem in look(place):
            seen += 1
            if problem:
                wrong.append(f"{path}: {problem}")
                write(f"damaged  {name:<12} {wrong[-1]}")
        if not wrong:
            write(f"ok       {name:<12} {place}: {seen:,} files")
        files_seen += seen
        damaged += wrong
    return {"folder": folder, "files": files_seen, "damaged": len(damaged)}


def _parts(folder: str) -> Iterator[tuple[str, str, Callable[[str], Iterator[Finding]]]]:
    """What there is in a folder: its name, where it lies, and what looks at it."""
    kinds = {
        "dataset": (INFO_FILE, _dataset),
        "model": ("model.json", _model),
        "documents": (files.join(*_MANIFEST), _documents),
    }
    for name, (mark, look) in kinds.items():
        if files.exists(files.join(folder, mark)):
            yield name, folder, look
    for name in ("dataset", "model"):
        mark, look = kinds[name]
        if files.exists(files.join(folder, name, mark)):
            yield name, files.join(folder, name), look
    for name in ("pretrain", "train"):
        place = files.join(folder, name, "checkpoints")
        if not files.is_remote(folder) and os.path.isdir(place):
            yield f"{name}ing", place, _checkpoints
    output = _output_of(folder)
    if output and files.exists(files.join(output, *_MANIFEST)):
        yield "documents", output, _documents


def _output_of(folder: str) -> str | None:
    """Where the job of a work folder writes its documents."""
    from ..jobs import job_yaml

    try:
        return job_yaml.read(files.join(folder, "job.resolved.yaml"))["translate"]["output"]
    except (InputError, KeyError, TypeError):
        return None


def _dataset(folder: str) -> Iterator[Finding]:
    path = files.join(folder, INFO_FILE)
    try:
        info = json.loads(files.read_bytes(path))
        splits, described = info["splits"], info["vocabulary_fingerprint"]
        replaced = info.get("replacements", {}).get("shards", [])
        shards = {name: (split["shards"], split["records"]) for name, split in splits.items()}
        rejected = info["ledger"]["rejected"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield path, f"cannot be read ({error}); run `electra prepare` again"
        return
    yield path, None
    for name, (listed, records) in shards.items():
        if sum(shard["records"] for shard in listed) != records:
            yield path, f"the shards of {name} do not have {records:,} records; {_AGAIN}"
        for shard in listed:
            yield _shard(folder, shard)
    for shard in replaced:
        yield _shard(folder, shard)
    for name in ("valid", "test"):
        if name in splits:
            yield _lines(files.join(folder, f"{name}.jsonl"), splits[name]["records"])
    for rule, count in rejected.items():
        yield _lines(files.join(folder, "rejected", f"{rule}.jsonl.gz"), count)
    yield _vocabulary(folder, described)


def _shard(folder: str, shard: dict[str, Any]) -> Finding:
    path = files.join(folder, shard["file"])
    problem = _other(path, shard["sha256"], INFO_FILE)
    if problem is None:
        try:
            with unpacked(path) as stream:
                count = sum(1 for _ in read_frames(stream))
            if count != shard["records"]:
                problem = f"has {count:,} records, {INFO_FILE} says {shard['records']:,}"
        except (OSError, EOFError, ValueError, zlib.error) as error:
            problem = f"cannot be read ({error})"
    return path, problem and f"{problem}; {_AGAIN}"


def _lines(path: str, expected: int) -> Finding:
    """A file of one line for each of so many records."""
    try:
        with unpacked(path) as stream:
            count = sum(1 for _ in stream)
    except FileNotFoundError:
        return path, f"is not there; {_AGAIN}"
    except (OSError, EOFError, zlib.error) as error:
        return path, f"cannot be read ({error}); {_AGAIN}"
    if count != expected:
        return path, f"has {count:,} lines, {INFO_FILE} says {expected:,}; {_AGAIN}"
    return path, None


def _vocabulary(dataset: str, described: Any) -> Finding:
    folder = files.join(os.path.dirname(dataset.rstrip("/")), "vocabulary")
    try:
        sides = Tokenizer.load_sides(folder)
    except (InputError, WorkError) as error:
        return folder, str(error)
    found = [side.fingerprint() for side in sides if side is not None]
    wanted = [*described.values()] if isinstance(described, dict) else [described]
    if found != wanted:
        return folder, f"is another vocabulary than that of the dataset; {_AGAIN}"
    return folder, None


def _model(folder: str) -> Iterator[Finding]:
    """Loads it, which compares weights, vocabularies and lists with what `model.json` says."""
    from electra_model.export import load_model

    try:
        if ctranslate2_format.is_exported(read_model_card(folder)):
            from pipelines.translation.translation_engine import load_ctranslate2

            load_ctranslate2(folder)
        else:
            load_model(folder)
    except (InputError, WorkError) as error:
        yield folder, str(error).removeprefix(f"{folder}: ")
        return
    yield folder, None


def _checkpoints(folder: str) -> Iterator[Finding]:
    for path in checkpoint.list_checkpoints(folder):
        try:
            checkpoint.load(path)
        except WorkError as error:
            yield str(path), str(error).removeprefix(f"{path}: ")
        else:
            yield str(path), None


def _documents(folder: str) -> Iterator[Finding]:
    path = files.join(folder, *_MANIFEST)
    again = "run `electra translate` again, which makes what is missing or changed"
    try:
        manifest = json.loads(files.read_bytes(path))
        entries, totals = manifest["files"], manifest["counts"]
        counted = [
            sum(entry["counts"][name] for entry in entries) == totals[name]
            for name in ("in", "out")
        ]
        rejected = sum(sum(entry["counts"]["rejected"].values()) for entry in entries)
        named = [(entry["name"], entry["sha256"]) for entry in entries]
        rejected_sums = {entry["name"]: entry["rejected_sha256"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield path, f"cannot be read ({error}); {again}"
        return
    whole = all(counted) and totals["in"] == totals["out"] + rejected
    yield path, None if whole else f"the counts of its files do not add up; {again}"
    rejected_lines = read_rejected(folder)
    for name, digest in named:
        place = files.join(folder, name)
        problem = _other(place, digest, "the manifest")
        yield place, problem and f"{problem}; {again}"
        if sha256_of(rejected_lines.get(name, [])) != rejected_sums[name]:
            yield files.join(folder, "_electra", "rejected.jsonl"), f"lost lines of {name}; {again}"
    ours = files.join(folder, _MANIFEST[0])
    for entry, kind in _companions(entries):
        place = companions.path_of(ours, kind, entry["name"])
        problem = _other(place, entry[companions.checksum(kind)], "the manifest")
        yield place, problem and f"{problem}; {again}"


def _companions(entries: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    for entry in entries:
        for kind in companions.KINDS:
            if companions.checksum(kind) in entry:
                yield entry, kind


def _other(path: str, expected: str, named_in: str) -> str | None:
    """What is wrong with a file that is to have a checksum; None where nothing is."""
    try:
        found = files.sha256(path)
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return None if found == expected else f"is not the file that {named_in} describes"
