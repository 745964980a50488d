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
import sentencepiece

from electra_model.tokenizer import MASK_ID
from runners.evaluation.scores import corpus_scores

from . import peers
from .learning import test_pairs
from .measuring import run
from .translating import MODELS, trained

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SENTENCES = 1000
BEAMS = (1, 4)
PEER = "CTranslate2"
_HERE = pathlib.Path(__file__).parent

Arm = Callable[[pathlib.Path, int], list[str]]  # file of outputs, beam -> the command


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    model, data = trained(folder, "small")
    sources = _sources(model, data)
    references = test_pairs(data)[1][:SENTENCES]
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
                found["bleu"] = _bleu(data, output, references)
                turns.setdefault((name, beam), []).append({**found, "output": str(output)})
                print(f"translate, {name}, beam {beam}: {found}", file=sys.stderr, flush=True)
    return table(turns)


def _bleu(data: pathlib.Path, output: pathlib.Path, references: list[str]) -> float:
    processor = sentencepiece.SentencePieceProcessor(str(data / "vocabulary" / "spm.model"))
    texts = [processor.decode([one for one in row if one > MASK_ID]) for row in _rows(output)]
    return corpus_scores(texts, references, "de")["bleu"]["score"]


def _rows(output: str | pathlib.Path) -> list[list[int]]:
    found = np.load(output)
    rows = np.split(found["target_ids"], found["target_ids_offsets"][1:-1])
    return [row.tolist() for row in rows]


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
    def ours(processes: int, threads: int, *options: str) -> Arm:
        module = [sys.executable, "-m", "tests.benchmarks.translate_ours"]
        return lambda output, beam: [
            *(*module, str(model), str(sources), str(output)),
            *map(str, (beam, processes, threads)),
            *options,
        ]

    def theirs(inter: int, intra: int, *options: str) -> Arm:
        script = [python, str(_HERE / "translate_peer.py"), str(exported), str(sources)]
        threads = ["--inter-threads", str(inter), "--intra-threads", str(intra)]
        return lambda output, beam: [*script, str(output), "--beam", str(beam), *threads, *options]

    return {
        PEER: theirs(2, 1),
        "electra": ours(2, 1),
        "electra, one process": ours(1, 2),
        "electra, with its shortlist": ours(2, 1, "shortlist"),
        "CTranslate2, one translator": theirs(1, 2),
        "CTranslate2, int8": theirs(2, 1, "--compute-type", "int8"),
    }


def equal(one: str, other: str) -> float:
    """The share of outputs that are the same, token by token."""
    pairs = zip(_rows(one), _rows(other), strict=True)
    return statistics.mean(first == second for first, second in pairs)


def table(turns: dict[tuple[str, int], list[dict[str, Any]]]) -> list[str]:
    """The section of RESULTS.md. Ratios are those of the peer's seconds to each, round by round."""
    lines = [
        f"## Translating on 2 cores: target tokens a second, {ROUNDS} rounds in turn",
        "",
        "Preset small (width 256, 6 + 2 layers), 8,000 pieces, trained for "
        f"{MODELS['small'][1]:,} updates;",
        f"{SENTENCES:,} test sentences of mixed lengths, float32, no length penalty; loading and",
        "first calls are not counted. Two processes, or translators, of one thread each unless",
        f"said otherwise. Speeds are of the same sentences, {PEER} = 1; outputs are equal token by",
        "token to its own.",
        "",
        f"| | beam | tokens/s, median | least to most | equal outputs | BLEU | times {PEER} |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, beam), rows in turns.items():
        theirs = turns[PEER, beam]
        rates = sorted(row["tokens"] / row["seconds"] for row in rows)
        ratio = statistics.median(
            peer["seconds"] / own["seconds"] for peer, own in zip(theirs, rows, strict=True)
        )
        lines.append(
            f"| {name} | {beam} | {statistics.median(rates):,.0f} | {rates[0]:,.0f} to "
            f"{rates[-1]:,.0f} | {equal(rows[-1]['output'], theirs[-1]['output']):.1%} | "
            f"{rows[-1]['bleu']:.2f} | {ratio:.2f} |"
        )
    return lines
