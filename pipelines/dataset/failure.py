"""A prepare that failed by its own rules: what it says, and what became of the records.

`prepare/failed.json` stands in for `dataset_info.json`, which a work folder then has not: with it
`electra report` can show what was rejected, of which `dataset/` holds the records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from .. import files
from ..config import PrepareConfig
from ..records import EMPTY_LEDGER, Ledger
from . import completion, dataset_files


def write(config: PrepareConfig, message: str, ledgers: Mapping[str, Ledger]) -> None:
    """Says why the work failed: {"message", "ledger", "splits": {split: {"ledger"}}}, the ledgers
    as in `dataset_info.json`.
    """
    splits = {name: {"ledger": ledger.to_json()} for name, ledger in ledgers.items()}
    total = sum(ledgers.values(), EMPTY_LEDGER).to_json()
    text = json.dumps({"message": message, "ledger": total, "splits": splits}, ensure_ascii=False)
    files.write_atomic(_path(config), text.encode())


def clear(config: PrepareConfig) -> None:
    """Before the next run: removes what one that failed has left to look at, if the last did."""
    if files.exists(_path(config)):
        empty_dataset(config)


def empty_dataset(config: PrepareConfig) -> None:
    """Takes back what was published, and removes it from a local work folder, the vocabulary too:
    nothing of an earlier run stays beside what was rejected in this one. That a run failed is
    forgotten last: where this is killed, the next run does the rest.

    Windows with replaced tokens stay, for they cost a generator's hours. They are found by
    `dataset_info.json` alone.
    """
    completion.take_back(config)
    dataset_files.remove_others(config, (), spared=dataset_files.REPLACED)
    dataset_files.remove_vocabularies(config, ())
    completion.forget_failure(config)


def _path(config: PrepareConfig) -> str:
    return files.join(config.workdir, "prepare", completion.FAILED_FILE)
