"""First stage: units of input to chunks of clean records, with the hashes that find equal ones.

One task per unit. Each chunk of a unit (a few MB) ends in three parts: `kept-<n>` (`records.KEPT`),
`keys-<n>` (`records.KEYS`) and, where anything was rejected, `rejected-<n>`.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.errors import InputError

from .. import files, records, tasks
from ..config import PrepareConfig
from ..deduplication import dedup
from ..formats import registry
from ..stages import Stage, Task, folder_of, load_index
from ..texts import langid
from ..texts.mending import mend_texts
from ..texts.normalize import normalize_column, reduce_sources
from ..units import Parts, Unit
from . import continuations, filters, rejections

# To be raised when the same input and settings give other results than before.
_VERSION = 5

MONOLINGUAL = "monolingual:"

_SIDES = ("source", "target")

# Keys of this many bytes of input are compared at once, in memory.
_PARTITION_BYTES = 512 << 20


@dataclasses.dataclass(frozen=True)
class Chunk:
    """A chunk of clean records, as later stages find it. Travels in their tasks, as JSON.

    Attributes:
      number: position among all chunks of the job. id: unique name of it.
      role: of the file, "train", "valid", "test" or "monolingual:<language>". path: the file.
      unit: id of the unit. kept, keys: names of the parts. sha256: of the part `kept`.
    """

    number: int
    id: str
    role: str
    path: str
    unit: str
    kept: str
    keys: str
    sha256: str


def holds_texts(config: PrepareConfig, role: str) -> bool:
    """Whether the rows of a file are texts, not pairs."""
    return role.startswith(MONOLINGUAL) or tasks.of(config.task).reads_texts


def fields_for(config: PrepareConfig, role: str) -> list[str]:
    """The columns that are read of a file."""
    if holds_texts(config, role):
        return [config.data.text_field]
    return [config.data.source_field, config.data.target_field]


def field_keys(config: PrepareConfig, role: str) -> str:
    """The keys of the job file that name those columns, and for which files they hold."""
    if tasks.of(config.task).reads_texts:
        return "data.text_field, which holds for all files of the job"
    if role.startswith(MONOLINGUAL):
        return "data.text_field, which holds for all monolingual files of the job"
    return "data.source_field and data.target_field, which hold for all files of pairs of the job"


def languages_for(config: PrepareConfig, role: str) -> list[str]:
    """The language of each of those columns."""
    if role.startswith(MONOLINGUAL):
        return [role.removeprefix(MONOLINGUAL)]
    if holds_texts(config, role):
        return [config.source_lang]
    return [config.source_lang, config.target_lang]


def tasks_for(config: PrepareConfig, units: list[Unit], stamps: dict[str, str]) -> list[Task]:
    """One task per unit of input. stamps: of the files, from before they were cut into units."""
    partitions = partition_count(units)
    return [
        Task(
            unit.id,
            {
                "version": _VERSION,
                # Where it stands among all units says nothing of what is in it.
                "unit": dataclasses.asdict(dataclasses.replace(unit, index=0)),
                "stamp": stamps[unit.path],
                "partner_stamp": None if unit.partner is None else stamps[unit.partner],
                "fields": fields_for(config, unit.role),
                "languages": languages_for(config, unit.role),
                "header": config.data.tsv_header,
                "csv_delimiter": config.data.csv_delimiter if unit.format == "csv" else ",",
                "clean": _rules_for(config, unit.role),
                "partitions": partitions,
                **_stretches_for(config, unit.role),
            },
        )
        for unit in units
    ]


def _stretches_for(config: PrepareConfig, role: str) -> dict[str, int]:
    """Of files whose texts are cut into pairs, the characters of a stretch."""
    if role.startswith(MONOLINGUAL) or not holds_texts(config, role):
        return {}
    return {"stretch_characters": config.dataset.stretch_characters}


def kind_of(role: str) -> str:
    """What the records of a file are to the rules, see `filters.RULES`."""
    return "text" if role.startswith(MONOLINGUAL) else "pair" if role == "train" else "measure"


def _rules_for(config: PrepareConfig, role: str) -> dict[str, Any]:
    """What the result for a file depends on, of the section `clean`."""
    kind = kind_of(role)
    rules = filters.settings_for(kind, config.clean)
    if kind != "measure":
        rules["mend"] = config.clean.mend
    if kind != "text":
        rules["duplicate"] = config.clean.duplicate == "source"  # see `hash_records`
    if kind == "pair" and holds_texts(config, role):
        rules["documents"] = config.clean.documents.bounds()
    return rules


def partition_count(units: list[Unit]) -> int:
    """Into how many parts hashes and words are divided; a function of the input's size alone."""
    return min(1 << 12, 1 + sum(unit.size for unit in units) // _PARTITION_BYTES)


def chunks(config: PrepareConfig) -> list[Chunk]:
    """All chunks of the complete first stage, in the order of the input."""
    found: list[Chunk] = []
    for receipt in load_index(config, "clean").receipts:
        for piece in range(len(receipt.facts["chunks"])):
            kept = receipt.parts[f"kept-{piece:05d}"]
            found.append(
                Chunk(
                    number=len(found),
                    id=f"{receipt.unit_id}-{piece:05d}",
                    role=receipt.facts["role"],
                    path=receipt.facts["path"],
                    unit=receipt.unit_id,
                    kept=kept["name"],
                    keys=receipt.parts[f"keys-{piece:05d}"]["name"],
                    sha256=kept["sha256"],
                )
            )
    return found


def chunk_facts(config: PrepareConfig) -> list[dict[str, Any]]:
    """What the first stage has counted, chunk by chunk: "rows", "kept", "rejected" ..."""
    receipts = load_index(config, "clean").receipts
    return [facts for receipt in receipts for facts in receipt.facts["chunks"]]


def read_kept(config: PrepareConfig, chunk: Chunk) -> pa.RecordBatch:
    """The clean records of a chunk (`records.KEPT`)."""
    return records.open_table(files.join(folder_of(config, "clean"), chunk.kept)).get_batch(0)


def open_keys(config: PrepareConfig, chunk: Chunk) -> pa.ipc.RecordBatchFileReader:
    """The hashes of a chunk (`records.KEYS`), one batch per partition."""
    return records.open_table(files.join(folder_of(config, "clean"), chunk.keys))


def work(config: PrepareConfig, task: Task, parts: Parts) -> dict[str, Any]:
    """Reads a unit, normalises, applies the rules, writes the chunks.

    Returns:
      {"role", "path", "format", "chunks": [{"rows", "kept", "mended", "rejected",
      "rejected_part"}]}; "mended" counts the records that `clean.mend` has changed.

    Raises:
      InputError: the file is damaged, cannot be read, or is not as it was when it was cut.
    """
    unit = Unit(**task.payload["unit"])
    _check_unchanged(unit, task)
    batches = registry.read(
        unit,
        task.payload["fields"],
        raw=unit.format in registry.RAW_FORMATS,
        header=task.payload["header"],
        csv_delimiter=task.payload["csv_delimiter"],
        languages=task.payload["languages"],
    )
    form = unit.format
    if stretch := task.payload.get("stretch_characters"):
        form = continuations.FORMAT
        bounds = task.payload["clean"].get("documents", {})
        batches = continuations.pairs(batches, task.payload["languages"][0], stretch, bounds)
    found = []
    for batch in batches:
        if batch.num_rows:
            facts = _work_on_chunk(config, unit, batch, len(found), task, parts)
            found.append({**facts, "rejected_part": f"rejected-{len(found):05d}"})
    _check_unchanged(unit, task)
    return {"role": unit.role, "path": unit.path, "format": form, "chunks": found}


def _check_unchanged(unit: Unit, task: Task) -> None:
    """The units of a file must be pieces of the same file, or rows would be lost between them."""
    for path, key in zip(unit.paths, ("stamp", "partner_stamp"), strict=False):
        _check_stamp(path, task.payload[key])


def _check_stamp(path: str, stamp: str) -> None:
    try:
        same = files.stamp(path) == stamp
    except (OSError, IndexError):
        raise InputError(
            f"{path}: is gone since the work began; put it back and run the same command again"
        ) from None
    if not same:
        raise InputError(
            f"{path}: was changed after the work began; do not change inputs while they are read, "
            "and run the same command again"
        )


def _work_on_chunk(
    config: PrepareConfig,
    unit: Unit,
    batch: pa.RecordBatch,
    piece: int,
    task: Task,
    parts: Parts,
) -> dict[str, Any]:
    rows_read = batch.num_rows
    monolingual = unit.role.startswith(MONOLINGUAL)
    has_raw = unit.format in registry.RAW_FORMATS
    first = 3 if has_raw else 2  # the columns of the sides; behind them there may be hashes
    last = first + (1 if monolingual else 2)
    rejected = []
    # By position: a field may itself be called "row", "error" or "raw".
    errors = batch.column(1)
    if errors.null_count != rows_read:
        bad = batch.filter(errors.is_valid())
        # Without raw bytes, what texts there are.
        kept = bad.columns[2:3] if has_raw else bad.columns[2:last]
        columns = [column.to_pylist() for column in [*bad.columns[:2], *kept]]
        for row, rule, *texts in zip(*columns, strict=True):
            what = {"raw": texts[0]} if has_raw else dict(zip(_SIDES, texts, strict=False))
            rejected.append(rejections.reject(rule, unit.path, unit.id, row, **what))
        # The raw bytes have served.
        batch = batch.select([0, *range(first, batch.num_columns)]).filter(errors.is_null())
        first, last = 1, 1 + last - first

    rows = batch.column(0).to_numpy()
    texts = batch.columns[first:last]
    hashes = batch.columns[last:]
    del batch, errors
    kind = kind_of(unit.role)
    mended = 0
    if config.clean.mend and kind != "measure":
        new, changed = zip(*(mend_texts(column.to_pylist()) for column in texts), strict=True)
        texts = [pa.array(column, pa.string()) for column in new]
        mended = sum(map(any, zip(*changed, strict=True)))
    sides = tuple(normalize_column(column) for column in texts)
    documents = None
    if monolingual and config.clean.documents.bounds():
        documents = texts[0].to_pylist()  # with their line ends
    languages = task.payload["languages"]
    if len(languages) < len(sides):
        languages = languages * 2  # both sides are stretches of one text
    verdict = filters.judge(sides, kind, config.clean, languages, documents)
    bad = np.flatnonzero(verdict.astype(bool))
    taken = [side.take(pa.array(bad)).to_pylist() for side in sides]
    for position, *texts in zip(bad, *taken, strict=True):
        rule, found_there = str(verdict[position]), None
        if rule == "wrong_language":
            found_there = _languages_in(texts, languages, float(config.clean.wrong_language))
        rejected.append(
            rejections.reject(rule, unit.path, unit.id, rows[position], *texts, found=found_there)
        )

    good = np.flatnonzero(~verdict.astype(bool))
    rows = rows[good]
    sides = tuple(side.take(pa.array(good)) for side in sides)
    if hashes:
        keys = np.stack([column.to_numpy()[good] for column in hashes], axis=1)
    else:
        keys = hash_records(sides, unit.role, config)
    _write_kept(config, parts, piece, rows, sides, keys)
    _write_keys(parts, piece, rows, keys, task.payload["partitions"])
    rejected.sort(key=lambda record: record["row"])
    return {
        "rows": rows_read,
        "kept": len(rows),
        "mended": mended,
        "rejected": rejections.add_part(parts, f"rejected-{piece:05d}", rejected),
    }


def _languages_in(texts: list[str], languages: list[str], bound: float) -> dict[str, Any]:
    """Side -> the language that it is in instead of its own, and how probably."""
    found = {}
    for side, text, language in zip(_SIDES, texts, languages, strict=False):
        if len(text) >= langid.SHORTEST and langid.probability(text, language) < bound:
            code, probability = langid.most_probable(text, language)
            found[side] = {"language": code, "probability": round(probability, 3)}
    return found


def hash_records(sides: tuple[pa.StringArray, ...], role: str, config: PrepareConfig) -> np.ndarray:
    """uint64 [n, 4]: the group's hash and the equal records' hash, see `dedup`; of pairs and texts
    (pairs that texts were cut into come with theirs, see `continuations`)."""
    if role.startswith(MONOLINGUAL):
        return np.concatenate([dedup.hash_texts(role, sides[0])] * 2, axis=1)
    groups = dedup.hash_texts("group", reduce_sources(sides[0]))
    if config.clean.duplicate == "source":
        return np.concatenate([groups, dedup.hash_texts("source", sides[0])], axis=1)
    # No normalised text holds a tab, so two pairs never read the same.
    both = pc.binary_join_element_wise(*sides, "\t")
    return np.concatenate([groups, dedup.hash_texts("pair", both)], axis=1)


def _write_kept(
    config: PrepareConfig,
    parts: Parts,
    piece: int,
    rows: np.ndarray,
    sides: tuple[pa.StringArray, ...],
    keys: np.ndarray,
) -> None:
    target = sides[1] if len(sides) == 2 else pa.nulls(len(rows), pa.string())
    columns = [pa.array(rows), sides[0], target, pa.array(keys[:, 1]), pa.array(keys[:, 3])]
    batch = pa.RecordBatch.from_arrays(columns, schema=records.KEPT)
    # Nearly as large as the input: worth packing where it travels over a network.
    data = records.to_bytes(records.KEPT, [batch], compress=files.is_remote(config.workdir))
    parts.add(f"kept-{piece:05d}", data)


def _write_keys(
    parts: Parts, piece: int, rows: np.ndarray, keys: np.ndarray, partitions: int
) -> None:
    partition = dedup.partition_of(keys[:, 0], partitions)
    order = np.argsort(partition, kind="stable")
    bounds = np.searchsorted(partition[order], np.arange(partitions + 1))
    columns = [rows[order], *(keys[order, column] for column in range(4))]
    batches = [
        pa.RecordBatch.from_arrays(
            [pa.array(column[start:stop]) for column in columns], schema=records.KEYS
        )
        for start, stop in zip(bounds[:-1], bounds[1:], strict=True)
    ]
    parts.add(f"keys-{piece:05d}", records.to_bytes(records.KEYS, batches))


def stage(units: list[Unit], stamps: dict[str, str]) -> Stage:
    """The first stage, which is planned from units; `stamps` as in `tasks_for`."""
    return Stage("clean", _Tasks(units, stamps), work, _SETTINGS)


_SETTINGS = (
    "task",
    "source_lang",
    "target_lang",
    "data.source_field",
    "data.target_field",
    "data.text_field",
    "data.text_rows",
    "data.tsv_header",
    "data.csv_delimiter",
    "dataset.unit_megabytes",
    "dataset.stretch_characters",
    *(f"clean.{name}" for name, _, _ in filters.RULES),
    "clean.documents",
    "clean.mend",
    "clean.duplicate",
)


@dataclasses.dataclass(frozen=True)
class _Tasks:
    units: list[Unit]
    stamps: dict[str, str]

    def __call__(self, config: PrepareConfig) -> list[Task]:
        return tasks_for(config, self.units, self.stamps)
