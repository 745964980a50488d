"""The certificate of a translated file: of every row, how many sentences went in and came out, and
what is wrong with which.

    _electra/certificate/<name>.jsonl.gz    line n is about row n of the output file
    _electra/manifest.json                  the sums: "certificate" of each file and of all

The files are made as `companions` says.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ..mirrors import mirror
from ..mirrors.mirror import Answer
from ..translation.outcome import Outcome
from . import quality
from .replaced_tokens import DECIMALS


def note_of(outcomes: Sequence[Outcome], cut: bool) -> str | None:
    """What `<field>_error` says of a row that has a translation: its flags, joined by commas.

    `cut`: whether the model was given a part of the text.
    """
    flags = quality.in_order(flag for outcome in outcomes for flag in outcome.flags)
    return ",".join([*([mirror.SOURCE_CUT] if cut else []), *flags]) or None


def of_rows(
    rows: Iterable[tuple[Sequence[str], Sequence[Outcome], Answer]], compares: bool
) -> tuple[bytes, dict[str, Any]]:
    """The lines of a unit's rows, without their numbers, and the sums of all of them.

    Args:
      rows: the segments of each, what has become of them, and the row's answer.
      compares: whether an output is to hold its source's spans and numbers.
    """
    lines, every = [], []
    for segments, outcomes, answer in rows:
        counts = _counts(segments, outcomes, compares)
        counts["flagged"] = int(bool(counts["flags"]) and answer.reason is None)
        every.append(counts)
        lines.append(_line(counts, outcomes, answer))
    return b"".join(lines), total(every)


def _counts(segments: Sequence[str], outcomes: Sequence[Outcome], compares: bool) -> dict[str, Any]:
    spans, numbers = [0, 0], [0, 0]
    if compares:
        for segment, outcome in zip(segments, outcomes, strict=True):
            found = quality.carried_over(segment, outcome.translation)
            spans = [spans[0] + found[0], spans[1] + found[1]]
            numbers = [numbers[0] + found[2], numbers[1] + found[3]]
    again = [outcome for outcome in outcomes if outcome.first_flags]
    judged = [outcome.replaced for outcome in outcomes if outcome.replaced]
    return {
        "segments": [len(segments), sum(bool(outcome.translation) for outcome in outcomes)],
        "spans": spans,
        "numbers": numbers,
        "replaced": _added([[0, 0.0], *map(list, judged)]),
        "flags": Counter(flag for outcome in outcomes for flag in outcome.flags),
        "retried": len(again),
        "repaired": sum(not outcome.flags for outcome in again),
    }


def _line(counts: dict[str, Any], outcomes: Sequence[Outcome], answer: Answer) -> bytes:
    shown: dict[str, Any] = {"segments": counts["segments"]}
    shown |= {name: counts[name] for name in ("spans", "numbers", "replaced") if counts[name][0]}
    shown |= {name: counts[name] for name in ("retried", "repaired") if counts[name]}
    if counts["flags"]:
        shown["flags"] = _in_order(counts["flags"])
        numbered = enumerate(outcomes, start=1)
        shown["flagged"] = [number for number, outcome in numbered if outcome.flags]
    if answer.reason is not None:
        shown["rejected"] = answer.reason
    return json.dumps(shown).encode() + b"\n"


def total(counts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Sums added up: `{"segments", "spans", "numbers": [in, out], "replaced": [tokens, of these how
    many look replaced], where any was judged, "flagged": rows, "flags": {flag: segments},
    "retried", "repaired": segments}`."""
    sums: dict[str, Any] = {"segments": [0, 0], "spans": [0, 0], "numbers": [0, 0]}
    replaced: list[Any] = [0, 0.0]
    whole: Counter[str] = Counter(flagged=0, retried=0, repaired=0)
    flags: Counter[str] = Counter()
    for one in counts:
        for name, pair in sums.items():
            sums[name] = [pair[0] + one[name][0], pair[1] + one[name][1]]
        replaced = _added([replaced, one.get("replaced", [0, 0.0])])
        whole.update({name: one[name] for name in whole})
        flags.update(one["flags"])
    judged = {"replaced": replaced} if replaced[0] else {}
    return {**sums, **judged, **whole, "flags": _in_order(flags)}


def _added(pairs: Iterable[Sequence[Any]]) -> list[Any]:
    """Of tokens and how many look replaced; the sums come from the same rows in any order."""
    tokens, replaced = zip(*pairs, strict=True)
    return [sum(tokens), round(math.fsum(replaced), DECIMALS)]


def _in_order(flags: Counter[str]) -> dict[str, int]:
    return {flag: flags[flag] for flag in quality.in_order(flags)}
