"""What a translation run will do, settled before any work: which files, under which names, in which
units.

Everything that is wrong with the command or its inputs is found here, so that it ends before hours
of work and not after them. What is done already is found here as well: a file whose content, model
and settings are those of `_electra/manifest.json` stays, and of the other files only units without
a receipt are translated.

While a run is under way the output folder holds nothing new but `_electra/`:

    _electra/units/         a part and a receipt for each unit, named after what its bytes depend on
    _electra/planned/       the files and their units, as the processes that translate read them
    _electra/ctranslate2/   the model, converted for that engine
    _electra/unpacked/      compressed inputs as plain files, so that they can be cut into units
    _electra/ready/         finished output files
    _electra/placing.json   the manifest to be, while finished files are moved to their places
    _electra/known.json     the checksums of files that earlier runs placed, meanwhile

After it, `_electra/` holds `manifest.json`, `rejected.jsonl`, `certificate/` unless `checks` are
off, `details/` where they are wanted, and `memory/` (see `memory`) where the memory is not
elsewhere or off.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
from typing import Any

from electra_model.errors import InputError, WorkError

from .. import files, inference, tasks, units
from ..config import TranslateConfig
from ..formats import registry
from ..memory import memory
from ..mirrors import whole_files
from ..quality import quality, replaced_tokens
from ..units import Unit
from . import companions, translation_engine, translation_inputs
from .earlier_outputs import Earlier, read_rejected, sha256_of, working
from .translation_inputs import InputFile

# Part of every fingerprint: raised by any change of what the same input and model are made into.
OUTPUT_VERSION = 6

# What a sentence takes, on the average of many texts; units are cut by bytes.
BYTES_PER_SEGMENT = 60

# Open folders of the runs of this process: the lock of each lasts as long as the process, whatever
# ends it.
_claimed: dict[str, int] = {}


@dataclasses.dataclass(frozen=True)
class PlannedUnit:
    """A unit, and the name of its part and receipt: a fingerprint of all that its bytes depend
    on."""

    unit: Unit
    key: str
    file: InputFile


@dataclasses.dataclass(frozen=True)
class PlannedFile:
    """A file whose translation is to be made, with all its units in order."""

    file: InputFile
    units: tuple[PlannedUnit, ...]


@dataclasses.dataclass(frozen=True)
class TranslatePlan:
    """The work of one run.

    Attributes:
      settings: what the translations depend on besides the inputs; goes into the manifest.
      fingerprint: of `settings`.
      names: all output files, in the order of the inputs.
      made: the files to make. kept: manifest entries of those that are up to date, by name.
      stale: outputs of inputs that are no longer there.
      known: name -> checksums of the files that earlier runs placed.
      pending: the units without a receipt.
      complete: there is nothing to do at all.
    """

    output: str
    settings: dict[str, Any]
    fingerprint: str
    names: tuple[str, ...]
    made: tuple[PlannedFile, ...]
    kept: dict[str, dict[str, Any]]
    stale: tuple[str, ...]
    known: dict[str, list[str]]
    pending: tuple[PlannedUnit, ...]
    complete: bool

    @property
    def total_units(self) -> int:
        """Receipts that there will be when all units are done."""
        return len({unit.key for planned in self.made for unit in planned.units})


def plan_translate(config: TranslateConfig) -> TranslatePlan:
    """Examines inputs, model and output folder. Writes nothing but below `_electra/` in the output
    folder.

    Raises:
      InputError: for everything the user can mend: inputs that are not there, cannot be read, are
        not what their name says or have the output's field already; an output folder that holds
        other files or lies where it would be taken for input; a folder that is no model.
      WorkError: another run is writing into the output folder.
    """
    for key in ("input", "output", "model"):
        if not getattr(config, key):
            raise InputError(
                f"translate.{key}: is not given; name it in the job file or with --{key}"
            )
    if not config.output_field:
        raise InputError("translate.output_field: is empty; name the field for the translation")
    assert config.output is not None and config.model is not None
    output = config.output
    card = inference.read_model_card(config.model)
    tasks.of(card.get("task"), f"{files.join(config.model, 'model.json')}: task")
    translation_engine.check(config, card)
    settings = settings_of(config, card)
    paths = translation_inputs.find_inputs(config.input)
    names = translation_inputs.output_names(paths)
    translation_inputs.check_places(config.input, paths, output, names)
    memory.check_place(config, output, paths)
    made = _claim(output)
    try:
        return _examined(config, output, settings, paths, names)
    except InputError:
        # Leave no trace of a command that was wrong.
        if working(output) in made:
            files.remove_tree(working(output))
        if output in made:
            with contextlib.suppress(OSError):
                os.rmdir(output)
        raise


def _examined(
    config: TranslateConfig,
    output: str,
    settings: dict[str, Any],
    paths: list[str],
    names: list[str],
) -> TranslatePlan:
    fingerprint = units.fingerprint(settings)
    earlier = Earlier.read(output)
    standing = earlier.standing(output, names)
    rejected = read_rejected(output)
    unit_bytes = config.unit_segments * BYTES_PER_SEGMENT

    made, kept = [], {}
    for path, name in zip(paths, names, strict=True):
        file = translation_inputs.examine(path, name)
        entry = earlier.entries.get(name)
        if (
            entry is not None
            and earlier.fingerprint == fingerprint
            and entry["input"]["sha256"] == file.sha256
            and entry["sha256"] == standing.get(name)
            and entry["rejected_sha256"] == sha256_of(rejected.get(name, []))
            and companions.stands(working(output), entry)
        ):
            kept[name] = entry
        else:
            made.append(
                translation_inputs.open_up(
                    file,
                    config.text_field,
                    config.output_field,
                    working(output, "unpacked"),
                    unit_bytes,
                )
            )
    planned = cut(made, fingerprint, unit_bytes)
    pending = {
        unit.key: unit
        for file in planned
        for unit in file.units
        if units.committed(working(output, "units"), unit.key, unit.key) is None
    }
    for unit in pending.values():  # of what is committed it is known
        if whole_files.is_document(unit.file):
            whole_files.check(unit.file, settings["model"])
    stale = tuple(sorted(set(standing) - set(names)))
    return TranslatePlan(
        output=output,
        settings=settings,
        fingerprint=fingerprint,
        names=tuple(names),
        made=planned,
        kept=kept,
        stale=stale,
        known={name: sorted(digests) for name, digests in earlier.known.items()},
        pending=tuple(pending.values()),
        complete=earlier.finished and not planned and not stale,
    )


def settings_of(config: TranslateConfig, card: dict[str, Any]) -> dict[str, Any]:
    """What translations depend on besides the inputs; card: what `model.json` says."""
    decoding = translation_engine.decoding_of(config).settings()
    return {
        "output_version": OUTPUT_VERSION,
        "model": {
            key: card.get(key) for key in ("fingerprint", "task", "source_lang", "target_lang")
        },
        "decoding": decoding | {"fingerprint": units.fingerprint(decoding)},
        "text_field": config.text_field,
        "output_field": config.output_field,
        **quality.settings(config.checks, replaced_tokens.asked_for(config, card)),
        **({"details": dataclasses.asdict(config.details)} if config.details else {}),
    }


def cut(made: list[InputFile], fingerprint: str, unit_bytes: int) -> tuple[PlannedFile, ...]:
    """The files with their units. A unit's key does not depend on the other files of the run."""
    of_path: dict[str, list[Unit]] = {}
    filled = []
    for file in made:
        if file.bytes and whole_files.is_document(file):
            of_path[file.plain] = [whole_files.unit_of(file)]
        elif file.bytes:
            filled.append(file)
    plain = list(dict.fromkeys(file.plain for file in filled))
    for unit in registry.plan(plain, ["translate"] * len(plain), unit_bytes):
        of_path.setdefault(unit.path, []).append(unit)
    return tuple(
        PlannedFile(
            file,
            tuple(
                PlannedUnit(
                    unit,
                    units.fingerprint(fingerprint, *_content(file), unit.start, unit.stop),
                    file,
                )
                for unit in (of_path.get(file.plain, []) if file.bytes else [])
            ),
        )
        for file in made
    )


def _content(file: InputFile) -> tuple[str, ...]:
    """What the places of a file's units are places in. The row groups of a copy are of that copy,
    whose name says how many rows they have."""
    regrouped = file.format == "parquet" and file.plain != file.path
    return (file.sha256, file.format, *([os.path.basename(file.plain)] if regrouped else []))


def _claim(output: str) -> list[str]:
    """Makes `_electra/` and locks it against other runs until this process ends.

    Returns the folders that were not there before, the inner one first.
    """
    if files.is_remote(output):
        return []
    folder = working(output)
    made = [path for path in (folder, output) if not os.path.isdir(path)]
    try:
        os.makedirs(folder, exist_ok=True)
        for place in (output, folder):
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "it is read-only, or somebody else's")
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"translate.output: cannot write to {output}: {error.strerror}") from None
    identity = "{0.st_dev}:{0.st_ino}".format(os.fstat(descriptor))
    if identity in _claimed:
        os.close(descriptor)
        return made
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise WorkError(f"{output}: another run is writing here; wait until it has ended") from None
    _claimed[identity] = descriptor
    return made
