"""Sentence pairs and documents to training shards, a vocabulary and `dataset_info.json`.

Eight stages with a barrier after each, three more where near duplicates are dropped, and one where
`clean.overlap` looks at data that are split off; see `stages` for what makes them safe to kill and
repeat.

    units of input
      clean       read, normalise, apply the rules, hash         one task per unit
      dedup       equal records, leaks of test data              per partition of the hashes
      (signatures, bands, near: see `near_duplicates`; held_out)
      split       what becomes of each record; its words         per chunk of clean records
      words       told apart and counted                         per partition of the words
      vocabulary  pieces from the counts                         one, or one per side
      pieces      every word cut                                 per partition of the words
      encode      token ids                                      per chunk
      shards      shuffled training records                      per shard
      (shortlist: what a piece is translated into, where asked for; see `lexicon`)
      (replacement: windows with replaced tokens, where asked for; see `replacement`)
    dataset/, vocabulary/
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from electra_model.errors import InputError, MissingColumnError

from . import files, stages, tasks, units
from .cleaning import clean, filters
from .config import PrepareConfig, settings_of
from .dataset import completion, examples, publish, replacement, shards
from .deduplication import dedup, near_duplicates
from .formats import compression, moses, registry
from .splitting import held_out, split
from .units import Unit
from .vocabularies import lexicon, pieces, vocabulary, words

__all__ = ["PreparePlan", "PrepareConfig", "build_prepare", "completed", "plan_prepare"]


@dataclasses.dataclass(frozen=True)
class PreparePlan:
    """What is to be read.

    Attributes:
      units: of all input files. stamps: path -> size and time of change, from before the file was
        cut into units. fingerprint: of the settings, the units and the stamps.
    """

    units: list[Unit]
    stamps: dict[str, str]
    fingerprint: str


def plan_prepare(config: PrepareConfig) -> PreparePlan:
    """Finds the input files, looks at their beginnings, and cuts them into units.

    Raises:
      InputError: no input, a glob without files, an unknown or damaged file, a missing column, a
        file with two roles, half a pair of files, files without a byte, a rule that does not know
        a language, text that `vocabulary.sides` has no use for, or a generator that cannot be used.
    """
    filters.check_languages(
        config.clean, (config.source_lang, config.target_lang, *config.data.monolingual)
    )
    generator = replacement.check_generator(config)
    paths: dict[str, str] = {}
    partners: dict[str, str | None] = {}
    wanted: list[tuple[str, str, tuple[str, ...]]] = [
        (role, f"data.{role}", getattr(config.data, role)) for role in ("train", "valid", "test")
    ]
    for language, patterns in sorted(config.data.monolingual.items()):
        wanted.append((clean.MONOLINGUAL + language, f"data.monolingual.{language}", patterns))
    if not config.data.train and not any(config.data.monolingual.values()):
        raise InputError("data.train: names no file, so there is nothing to prepare")
    _check_sides(config)
    _check_packing(config)
    identities: dict[str, tuple[str, str]] = {}
    for role, key, patterns in wanted:
        found = files.expand(patterns, key) if patterns else []
        if not role.startswith(clean.MONOLINGUAL):
            pairs = moses.pair_up(found, config.source_lang, config.target_lang)
            partners |= pairs
            found = list(pairs)
        second = {partner for path in found if (partner := partners.get(path)) is not None}
        for path in [*found, *sorted(second)]:
            identity = path if files.is_remote(path) else os.path.realpath(path)
            if identity in identities:
                other_key, other_path = identities[identity]
                if other_key == key:
                    continue  # the same file by two names
                raise InputError(
                    f"{key}: {path} is also in {other_key} ({other_path}); name a file in one only"
                )
            identities[identity] = key, path
            if path not in second:
                paths[path] = role
        if found and all(compression.is_empty(path) for path in found):
            raise InputError(f"{key}: the files are empty; name files with text")

    second = [partner for path in paths if (partner := partners.get(path)) is not None]
    stamps = {path: files.stamp(path) for path in [*paths, *second]}
    planned = registry.plan(
        list(paths),
        list(paths.values()),
        max(1, int(config.dataset.unit_megabytes * 1e6)),
        text_rows=config.data.text_rows,
        partners=partners,
        csv_delimiter=config.data.csv_delimiter,
        texts_in=config.source_lang if tasks.of(config.task).reads_texts else None,
    )
    for unit in {unit.path: unit for unit in planned}.values():
        _check_catalogue(config, unit)
        try:
            registry.check_fields(
                unit,
                clean.fields_for(config, unit.role),
                header=config.data.tsv_header,
                csv_delimiter=config.data.csv_delimiter,
                languages=clean.languages_for(config, unit.role),
            )
        except MissingColumnError as error:
            remedy = f"say which it is in {clean.field_keys(config, unit.role)}"
            if unit.format == "tsv" and not clean.holds_texts(config, unit.role):
                remedy += "; if that row is a pair already, leave out data.tsv_header"
            raise InputError(f"{error}; {remedy}") from None
    payloads = [task.payload for task in clean.tasks_for(config, planned, stamps)]
    made_by = generator.to_json() if generator else None
    return PreparePlan(planned, stamps, units.fingerprint(settings_of(config), payloads, made_by))


def _check_packing(config: PrepareConfig) -> None:
    if config.dataset.pack_pairs and not config.data.train:
        raise InputError(
            "dataset.pack_pairs: packs training pairs, and data.train names none; name pairs, or "
            "leave it out"
        )


def _check_catalogue(config: PrepareConfig, unit: Unit) -> None:
    """A catalogue is read by language, so two sides in one language would be the same text."""
    if unit.format not in registry.CATALOGUES or unit.role.startswith(clean.MONOLINGUAL):
        return
    if len(set(clean.languages_for(config, unit.role))) < len(clean.fields_for(config, unit.role)):
        raise InputError(
            f"{unit.path}: is a catalogue of translations, which has no pairs in one language for "
            f"task: {config.task}; name files whose rows have two fields"
        )


def _check_sides(config: PrepareConfig) -> None:
    """Text that a vocabulary for each side has no use for is refused, not read in vain."""
    if config.vocabulary.sides == "joint":
        return
    if not config.data.train:
        raise InputError(
            "vocabulary.sides: separate learns from the sides of training pairs, and data.train "
            "names none; name pairs, or leave it joint"
        )
    if config.dataset.pair_windows:
        raise InputError(
            "dataset.pair_windows: puts both sides into one window, which takes one vocabulary; "
            "switch it off, or make vocabulary.sides joint"
        )
    for language, patterns in config.data.monolingual.items():
        if patterns and language != config.source_lang:
            raise InputError(
                f"data.monolingual.{language}: with vocabulary.sides: separate, text is for "
                f"pretraining the encoder, which is of {config.source_lang} alone; leave it out"
            )


def completed(config: PrepareConfig, plan: PreparePlan) -> dict[str, Any] | None:
    """The contents of `dataset_info.json` when this very plan is done already, else None."""
    return completion.read(config, plan.fingerprint)


def build_prepare(pipeline: beam.Pipeline, config: PrepareConfig, plan: PreparePlan):
    """Adds the whole work to a pipeline. One element comes out: the counts of `dataset_info.json`.

    A plan that is complete already gives its counts at once.
    """
    info = completed(config, plan)
    # Where there is one, no run has failed since: a failure takes back what was complete before it
    # says why, and what is complete forgets the failure.
    if info is not None:
        return pipeline | "AlreadyComplete" >> beam.Create([info["ledger"]])
    element = pipeline | "Start" >> beam.Create([""])
    for label, stage in stages_of(config, plan):
        element = element | label >> stages.RunStage(stage, config)
    return element | "PublishDataset" >> beam.ParDo(_PublishFn(config, plan.fingerprint))


def stages_of(config: PrepareConfig, plan: PreparePlan) -> list[tuple[str, stages.Stage]]:
    """The stages of a job, each with the label of its transform, in their order."""
    found = [
        ("CleanUnits", clean.stage(plan.units, plan.stamps)),
        ("FindDuplicates", dedup.STAGE),
    ]
    if config.clean.near_duplicate is not False:
        found += [
            ("SignChunks", near_duplicates.SIGNATURES_STAGE),
            ("CompareBands", near_duplicates.BANDS_STAGE),
            ("DropNearDuplicates", near_duplicates.NEAR_STAGE),
        ]
    if held_out.wanted(config):
        found.append(("HoldOutSources", held_out.STAGE))
    found += [
        ("SplitChunks", split.STAGE),
        ("AddWords", words.STAGE),
        ("LearnVocabulary", vocabulary.STAGE),
        ("CutWords", pieces.STAGE),
        ("EncodeChunks", examples.STAGE),
        ("WriteShards", shards.STAGE),
    ]
    if lexicon.wanted(config):
        found.append(("LearnShortlist", lexicon.STAGE))
    if config.dataset.replacements.generator is not None:
        found.append(("ReplaceTokens", replacement.STAGE))
    return found


class _PublishFn(beam.DoFn):
    """Anything -> the counts, once everything is in its place."""

    def __init__(self, config: PrepareConfig, fingerprint: str) -> None:
        self._config, self._fingerprint = config, fingerprint

    def process(self, element: Any) -> Iterator[dict[str, Any]]:
        yield publish.publish(self._config, self._fingerprint)["ledger"]
