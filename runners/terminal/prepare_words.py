"""What prepare says when it is done: what became of the records, and what there is now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..jobs.job import JobConfig
from ..jobs.stages import BY_NAME
from .progress import counted

# Split -> what is counted, and what it is for.
_PURPOSES = {
    "train": ("pair", "to train on"),
    "valid": ("pair", "to validate on"),
    "test": ("pair", "to test on"),
    "pretrain": ("window", "to pretrain on"),
}


def sums(counts: dict[str, Any]) -> str:
    """The ledgers of pairs and of texts, each by itself: "3 pairs in = 2 out + 1 rejected (empty
    1); 5 texts in = 5 out + 0 rejected".

    Args:
      counts: as of `launch.dataset_counts`.
    """
    found = []
    for name in ("pairs", "texts"):
        ledger = counts[name]
        if ledger["in"]:
            rules = ", ".join(f"{rule} {n:,}" for rule, n in ledger["rejected"].items() if n)
            rejected = sum(ledger["rejected"].values())
            found.append(
                f"{counted(ledger['in'], name.removesuffix('s'))} in = {ledger['out']:,} out + "
                f"{rejected:,} rejected" + (f" ({rules})" if rules else "")
            )
    return "; ".join(found)


def dataset(folder: str, splits: dict[str, int]) -> str:
    """Where the dataset is, and how much of what is in it."""
    held = ", ".join(
        f"{counted(count, _PURPOSES[name][0])} {_PURPOSES[name][1]}"
        for name, count in splits.items()
    )
    return f"the dataset is in {folder}: {held}"


def what_next(job: JobConfig, arguments: Sequence[str]) -> str:
    """The command that goes on with the job, and the one that does all that is left.

    Args:
      arguments: of the command line, ready for a shell: the job file and what was set.
    """
    names = [name for name in ("pretrain", "train") if BY_NAME[name].absent(job) is None]
    given = " ".join(arguments)
    everything = f"electra run {given}"
    if not names:
        return everything
    return f"electra {names[0]} {given}; or {everything}, for all that is left"
