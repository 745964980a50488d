"""Our search against CTranslate2: the same weights, sentences and cores, turn by turn.

The model is our preset `small`, trained for some minutes so that outputs have the lengths of
translations. Both find the best output without a length penalty; how many are equal is in the
table.
"""

import json
import os
import pathlib
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import peers
from .learning import test_pairs
from .measuring import run
from .translating import MODELS, trained

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SENTENCES = 1000
BEAMS = (1, 4)
OURS = "electra"
_HERE = pathlib.Path(__file__).parent

Arm = Callable[[pathlib.Path, int], list[str]]  # file of outputs, beam -> the command


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    model, data = trained(folder, "small")
    sources = _sources(model, data)
    exported = model.parent / "ctranslate2"
    if not exported.is_dir():
        command = [sys.executable, "-m", "runners", "export", str(model)]
        run([*command, "--format", "ctranslate2", "--output", str(exported)])
    arms = _arms(peers.peer_python(folder, "translators"), model, exported, sources)
    turns: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(ROUNDS):
        for beam in BEAMS:
            for name, command in arms.items():
                output = model.parent / f"{name.replace(' ', '-')}-{beam}.npz"
                found = json.loads(run(command(output, beam)).output)
                turns.setdefault((name, beam), []).append({**found, "output": str(output)})
    return table(turns)


def _sources(model: pathlib.Path, data: pathlib.Path) -> pathlib.Path:
    """The file of the test sentences' tokens."""
    from electra_model.tokenizer import Tokenizer

    sources = model.parent / "sources.npz"
    texts = test_pairs(data)[0][:SENTENCES]
    values, offsets = Tokenizer.load(str(data / "vocabulary")).encode_columns(texts)
    np.savez(sources, source_ids=values, source_ids_offsets=offsets)
    return sources


def _arms(
    python: str, model: pathlib.Path, exported: pathlib.Path, sources: pathlib.Path
) -> dict[str, Arm]:
    def ours(processes: int, threads: int) -> Arm:
        module = [sys.executable, "-m", "tests.benchmarks.translate_ours"]
        return lambda output, beam: [
            *(*module, str(model), str(sources), str(output)),
            *map(str, (beam, processes, threads)),
        ]

    def theirs(inter: int, intra: int, *options: str) -> Arm:
        script = [python, str(_HERE / "translate_peer.py"), str(exported), str(sources)]
        threads = ["--inter-threads", str(inter), "--intra-threads", str(intra)]
        return lambda output, beam: [*script, str(output), "--beam", str(beam), *threads, *options]

    return {
        OURS: ours(2, 1),
        "electra, one process": ours(1, 2),
        "CTranslate2": theirs(2, 1),
        "CTranslate2, one translator": theirs(1, 2),
        "CTranslate2, int8": theirs(2, 1, "--compute-type", "int8"),
    }


def equal(one: str, other: str) -> float:
    """The share of outputs that are the same, token by token."""
    rows = [
        [row.tolist() for row in np.split(found["target_ids"], found["target_ids_offsets"][1:-1])]
        for found in map(np.load, (one, other))
    ]
    return statistics.mean(first == second for first, second in zip(*rows, strict=True))


def table(turns: dict[tuple[str, int], list[dict[str, Any]]]) -> list[str]:
    """The section of RESULTS.md. Ratios are those of ours to each, round by round."""
    lines = [
        f"## Translating on 2 cores: target tokens a second, {ROUNDS} rounds in turn",
        "",
        "Preset small (width 256, 6 + 2 layers), 8,000 pieces, trained for "
        f"{MODELS['small'][1]} minutes;",
        f"{SENTENCES:,} test sentences of mixed lengths, float32, no length penalty; loading and",
        "first calls are not counted. Two processes, or translators, of one thread each unless",
        "said otherwise. Ratios are of seconds for the same sentences.",
        "",
        "| | beam | tokens/s, median | least to most | equal outputs | ours: times as fast |",
        "|---|---|---|---|---|---|",
    ]
    for (name, beam), rows in turns.items():
        ours = turns[OURS, beam]
        rates = sorted(row["tokens"] / row["seconds"] for row in rows)
        ratio = statistics.median(
            theirs["seconds"] / own["seconds"] for theirs, own in zip(rows, ours, strict=True)
        )
        lines.append(
            f"| {name} | {beam} | {statistics.median(rates):,.0f} | {rates[0]:,.0f} to "
            f"{rates[-1]:,.0f} | {equal(rows[-1]['output'], ours[-1]['output']):.1%} | "
            f"{ratio:.2f} |"
        )
    return lines
