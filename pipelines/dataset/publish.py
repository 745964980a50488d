"""The last step: what a user sees of the prepared data; `dataset_info.json` is its last file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from electra_model import features
from electra_model.shortlist import FILE as SHORTLIST_FILE

from .. import files, units
from ..cleaning import clean, rejections
from ..config import PrepareConfig, settings_of
from ..records import EMPTY_LEDGER
from ..splitting import repeated_sides, split
from ..stages import INFO_FILE, load_index, part_path
from ..vocabularies import lexicon, vocabulary
from . import completion, dataset_files, dataset_warnings, examples, ledgers, places, replacement


def config_fingerprint(config: PrepareConfig) -> str:
    """Of all settings but the place of the work."""
    return units.fingerprint(settings_of(config))


def publish(config: PrepareConfig, plan_fingerprint: str) -> dict[str, Any]:
    """Writes the vocabulary, rejected records, samples, the texts to evaluate on, and the info.

    Returns:
      the contents of `dataset_info.json`.

    Raises:
      WorkError: the books do not balance, or nothing is left to train on.
    """
    completion.take_back(config)
    ledgers.check_rejections(config, encoded=True)
    by_split = ledgers.split_ledgers(config)
    shards: dict[str, list[dict[str, Any]]] = {}
    for receipt in load_index(config, "shards").receipts:
        shards.setdefault(receipt.facts["split"], []).append(receipt.facts)
    cards = _publish_vocabularies(config)
    ledgers.check_written(by_split, shards)
    samples = rejections.publish(config, ledgers.all_spans(config), places.of_units(config))
    texts = [name for name in ("valid", "test") if name in shards]
    for name in texts:
        files.write_atomic(_path(config, "dataset", f"{name}.jsonl"), _texts_of(config, name))

    info = {
        "format_version": features.FORMAT_VERSION,
        "task": config.task,
        "source_lang": config.source_lang,
        "target_lang": config.target_lang,
        "splits": {
            name: _describe(config, shards[name], by_split.get(name)) for name in _order(shards)
        },
        "ledger": sum(by_split.values(), EMPTY_LEDGER).to_json(),
        "lengths": _lengths(config, _order(shards)),
        "fertility": {
            language: {"words": words, "tokens": tokens}
            for language, (words, tokens) in dataset_warnings.fertility(
                config, clean.chunks(config)
            ).items()
        },
        "duplicates": repeated_sides.described(config),
        "samples": samples,
        "mended": sum(facts["mended"] for facts in clean.chunk_facts(config)),
        "warnings": dataset_warnings.find(config, by_split, cards.values()),
        "max_tokens": config.dataset.max_tokens,
        **_cut(config),
        "window_length": config.dataset.window_length,
        "compression": config.dataset.compression,
        "seed": config.dataset.seed,
        "config_fingerprint": config_fingerprint(config),
        "vocabulary_fingerprint": _of_each(cards, "fingerprint"),
        "vocabulary_size": _of_each(cards, "size"),
    }
    if config.dataset.replacements.generator is not None:
        windows = info["splits"].get(examples.PRETRAIN, {"records": 0})["records"]
        info["replacements"] = replacement.described(config, windows)
    # What an earlier run under other settings has left.
    dataset_files.remove_others(config, {*_dataset_files(info)})
    text = json.dumps(info, indent=2, ensure_ascii=False) + "\n"
    files.write_atomic(_path(config, "dataset", INFO_FILE), text.encode())
    written = [
        *(f"dataset/{name}" for name in _dataset_files(info)),
        *(f"vocabulary/{_place(name)}{card['file']}" for name, card in cards.items()),
        f"vocabulary/{dataset_files.CARD_FILE}",
        *([f"vocabulary/{SHORTLIST_FILE}"] if lexicon.wanted(config) else []),
    ]
    completion.write(config, plan_fingerprint, written)
    return info


def _order(shards: dict[str, Any]) -> list[str]:
    return [name for name in (*split.SPLITS, examples.PRETRAIN) if name in shards]


def _cut(config: PrepareConfig) -> dict[str, Any]:
    """With `long_sources: cut` {"cut_sources": {split: pairs of whose source the beginning was
    kept}}; else nothing."""
    found: dict[str, int] = {}
    for receipt in load_index(config, "encode").receipts:
        for name, count in receipt.facts.get("cut", {}).items():
            found[name] = found.get(name, 0) + count
    return {"cut_sources": found} if config.dataset.long_sources == "cut" else {}


def _packed(config: PrepareConfig, shards: list[dict[str, Any]]) -> dict[str, Any]:
    """What is to be known of records that hold several pairs; nothing of others."""
    if not any("pairs" in shard for shard in shards):
        return {}
    total = {name: sum(shard[name] for shard in shards) for name in ("records", "pairs")}
    return {"packed": {**total, "length": config.dataset.max_tokens}}


def _describe(config: PrepareConfig, shards: list[dict[str, Any]], ledger: Any) -> dict[str, Any]:
    tokens: dict[str, int] = {}
    for shard in shards:
        for side, count in shard["tokens"].items():
            tokens[side] = tokens.get(side, 0) + count
    return {
        "records": sum(shard["records"] for shard in shards),
        "tokens": tokens,
        **_packed(config, shards),
        "shards": [
            {
                key: shard[key]
                for key in ("file", "records", "pairs", "bytes", "sha256", "buckets", "provenance")
                if key in shard
            }
            for shard in shards
        ],
        "ledger": (ledger or EMPTY_LEDGER).to_json(),
    }


def _lengths(config: PrepareConfig, names: list[str]) -> dict[str, dict[str, list[int]]]:
    """Split -> side -> how many texts have 0, 1, 2 ... tokens."""
    sums: dict[str, dict[str, list[int]]] = {name: {} for name in names}
    for receipt in load_index(config, "encode").receipts:
        for name in names:
            for side, counts in receipt.facts["lengths"][name].items():
                total = sums[name].setdefault(side, [])
                total.extend([0] * (len(counts) - len(total)))
                for length, count in enumerate(counts):
                    total[length] += count
    return sums


def _publish_vocabularies(config: PrepareConfig) -> dict[str, dict[str, Any]]:
    """Vocabulary -> its card."""
    cards = {}
    current: dict[str, bytes] = {}
    for name, receipt in vocabulary.made(config).items():
        model = files.read_bytes(part_path(config, "vocabulary", receipt, vocabulary.MODEL_PART))
        cards[name] = receipt.facts
        current[_place(name) + receipt.facts["file"]] = model
    dataset_files.remove_vocabularies(config, current)  # those of a run under other settings
    for file, model in current.items():
        files.write_atomic(_path(config, "vocabulary", file), model)
    if lexicon.wanted(config):
        (receipt,) = load_index(config, lexicon.STAGE.name).receipts
        data = files.read_bytes(part_path(config, lexicon.STAGE.name, receipt, lexicon.PART))
        files.write_atomic(_path(config, "vocabulary", SHORTLIST_FILE), data)
    else:
        files.remove(_path(config, "vocabulary", SHORTLIST_FILE))
    files.write_atomic(
        _path(config, "vocabulary", dataset_files.CARD_FILE), vocabulary.card_text(config, cards)
    )
    return cards


def _place(name: str) -> str:
    """Where a vocabulary's file is, below `vocabulary/`."""
    return "" if name == "joint" else f"{name}/"


def _of_each(cards: dict[str, dict[str, Any]], key: str) -> Any:
    """A fact of the vocabulary, or side -> fact where each has its own."""
    found = {name: card[key] for name, card in cards.items()}
    return found.get("joint", found)


def _texts_of(config: PrepareConfig, name: str) -> Iterator[bytes]:
    for receipt in load_index(config, "encode").receipts:
        if f"{name}-jsonl" in receipt.parts:
            yield files.read_bytes(part_path(config, "encode", receipt, f"{name}-jsonl"))


def _dataset_files(info: dict[str, Any]) -> list[str]:
    names = [INFO_FILE, places.FILE, *info["samples"].values()]
    names += [f"rejected/{rule}.jsonl.gz" for rule in info["samples"]]
    names += [shard["file"] for shard in info.get("replacements", {"shards": []})["shards"]]
    for name, described in info["splits"].items():
        names += [shard["file"] for shard in described["shards"]]
        names += [s["provenance"]["file"] for s in described["shards"] if "provenance" in s]
        if name in ("valid", "test"):
            names.append(f"{name}.jsonl")
    return names


def _path(config: PrepareConfig, *names: str) -> str:
    return files.join(config.workdir, *names)
