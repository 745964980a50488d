"""Errors that are planted in human translations: does the discriminator's judgement tell them from
the translations as they were, and does the model's own score?

The model is one that `warm_start` has trained, with its discriminator beside it.
"""

import json
import pathlib
import random
from collections.abc import Sequence

import numpy as np

from electra_model.export import load_model

from .checks import Pair, Plant, planted
from .training_data import lines_of, pairs_of
from .warm_start import VOCABULARY


def _one_word_of(others: Sequence[str]) -> Plant:
    def plant(_source: str, target: str, draw: random.Random) -> str | None:
        words = target.split()
        other = draw.choice(draw.choice(others).split() or [""])
        at = draw.randrange(len(words))
        if other in ("", words[at]):
            return None
        return " ".join([*words[:at], other, *words[at + 1 :]])

    return plant


def _two_words_swapped(_source: str, target: str, draw: random.Random) -> str | None:
    words = target.split()
    places = [at for at in range(len(words) - 1) if words[at] != words[at + 1]]
    if not places:
        return None
    at = draw.choice(places)
    return " ".join([*words[:at], words[at + 1], words[at], *words[at + 2 :]])


def errors_of(pairs: Sequence[Pair], seed: int = 1) -> dict[str, list[Pair]]:
    """Those of `checks`, but for what no model is needed for, and two of words."""
    draw = random.Random(seed)
    plants = {
        "one word is another sentence's": _one_word_of([target for _, target in pairs]),
        "two neighbouring words are swapped": _two_words_swapped,
    }
    found = {}
    for name, plant in plants.items():
        changed = [(source, plant(source, target, draw)) for source, target in pairs]
        found[name] = [(source, target) for source, target in changed if target is not None]
    known = planted(pairs, seed)
    for name in (
        "one word is said three times",
        "half of the words are missing",
        "the translation of another sentence",
        "the source, copied",
    ):
        found[name] = known[name]
    return found


def area(right: np.ndarray, wrong: np.ndarray) -> float:
    """How probably one of `wrong` is greater than one of `right`, equal ones counted half: the area
    under the curve of true against false alarms."""
    both = np.concatenate([right, wrong])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[len(right) :].sum() - len(wrong) * (len(wrong) + 1) / 2
    return float(above / (len(right) * len(wrong)))


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    work = folder / f"training-{VOCABULARY}-pairs"
    if not (work / "model" / "discriminator.npz").is_file():
        raise SystemExit(f"{work}: run `warm_start` first, which trains it")
    model = load_model(work / "model")
    rows = [row for path in pairs_of(folder)["valid"] for row in lines_of(path)]
    pairs = [(source, target) for source, target in (row.rstrip("\n").split("\t") for row in rows)]
    assert model.discriminator is not None

    def judged(some: Sequence[Pair]) -> dict[str, np.ndarray]:
        sources, targets = map(list, zip(*some, strict=True))
        found = model.discriminator.replaced(model.tokenizer, sources, targets)
        likely, tokens = model.log_likelihoods(sources, targets)
        return {
            "replaced tokens, mean": np.array([one.mean() for one in found]),
            "replaced tokens, highest": np.array([one.max() for one in found]),
            "model's score": -likely / tokens,
        }

    right = judged(pairs)
    lines = []
    for name, wrong in errors_of(pairs).items():
        of_wrong = judged(wrong)
        cells = " | ".join(f"{area(right[way], of_wrong[way]):.3f}" for way in right)
        lines.append(f"| {name} | {len(wrong):,} | {cells} |")
    metrics = (work / "pretrain" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(metrics[-1])
    return [
        f"## Replaced tokens: errors planted in {len(pairs):,} validation pairs, English-German",
        "",
        "How probably an error is judged worse than a human translation (area under the curve;",
        "0.5 is a coin's, 1 finds all): by the discriminator, which reads source and output, and",
        "by the log-probability of a token that the translation model gives the same output.",
        f"Preset tiny; the pretraining ended after {last['step']:,} updates, with a discriminator",
        f"that finds {100 * last['discriminator_recall']:.0f} % of what its generator replaced.",
        "",
        f"| what is wrong | sentences | {' | '.join(right)} |",
        "|---|---|---|---|---|",
        *lines,
    ]
