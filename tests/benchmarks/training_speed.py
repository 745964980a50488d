"""Training steps against PyTorch: the same tokens on the same cores, turn by turn."""

import json
import os
import pathlib
import statistics
import sys
from collections.abc import Callable, Mapping
from typing import Any

from . import peers
from .measuring import run
from .training_data import WINDOW_LENGTH, prepared

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = os.environ.get("BENCH_SECONDS", "60")
VOCABULARIES = (8000, 16_000)
PAIR_TOKENS = 4096
WINDOW_TOKENS = 2048
OURS = "electra"
_HERE = pathlib.Path(__file__).parent

Arm = Callable[[], Mapping[str, float]]


def arms(folder: pathlib.Path, vocabulary: int, what: str) -> dict[str, Arm]:
    """Those that are compared; `what`: "pairs" or "windows"."""
    work = prepared(folder, vocabulary)
    python = peers.peer_python(folder, "trainers")
    tokens = PAIR_TOKENS if what == "pairs" else WINDOW_TOKENS
    numbers = [str(work), str(vocabulary), str(tokens), SECONDS]

    def arm(*command: str) -> Arm:
        return lambda: json.loads(run([*command, *numbers]).output)

    def peer(name: str) -> Arm:
        return arm(python, str(_HERE / "training_peer.py"), name)

    ours = arm(sys.executable, "-m", "tests.benchmarks.training_ours", what)
    if what == "pairs":
        return {
            OURS: ours,
            "Marian, eager": peer("marian"),
            "Marian, torch.compile": peer("marian-compiled"),
        }
    return {OURS: ours, "ElectraForPreTraining + ElectraForMaskedLM": peer("electra")}


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    lines = [
        f"## Training on 2 cores: tokens a second, {ROUNDS} rounds in turn of {SECONDS} s each",
        "",
        "float32, AdamW, dropout 0.1, clipped gradients, real pairs and windows; time to compile",
        "is not counted. The encoder-decoder is our preset `small` (width 256, 1,024 inside, 6 + 2",
        f"layers, tied tables), a batch {PAIR_TOKENS:,} padded tokens of the longer side; target",
        "tokens without padding are counted. Ours pads to the bucket; the peer sorts by length and",
        "pads to the longest. Pretraining is of the published small size with its generator,",
        f"{WINDOW_TOKENS:,} tokens in windows of {WINDOW_LENGTH}. The limit is the time of the",
        "matrix products alone, of a batch of 128 pairs of length 32.",
        "",
        "| | pieces | tokens/s, median | least to most | padding | ours to it, median |",
        "|---|---|---|---|---|---|",
    ]
    notes = []
    for what, vocabularies in (("pairs", VOCABULARIES), ("windows", VOCABULARIES[:1])):
        for vocabulary in vocabularies:
            compared = arms(folder, vocabulary, what)
            turns: dict[str, list[Mapping[str, Any]]] = {name: [] for name in compared}
            for _ in range(ROUNDS):
                for name, arm in compared.items():
                    turns[name].append(arm())
                    print(f"training, {what}, {name}: {turns[name][-1]}", file=sys.stderr)
            lines += rows(vocabulary, turns)
            notes.append(note(what, vocabulary, turns[OURS]))
    return [*lines, "", *notes]


def rate(turn: Mapping[str, float]) -> float:
    """Tokens a second, padding left out."""
    return turn["tokens"] / turn["seconds"]


def rows(vocabulary: int, turns: Mapping[str, list[Mapping[str, Any]]]) -> list[str]:
    """A line of the table for each of those that are compared."""
    ours = [rate(turn) for turn in turns[OURS]]
    lines = []
    for name, found in turns.items():
        rates = [rate(turn) for turn in found]
        ratio = statistics.median(our / its for our, its in zip(ours, rates, strict=True))
        lines.append(
            f"| {name} | {vocabulary:,} | {statistics.median(rates):,.0f} | "
            f"{min(rates):,.0f} to {max(rates):,.0f} | {padding(found[0]):.0%} | {ratio:.2f} |"
        )
    return lines


def padding(turn: Mapping[str, float]) -> float:
    """The share of target tokens that are padding; both sides count as equally long."""
    sides = turn["padded"] / turn["columns"]
    return 1 - turn["tokens"] / sides


def note(what: str, vocabulary: int, turns: list[Mapping[str, Any]]) -> str:
    """What else a run of ours has shown."""
    turn = turns[-1]
    feeding = turn["seconds"] / turn["reading"]
    compiled = statistics.median(turn["compiled"] for turn in turns)
    text = (
        f"Ours with {vocabulary:,} pieces, {what}: compiling took {compiled:.0f} s; the data alone "
        f"come {feeding:,.0f} times as fast as the step takes them."
    )
    if what == "pairs":
        limit = float(
            run([sys.executable, "-m", "tests.benchmarks.matmul_limit", *_shape(vocabulary)]).output
        )
        step = statistics.median(turn["one_shape"] for turn in turns)
        text += f" An update of 128 x 32 takes {step:.2f} s, {step / limit:.2f} times the limit."
    return text


def _shape(vocabulary: int) -> list[str]:
    return [str(PAIR_TOKENS // 32), "32", str(vocabulary)]
