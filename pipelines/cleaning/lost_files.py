"""Files that lost all of their records, or many to one rule of reading. A small one does not show
in what rules drop of a split."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping

from ..config import PrepareConfig
from ..records import FEW_RECORDS, LARGE_SHARE
from ..stages import load_index
from ..units import Receipt
from . import file_lists, remedies


@dataclasses.dataclass
class Losses:
    """What cleaning made of a file's records: how many there are and were kept, and how many each
    rule has rejected."""

    rows: int
    kept: int
    rejected: Counter[str]
    receipts: list[Receipt]


def by_file(config: PrepareConfig) -> dict[str, Losses]:
    """Path -> losses, once the first stage is complete."""
    found: dict[str, Losses] = {}
    for receipt in load_index(config, "clean").receipts:
        losses = found.setdefault(receipt.facts["path"], Losses(0, 0, Counter(), []))
        losses.receipts.append(receipt)
        for chunk in receipt.facts["chunks"]:
            losses.rows += chunk["rows"]
            losses.kept += chunk["kept"]
            for rule, span in chunk["rejected"].items():
                losses.rejected[rule] += span["records"]
    return found


def whole(config: PrepareConfig, losses: Mapping[str, Losses]) -> list[str]:
    """Warnings of files of 20 records or more of which cleaning kept nothing."""
    found = []
    for path, lost in losses.items():
        if lost.kept or lost.rows < FEW_RECORDS:
            continue
        counts = lost.rejected.most_common(3)
        remedy = remedies.of_reading(config, counts[0][0], lost.receipts)
        found.append(
            f"nothing of {path} was kept: its {lost.rows:,} records were rejected "
            f"({', '.join(f'{rule} {count:,}' for rule, count in counts)}); "
            + (
                remedy
                or "look whether it is the right file, and whether its fields are those that data "
                "names"
            )
        )
    return found


def in_part(config: PrepareConfig, losses: Mapping[str, Losses]) -> dict[str, list[str]]:
    """Rule of reading -> warnings of files of 20 records or more that lost more than 30 % of them
    to it, but not all. Files of which the same is to be said are one warning.
    """
    same: dict[tuple[str, str], list[str]] = {}
    for path, lost in losses.items():
        if not lost.kept or lost.rows < FEW_RECORDS:
            continue
        for rule, count in lost.rejected.items():
            if rule in remedies.READING and count > LARGE_SHARE * lost.rows:
                remedy = remedies.of_reading(config, rule, lost.receipts)
                same.setdefault((rule, remedy), []).append(path)
    found: dict[str, list[str]] = {}
    for (rule, remedy), paths in same.items():
        count = sum(losses[path].rejected[rule] for path in paths)
        rows = sum(losses[path].rows for path in paths)
        found.setdefault(rule, []).append(
            f"{file_lists.named(paths)}: {count:,} of {'their' if len(paths) > 1 else 'its'} "
            f"{rows:,} records were rejected as {rule}" + (f"; {remedy}" if remedy else "")
        )
    return found
