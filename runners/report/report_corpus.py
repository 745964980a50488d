"""What the report says of a prepared dataset, as plain values read from `dataset_info.json` and the
files beside it. Nothing here knows of HTML.
"""

from __future__ import annotations

import math
import os
from typing import Any

from pipelines import files
from pipelines.cleaning.rejections import spread
from pipelines.dataset import completion, packing

from . import report_shards, report_texts
from .report_sections import RULES, read_jsonl, shortened

EXAMPLES_PER_RULE = 8

# The rules that drop records because of others, in the order of the work; what they compare.
DUPLICATES = {
    "duplicate": {
        None: "equal records, all but the first",
        "pair": "equal pairs (or equal monolingual texts), all but the first",
        "source": "pairs with an equal source (or equal monolingual texts), all but the first",
    },
    "leak": {None: "the source is that of a validation or test pair"},
    "near_duplicate": {None: "nearly the same source or text, all but the first"},
    "near_leak": {None: "the source is nearly that of a validation or test pair"},
    "overlap": {None: "much of the source stands in validation or test sources"},
}
# Those that monolingual texts go through as well.
_OF_TEXTS = ("duplicate", "near_duplicate")
# A rule that goes with another one.
_SETTING = {"near_leak": "near_duplicate"}

REPEATED = {
    "source": "kept: the source repeats one before (but for case, digits, punctuation)",
    "target": "kept: the target repeats one before, to the letter",
}


def corpus(workdir: str) -> dict[str, Any] | None:
    """Sizes, ledger, lengths and texts of the dataset; None where there is none.

    Of a prepare that its own rules failed ("failed" is its message then, else "") there is the
    ledger, and what was rejected; "unfinished" says of a dataset that the last prepare, which was
    to make another, did not end.
    """
    info = files.read_json(files.join(workdir, "dataset", "dataset_info.json"))
    failed = {} if info else files.read_json(files.join(workdir, "prepare", completion.FAILED_FILE))
    if not info and not failed:
        return None
    info = info or failed
    ledger = info.get("ledger") or {"in": 0, "out": 0, "rejected": {}}
    rejected = ledger.get("rejected", {})
    splits = info.get("splits", {})
    return {
        "failed": failed.get("message", ""),
        "unfinished": "" if failed else last_trouble(workdir),
        "ledgers": {name: split["ledger"] for name, split in splits.items() if "ledger" in split},
        "splits": [report_shards.describe(name, split) for name, split in splits.items()],
        "train_records": packing.count(splits.get("train", {})),
        "records_in": ledger["in"],
        "records_out": ledger["out"],
        "records_rejected": sum(rejected.values()),
        "balanced": ledger["in"] == ledger["out"] + sum(rejected.values()),
        "warnings": info.get("warnings", []),
        "rules": [
            {
                "name": rule,
                "meaning": RULES.get(rule.rpartition(".")[2], ""),
                "count": count,
                "share": count / max(1, ledger["in"]),
                "examples": rejection_examples(workdir, rule),
            }
            for rule, count in sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
            if count
        ],
        "lengths": {
            split: histogram_bars(sides)
            for split, sides in info.get("lengths", {}).items()
            if isinstance(sides, dict)
        },
        "duplicates": duplicates(info),
        "fertility": report_texts.fertility(info),
        "texts": report_texts.texts(workdir, info),
        "provenance": report_shards.origins(workdir, splits),
        "replacements": report_shards.replacements(info),
        "max_tokens": info.get("max_tokens"),
        "window_length": info.get("window_length"),
        "vocabulary_fingerprint": info.get("vocabulary_fingerprint"),
        "vocabulary": files.read_json(files.join(workdir, "vocabulary", "vocabulary.json")),
    }


def last_trouble(workdir: str) -> str:
    """How the last prepare came to a bad end, by `run.json`: "failed: ..." or "was stopped"; "" of
    one that ended well, and where there is no record.
    """
    recorded = files.read_json(files.join(workdir, "run.json")).get("stages")
    last = recorded.get("prepare") if isinstance(recorded, dict) else None
    if not isinstance(last, dict) or last.get("status") in (None, "complete"):
        return ""
    if last["status"] == "failed":
        return f"failed: {last['error']}" if last.get("error") else "failed"
    return "was stopped"


