"""What `translate.checks` find: false alarms on human translations, and errors planted in them."""

import pathlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence

from pipelines.config import ChecksConfig
from pipelines.quality.quality import Checker
from pipelines.texts import protected_spans

from .training_data import lines_of, pairs_of

Pair = tuple[str, str]
Plant = Callable[[str, str, random.Random], str | None]


def _without_span(_source: str, target: str, draw: random.Random) -> str | None:
    if not (places := protected_spans.places(target)):
        return None
    start, stop = draw.choice(places)
    return target[:start] + target[stop:]


def _span_changed(_source: str, target: str, draw: random.Random) -> str | None:
    if not (places := protected_spans.places(target)):
        return None
    at = draw.randrange(*draw.choice(places))
    return target[:at] + ("y" if target[at] == "x" else "x") + target[at + 1 :]


def _number_changed(_source: str, target: str, draw: random.Random) -> str | None:
    digits = [
        match.start()
        for match in re.finditer(r"\d", target)
        if not any(start <= match.start() < stop for start, stop in protected_spans.places(target))
    ]
    if not digits:
        return None
    at = draw.choice(digits)
    return target[:at] + str((int(target[at]) + 1) % 10) + target[at + 1 :]


def said_twice(count: int, times: int = 2) -> Plant:
    """So many words in a row are there so many times."""

    def plant(_source: str, target: str, draw: random.Random) -> str | None:
        words = target.split()
        if len(words) < count:
            return None
        at = draw.randrange(len(words) - count + 1)
        return " ".join(words[:at] + words[at : at + count] * times + words[at + count :])

    return plant


def _part_of(share: int) -> Plant:
    def plant(_source: str, target: str, _draw: random.Random) -> str | None:
        words = target.split()
        return " ".join(words[: len(words) // share]) if len(words) >= 2 * share else None

    return plant


def _copied(source: str, _target: str, _draw: random.Random) -> str:
    return source


# What is done to a target; None where it cannot be done.
PLANTED: dict[str, Plant] = {
    "nothing: human translations": lambda _source, target, _draw: target,
    "a protected span is gone": _without_span,
    "a letter of a span is another one": _span_changed,
    "a number is another one": _number_changed,
    "one word is said three times": said_twice(1, 3),
    "two words are said twice": said_twice(2),
    "three words are said twice": said_twice(3),
    "the source, copied": _copied,
    "half of the words are missing": _part_of(2),
    "three quarters of the words are missing": _part_of(4),
}


def planted(pairs: Sequence[Pair], seed: int = 1) -> dict[str, list[Pair]]:
    """Pairs with an error each, by what the error is."""
    draw = random.Random(seed)
    found = {}
    for name, plant in PLANTED.items():
        changed = [(source, plant(source, target, draw)) for source, target in pairs]
        found[name] = [(source, target) for source, target in changed if target is not None]
    others = draw.sample(pairs, len(pairs))
    found["the translation of another sentence"] = [
        (source, other[1]) for (source, _), other in zip(pairs, others, strict=True)
    ]
    found["another sentence, not translated"] = [
        (source, other[0]) for (source, _), other in zip(pairs, others, strict=True)
    ]
    return found


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    rows = [row for path in pairs_of(folder)["valid"] for row in lines_of(path)]
    pairs = [(source, target) for source, target in (row.rstrip("\n").split("\t") for row in rows)]
    checker = Checker(ChecksConfig(), "translate", "en", "de")
    checker(pairs[0][0] * 40, pairs[0][1] * 40)  # loads what tells languages apart
    lines, milliseconds = [], 0.0
    for name, changed in planted(pairs).items():
        began = time.perf_counter()
        flags = [checker(source, target) for source, target in changed]
        if not lines:
            milliseconds = 1000 * (time.perf_counter() - began) / len(pairs)
        by_flag = Counter(flag for some in flags for flag in some).most_common(3)
        shown = ", ".join(f"{flag} {count}" for flag, count in by_flag)
        share = 100 * sum(map(bool, flags)) / max(1, len(flags))
        lines.append(f"| {name} | {len(flags):,} | {share:.1f} % | {shown} |")
    return [
        f"## Checks of translations, {len(pairs):,} validation pairs, English-German",
        "",
        "`translate.checks` with their defaults, each error by itself planted in the human",
        "translations. A sentence may have several flags; the three most frequent are named.",
        f"Checking takes {milliseconds:.2f} ms a sentence.",
        "",
        "| what is wrong | sentences | flagged | as |",
        "|---|---|---|---|",
        *lines,
    ]
