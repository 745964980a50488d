"""The books: every record that came in went out or was rejected by a named rule.

Each split has its own ledger, and the sum of them is that of the job. Records that are split off
for validation leave the ledger of the training data and come in at that of the validation data.
"""

from __future__ import annotations

from typing import Any

from electra_model.errors import WorkError

from .. import files
from ..cleaning import clean, rejections, remedies
from ..config import PrepareConfig
from ..records import EMPTY_LEDGER, FEW_RECORDS, LARGE_SHARE, Ledger
from ..splitting import split
from ..stages import is_assuming, load_index
from . import examples, failure, packing, places

# Rules that reject pairs whose sides are in each other's language.
_OF_LANGUAGES = ("wrong_language", "min_script_share")


def split_ledgers(config: PrepareConfig, *, encoded: bool = True) -> dict[str, Ledger]:
    """Split -> its ledger; monolingual texts are in that of "pretrain".

    Args:
      encoded: False while the stage `encode` is yet to come; then its rejections are left out.

    Raises:
      WorkError: a sum is wrong, which is an error of this program.
    """
    ledgers: dict[str, Ledger] = {}
    chosen = {receipt.unit_id: receipt for receipt in load_index(config, "split").receipts}
    coded = (
        {receipt.unit_id: receipt for receipt in load_index(config, "encode").receipts}
        if encoded
        else {}
    )
    for chunk, first in zip(clean.chunks(config), clean.chunk_facts(config), strict=True):
        own = _split_of(chunk.role)
        facts = chosen[chunk.id].facts
        rejected = _rejected(first)
        for rule, count in _rejected(facts["chunks"][0]).items():
            rejected[rule] = rejected.get(rule, 0) + count
        moved = facts["fates"]["valid"] if own == "train" else 0
        out = facts["fates"]["text" if own == examples.PRETRAIN else own]
        _add(ledgers, own, Ledger(first["rows"] - moved, out, rejected))
        if moved:
            _add(ledgers, "valid", Ledger(moved, moved, {}))
        if chunk.id in coded:
            for name, count in coded[chunk.id].facts["too_long"].items():
                if count:
                    _add(ledgers, name, Ledger(0, -count, {examples.TOO_LONG: count}))
            pairs = coded[chunk.id].facts["pairs"]
            if sum(pairs.values()) + sum(coded[chunk.id].facts["too_long"].values()) != sum(
                facts["fates"][name] for name in split.SPLITS
            ):
                raise WorkError(f"the books of {chunk.path} do not balance after tokenising")
    for name, ledger in ledgers.items():
        if not ledger.balanced:
            raise WorkError(f"the books of the split {name} do not balance: {ledger.to_json()}")
    return ledgers


def check_written(ledgers: dict[str, Ledger], shards: dict[str, list[dict[str, Any]]]) -> None:
    """Raises `WorkError` where the shards of a split do not hold the pairs that its ledger let out.

    Args:
      ledgers: of each split. shards: split -> the facts of its shards, as of `shards.work`.
    """
    for name in split.SPLITS:
        out = ledgers.get(name, EMPTY_LEDGER).records_out
        written = sum(packing.count(facts) for facts in shards.get(name, []))
        if out != written:
            raise WorkError(
                f"the books of the split {name} do not balance: {out} pairs went out, and its "
                f"shards hold {written}"
            )


def _rejected(chunk_facts: dict) -> dict[str, int]:
    return {rule: span["records"] for rule, span in chunk_facts["rejected"].items()}


def _add(ledgers: dict[str, Ledger], name: str, ledger: Ledger) -> None:
    ledgers[name] = ledgers.get(name, EMPTY_LEDGER) + ledger


def check_rejections(config: PrepareConfig, *, encoded: bool = False) -> None:
    """Raises `WorkError` when too many records were rejected, or all of a split.

    Nothing is in `dataset/` then but what was rejected, which the message points at; `failure`
    keeps why, and the counts. Where the work is only looked at (`stages.assuming`), nothing is
    written.
    """
    found = split_ledgers(config, encoded=encoded)
    try:
        _check_each(config, found)
    except WorkError as error:
        if is_assuming():
            raise
        failure.empty_dataset(config)
        spans = all_spans(config, encoded=encoded)
        rejections.publish(config, spans, places.of_units(config))
        failure.write(config, str(error), found)
        rejected = files.join(config.workdir, "dataset", "rejected")
        raise WorkError(
            f"{error}; there is no dataset now, change that and prepare again; what was rejected "
            f"is in {rejected}, and on the page that `electra report` makes"
        ) from None


def _check_each(config: PrepareConfig, found: dict[str, Ledger]) -> None:
    bound = config.clean.max_rejected_fraction
    for name, ledger in found.items():
        many = ledger.records_in >= FEW_RECORDS and ledger.rejected_fraction > bound
        if not ledger.records_in or (ledger.records_out and not many):
            continue
        rules = sorted(ledger.rejected.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(f"{rule} {count:,}" for rule, count in rules)
        share = "all" if not ledger.records_out else f"{ledger.rejected_fraction:.1%}"
        whole = f"{share} of the {ledger.records_in:,} records for {name} were"
        if ledger.records_in == 1:
            whole = f"the only record for {name} was"
        remedy = _remedy(config, name, ledger, [rule for rule, _ in rules])
        raise WorkError(f"{whole} rejected ({listed}){remedy}")


def _remedy(config: PrepareConfig, name: str, ledger: Ledger, rules: list[str]) -> str:
    """What to do about the rules that have rejected the most of a split, "; ..." each.

    Args:
      rules: those that have rejected any, the one that rejected the most first.
    """
    large = [r for r in rules if ledger.rejected[r] > LARGE_SHARE * ledger.records_in]
    own = [r for r in load_index(config, "clean").receipts if _split_of(r.facts["role"]) == name]
    found = [remedies.of_reading(config, rule, own) for rule in large or rules[:1]]
    settings = [remedies.of_setting(config, rule) for rule in large or rules[:1]]
    if any(settings) and ledger.records_out:
        settings.append(
            f"or raise clean.max_rejected_fraction ({config.clean.max_rejected_fraction:g})"
        )
    if name == "train" and rules[0] in _OF_LANGUAGES:
        settings.append("if the sides are swapped, exchange source_lang and target_lang")
    return "".join(f"; {text}" for text in [*found, *settings] if text)


def _split_of(role: str) -> str:
    return examples.PRETRAIN if role.startswith(clean.MONOLINGUAL) else role


def all_spans(config: PrepareConfig, *, encoded: bool = True) -> dict[str, list[rejections.Span]]:
    """Rule -> where its records lie, of all stages that reject."""
    spans: dict[str, list[rejections.Span]] = {}
    for stage in ("clean", "split", *(["encode"] if encoded else [])):
        for rule, some in rejections.spans_of(config, stage, load_index(config, stage)).items():
            spans.setdefault(rule, []).extend(some)
    return spans