def duplicates(info: dict[str, Any]) -> dict[str, Any]:
    """What was dropped because of another record, kind by kind, and what is repeated nevertheless.

    Returns:
      {"columns": split -> records that came in, of the splits that lose such records; "rows":
      [{"kind", "meaning", "off", "counts": split -> (records, share)}]; "looked_at": pairs that the
      kept ones were counted in, None where that is all of them}.
    """
    splits = info.get("splits", {})
    ledgers = {name: splits[name].get("ledger") for name in ("train", "pretrain") if name in splits}
    columns = {name: ledger["in"] for name, ledger in ledgers.items() if ledger and ledger["in"]}
    known = info.get("duplicates", {"rules": {}, "repeated": {}})
    rows = []
    for rule, meanings in DUPLICATES.items():
        setting = known["rules"].get(_SETTING.get(rule, rule), False)
        losing = [name for name in columns if name == "train" or rule in _OF_TEXTS]
        counts = {name: ledgers[name]["rejected"].get(rule, 0) for name in losing}
        off = bool(known["rules"]) and not setting
        if off and not any(counts.values()):
            counts = {}
        rows.append(
            {
                "kind": rule,
                "meaning": meanings.get(setting if isinstance(setting, str) else None, "")
                or meanings[None],
                "off": off,
                "counts": {name: (n, n / columns[name]) for name, n in counts.items()},
            }
        )
    kept = packing.count(splits.get("train", {}))
    looked_at = None
    for side, counted in known["repeated"].items():
        if counted["looked_at"] and "train" in columns:
            looked_at = counted["looked_at"] if counted["looked_at"] < kept else looked_at
            share = counted["repeated"] / counted["looked_at"]
            rows.append(
                {
                    "kind": f"same {side}",
                    "meaning": REPEATED[side],
                    "off": False,
                    "counts": {"train": (counted["repeated"], share)},
                }
            )
    return {"columns": columns, "rows": rows if columns else [], "looked_at": looked_at}


def rejection_examples(workdir: str, rule: str) -> list[dict[str, Any]]:
    """Some records that a rule rejected, as text: `{"source", "target", "place"}`; the place also
    names the record that they repeat, where they were dropped because of one."""
    samples = read_jsonl(files.join(workdir, "dataset", "samples", f"{rule}.jsonl"))
    rows = spread(samples, EXAMPLES_PER_RULE)
    examples = []
    for row in rows:
        place = _place(row)
        if isinstance(row.get("of"), dict):
            place += f"; of {_place(row['of'])}"
        sides = {key: _shortened(row.get(key)) for key in ("source", "target")}
        if sides["source"] is None and row.get("raw") is not None:
            sides["source"] = _shortened(row["raw"])
        examples.append({**sides, "place": place})
    return examples


def _place(row: dict[str, Any]) -> str:
    """Where a sample, or the record because of which it was dropped, stands in its file."""
    name = os.path.basename(str(row.get("path", "")))
    number = next((key for key in ("line", "record") if isinstance(row.get(key), int)), None)
    return f"{name}, {number} {row[number]:,}" if name and number is not None else name


def _shortened(text: Any) -> str | None:
    return None if text is None else shortened(str(text), 240)


Bars = list[tuple[float, float, int]]  # from, to, count


def histogram_bars(sides: dict[str, Any]) -> dict[str, Bars]:
    """Bars of equal width for all sides of a split, at most some 40, without the thin tail.

    Args:
      sides: name -> histogram: length -> count, or counts by position.

    The longest half percent of each side is left out, so that one record cannot stretch the axis.
    """
    counted = {side: _counts(value) for side, value in sides.items()}
    last = max((_quantile(counts, 0.995) for counts in counted.values()), default=0)
    width = max(1, math.ceil((last + 1) / 40))
    result: dict[str, Bars] = {}
    for side, counts in counted.items():
        bars = [0] * (last // width + 1)
        for length, count in counts.items():
            if length <= last:
                bars[length // width] += count
        result[side] = [(i * width, (i + 1) * width, count) for i, count in enumerate(bars)]
    return result


def _counts(value: Any) -> dict[int, int]:
    pairs = enumerate(value) if isinstance(value, list) else value.items()
    return {int(length): int(count) for length, count in pairs if int(count)}


def _quantile(counts: dict[int, int], share: float) -> int:
    """The smallest length that this share of the records does not exceed; 0 without records."""
    seen, total = 0, sum(counts.values())
    for length in sorted(counts):
        seen += counts[length]
        if seen >= share * total:
            return length
    return 0
