"""A corpus on disk: what lies in its folder, how it is written, and whether it is complete.

Each file has its checksum in corpus.json:

    train.tsv valid.tsv test.tsv       source TAB target, no header, no quoting
    documents/documents.jsonl          held-out documents, one a line: {"id", "text", "reference"};
                                       text and reference have one string a line
    documents/<name>.txt               further held-out documents, one string a line
    documents/references/<name>.txt    their translations, line by line
    NOTICE, LICENSES/<package>.txt     where the pairs are from, and under which terms
    corpus.json                        counts: in = out + rejected, by rule and by package

The folder is made beside its place and renamed into it when it is complete.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import Any

from electra_model.errors import InputError
from pipelines import files

from .corpus_recipe import CorpusRecipe, PackageConfig
from .corpus_split import SPLITS, Split


def split_files(split: Split) -> dict[str, bytes]:
    """File name -> bytes of the splits and the documents."""
    contents = {
        f"{name}.tsv": "".join(f"{pair.source}\t{pair.target}\n" for pair in held).encode()
        for name, held in (("train", split.train), ("valid", split.valid), ("test", split.test))
    }
    records = []
    # The documents come in the order of their draw, so every other one is a fair half.
    for place, (name, document) in enumerate(split.documents.items()):
        text = "\n".join(pair.source for pair in document)
        reference = "\n".join(pair.target for pair in document)
        if place % 2 == 0:
            record = {"id": name, "text": text, "reference": reference}
            records.append(json.dumps(record, ensure_ascii=False) + "\n")
        else:
            # Members of a zip file choose these names: only plain characters are taken from them.
            file_name = re.sub(r"[^A-Za-z0-9_-]", "_", name.replace("/", "-")) + ".txt"
            contents[f"documents/{file_name}"] = f"{text}\n".encode()
            contents[f"documents/references/{file_name}"] = f"{reference}\n".encode()
    if records:
        contents["documents/documents.jsonl"] = "".join(records).encode()
    return contents


def notice(
    recipe: CorpusRecipe,
    language: str,
    packages: Iterable[PackageConfig],
    counts: dict[str, dict[str, Any]],
) -> bytes:
    """The text of NOTICE: package, version, licence and pairs, for each package in use."""
    lines = [
        f"Parallel corpus {recipe.source_lang}-{language}: strings and their translations from the",
        "catalogues of the packages below. Each pair remains under the licence of its package;",
        "LICENSES/ has the licence texts that came with them.",
        "",
        "package | version | licence | pairs: " + " / ".join(SPLITS),
    ]
    for package in packages:
        if counts[package.name]["out"]:
            numbers = " / ".join(str(counts[package.name]["pairs"][name]) for name in SPLITS)
            lines.append(f"{package.name} | {package.version} | {package.licence} | {numbers}")
    return ("\n".join(lines) + "\n").encode()


def read_complete(output: str, fingerprint: str) -> dict[str, Any] | None:
    """What corpus.json says, if it was made under this fingerprint and each file is as it says."""
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


def check_replaceable(output: str, language: str) -> None:
    """Raises `InputError` unless `output` is absent, empty, or an earlier corpus alone, for the
    same target language."""
    if not os.path.lexists(output):
        return
    if not os.path.isdir(output):
        raise InputError(f"{output}: must be a folder for the corpus, found a file; name another")
    facts = _read_facts(output) or {"files": {}}
    if facts.get("target_lang", language) != language:
        raise InputError(
            f"{output}: holds the corpus for {facts['target_lang']}; name another folder for "
            f"{language}, or remove it"
        )
    ours = {"corpus.json", *facts["files"]}
    for folder, _, names in os.walk(output):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), output)
            if path not in ours:
                raise InputError(
                    f"{output}: holds {path}, which is of no earlier corpus; name a new folder"
                )


def write_corpus(output: str, contents: dict[str, bytes], facts: dict[str, Any]) -> dict[str, Any]:
    """Writes all beside `output`, corpus.json last, and puts it in its place. Returns the facts."""
    parent, name = os.path.split(output)
    building = os.path.join(parent, f".{name}.building")
    replaced = os.path.join(parent, f".{name}.replaced")
    for leftover in (building, replaced):
        files.remove_tree(leftover)
    described = {}
    for path, data in sorted(contents.items()):
        digest = files.write_atomic(os.path.join(building, path), data)
        described[path] = {"bytes": len(data), "sha256": digest}
    facts = {**facts, "files": described}
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    files.write_atomic(os.path.join(building, "corpus.json"), text.encode())
    if os.path.exists(output):
        os.rename(output, replaced)
    os.rename(building, output)
    files.sync_folder(parent)
    files.remove_tree(replaced)
    return facts
