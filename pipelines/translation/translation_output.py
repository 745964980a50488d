"""From committed units to finished files: put together, checked, moved to their places, manifest
last.

Every step can be repeated: a run that was killed in it is finished by the next one, with the same
bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from electra_model.errors import WorkError

from .. import files, tasks, units
from ..mirrors import mirror, mirror_parquet
from ..quality import certificate
from ..records import Ledger
from ..units import Receipt
from . import companions, translation_inputs
from .earlier_outputs import read_rejected, sha256_of, working
from .translation_engine import CONVERTED
from .translation_inputs import DELIMITERS, InputFile
from .translation_plan import PlannedFile, TranslatePlan

MANIFEST_VERSION = 1


def assemble(planned: PlannedFile, plan: TranslatePlan) -> dict[str, Any]:
    """Writes one finished file to `_electra/ready/` and returns its manifest entry.

    Raises:
      WorkError: a unit is missing or damaged, the input changed since the plan, or rows do not add
        up.
    """
    file = planned.file
    folder = working(plan.output, "units")
    receipts = []
    for unit in planned.units:
        receipt = units.committed(folder, unit.key, unit.key)
        if receipt is None:
            raise WorkError(f"{file.path}: a translated unit ({unit.key}) is gone; run again")
        receipts.append(receipt)
    if _digest_now(file) != file.sha256:
        _forget(folder, receipts)
        raise WorkError(f"{file.path}: changed while it was being translated; run again")
    ledger = Ledger(0, 0, {})
    for receipt in receipts:
        ledger += Ledger(receipt.facts["in"], receipt.facts["out"], dict(receipt.facts["rejected"]))
    _check_sums(file, receipts, ledger, folder)

    parts = _parts(folder, receipts, "rows")
    if file.format == "parquet":
        chunks = mirror_parquet.joined(file.path, parts, plan.settings["output_field"])
    else:
        chunks = _lines(file, parts, plan.settings["output_field"])
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in translation_inputs.pack(chunks, file.compression if file.bytes else None):
            size += len(chunk)
            yield chunk

    digest = files.write_atomic(working(plan.output, "ready", file.name), counted())
    rejected = list(_rejected(file, folder, receipts))
    files.write_atomic(working(plan.output, "ready", f"{file.name}.rejected"), b"".join(rejected))
    return {
        "name": file.name,
        "bytes": size,
        "sha256": digest,
        "input": {"path": file.path, "bytes": file.bytes, "sha256": file.sha256},
        "counts": ledger.to_json() | _cut(plan, receipts),
        "segments": sum(receipt.facts["segments"] for receipt in receipts),
        "rejected_sha256": sha256_of(rejected),
        **_companions(file, plan, receipts),
    }


def finish(plan: TranslatePlan, made: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Moves the finished files to their places and writes the manifest. Returns the manifest."""
    output = plan.output
    entries = plan.kept | {entry["name"]: entry for entry in made}
    missing = [name for name in plan.names if name not in entries]
    if missing:
        raise WorkError(f"{missing[0]}: was not put together; run again")
    ordered = [entries[name] for name in plan.names]
    manifest = _manifest(plan, ordered)

    log = read_rejected(output)
    for name in entries.keys() - plan.kept.keys():
        path = working(output, "ready", f"{name}.rejected")
        if files.exists(path):
            log[name] = files.read_bytes(path).splitlines(keepends=True)
    # The log first: whatever happens then, it has the rows of the files that stay as they are.
    files.write_atomic(
        working(output, "rejected.jsonl"),
        b"".join(line for name in plan.names for line in log.get(name, [])),
    )
    # From here on no manifest says that the folder is finished, and the files are still ours.
    files.write_atomic(working(output, "known.json"), _dump(plan.known))
    files.write_atomic(working(output, "placing.json"), _dump(manifest))
    _remove(working(output, "manifest.json"))
    for name in plan.stale:
        move(files.join(output, name), working(output, "previous", name))
        for kind in companions.KINDS:
            _remove(companions.path_of(working(output), kind, name))
    for entry in ordered:
        if entry["name"] not in plan.kept:
            _place_companions(output, entry)
            _place(output, entry)
    files.write_atomic(working(output, "manifest.json"), _dump(manifest))
    for name in ("units", "planned", "unpacked", "ready", CONVERTED):
        files.remove_tree(working(output, name))
    files.remove_temporaries(working(output))
    _remove(working(output, "known.json"))
    _remove(working(output, "placing.json"))
    return manifest


def _manifest(plan: TranslatePlan, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """No time and no place of this machine is in it, so that equal runs write equal manifests."""
    total = Ledger(0, 0, {})
    for entry in entries:
        counts = entry["counts"]
        total += Ledger(counts["in"], counts["out"], counts["rejected"])
    cut = [entry["counts"]["cut"] for entry in entries if "cut" in entry["counts"]]
    certified = [entry["certificate"] for entry in entries if "certificate" in entry]
    return {
        "format_version": MANIFEST_VERSION,
        "fingerprint": plan.fingerprint,
        "model_fingerprint": plan.settings["model"]["fingerprint"],
        "decoding_fingerprint": plan.settings["decoding"]["fingerprint"],
        "settings": plan.settings,
        "counts": total.to_json() | ({"cut": sum(cut)} if cut else {}) | {"files": len(entries)},
        "segments": sum(entry["segments"] for entry in entries),
        **({"certificate": certificate.total(certified)} if "checks" in plan.settings else {}),
        "files": entries,
    }


def _cut(plan: TranslatePlan, receipts: list[Receipt]) -> dict[str, int]:
    """Where texts are taken as wholes, {"cut": of how many the model was given a part}."""
    if not tasks.of(plan.settings["model"]["task"]).whole_texts:
        return {}
    return {"cut": sum(receipt.facts.get("cut", 0) for receipt in receipts)}


def _companions(file: InputFile, plan: TranslatePlan, receipts: list[Receipt]) -> dict[str, Any]:
    """Writes the files beside a file to `_electra/ready/`; gives their checksums, and the sums of a
    certificate."""
    found: dict[str, Any] = {}
    folder = working(plan.output, "units")
    for kind, section in companions.KINDS.items():
        if section in plan.settings:
            rows = (receipt.facts["in"] for receipt in receipts)
            lines = companions.numbered(zip(_parts(folder, receipts, kind), rows, strict=True))
            ready = working(plan.output, "ready", f"{file.name}.{kind}")
            found[companions.checksum(kind)] = files.write_atomic(ready, lines)
    if "checks" in plan.settings:
        sums = (receipt.facts["certificate"] for receipt in receipts)
        found["certificate"] = certificate.total(sums)
    return found


def _digest_now(file: InputFile) -> str:
    try:
        return files.sha256(file.path)
    except OSError as error:
        raise WorkError(
            f"{file.path}: cannot be read any more: {error.strerror or error}; run again"
        ) from None


def _forget(folder: str, receipts: list[Receipt]) -> None:
    """The receipts of units that may have been read from another content."""
    for receipt in receipts:
        _remove(files.join(folder, units.receipt_name(receipt.unit_id)))


def _check_sums(file: InputFile, receipts: list[Receipt], ledger: Ledger, folder: str) -> None:
    """Every row has gone one way, and every byte of the input was part of a row. Where not, the
    units are forgotten."""
    if not ledger.balanced:
        _forget(folder, receipts)
        raise WorkError(f"{file.path}: rows do not add up: {ledger.to_json()}; run again")
    if file.bytes == 0:
        return
    if file.format == "parquet":
        expected = mirror_parquet.rows(file.plain)
        found = ledger.records_in
    else:
        expected = files.size(file.plain)
        found = sum(receipt.facts["bytes"] for receipt in receipts) + len(file.header or b"")
    if expected != found:
        _forget(folder, receipts)
        raise WorkError(
            f"{file.path}: {found} of {expected} rows or bytes were translated; run again"
        )


def _parts(folder: str, receipts: list[Receipt], suffix: str) -> Iterator[bytes]:
    for receipt in receipts:
        part = units.read_part(folder, receipt, suffix)
        if hashlib.sha256(part).hexdigest() != receipt.parts[suffix]["sha256"]:
            _forget(folder, [receipt])
            raise WorkError(f"{folder}: the part {receipt.unit_id} is damaged; run again")
        yield part


def _lines(file: InputFile, parts: Iterator[bytes], output_field: str) -> Iterator[bytes]:
    if file.header is not None:
        yield mirror.delimited_header(
            file.header, output_field, DELIMITERS[file.format], quoting=file.format == "csv"
        )
    yield from parts


def _rejected(file: InputFile, folder: str, receipts: list[Receipt]) -> Iterator[bytes]:
    """The lines of `rejected.jsonl`; rows are counted from 1, the header aside."""
    before = 0
    for receipt, part in zip(receipts, _parts(folder, receipts, "rejected"), strict=True):
        for line in part.splitlines():
            record = json.loads(line)
            record = {"path": file.path, "output": file.name} | record
            record["row"] += before
            yield _line(record)
        before += receipt.facts["in"]


def _place(output: str, entry: dict[str, Any]) -> None:
    ready = working(output, "ready", entry["name"])
    target = files.join(output, entry["name"])
    if files.exists(ready):
        move(ready, target)
    elif not files.exists(target) or files.sha256(target) != entry["sha256"]:
        raise WorkError(f"{target}: its finished file is gone; run again")


def _place_companions(output: str, entry: dict[str, Any]) -> None:
    for kind in companions.KINDS:
        target = companions.path_of(working(output), kind, entry["name"])
        ready = working(output, "ready", f"{entry['name']}.{kind}")
        if companions.checksum(kind) not in entry:
            _remove(target)
        elif files.exists(ready):
            move(ready, target)
        elif not companions.stands(working(output), entry, [kind]):
            raise WorkError(f"{target}: its finished file is gone; run again")


def move(source: str, target: str) -> None:
    """Renames a file, replacing what is there; an object store copies it."""
    if not files.is_remote(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(source, target)
        files.sync_folder(os.path.dirname(target))
        return
    from apache_beam.io.filesystems import FileSystems

    if files.exists(target):
        FileSystems.delete([target])
    FileSystems.rename([source], [target])


def _remove(path: str) -> None:
    if files.is_remote(path):
        files.remove_tree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _dump(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return text.encode("utf-8", errors="backslashreplace") + b"\n"


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="backslashreplace") + b"\n"
