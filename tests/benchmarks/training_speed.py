"""Training steps against PyTorch: the same tokens on the same cores, turn by turn."""

import json
import os
import pathlib
import statistics
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from . import journal, peers
from .measuring import run
from .training_data import WINDOW_LENGTH, prepared

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = os.environ.get("BENCH_SECONDS", "60")
VOCABULARIES = (8000, 16_000)
PAIR_TOKENS = 4096
WINDOW_TOKENS = 2048
OURS = "electra"
_HERE = pathlib.Path(__file__).parent

Name = tuple[str, str]  # of those that are compared: who, and in what precision
Arm = Callable[[], Mapping[str, float]]


def arms(folder: pathlib.Path, vocabulary: int, what: str, precision: str) -> dict[Name, Arm]:
    """Those that are compared, ours in this precision; `what`: "pairs" or "windows"."""
    work = prepared(folder, vocabulary)
    python = peers.peer_python(folder, "trainers")
    tokens = PAIR_TOKENS if what == "pairs" else WINDOW_TOKENS
    numbers = [str(work), str(vocabulary), str(tokens), SECONDS]

    def arm(*command: str) -> Arm:
        return lambda: json.loads(run([*command, *numbers]).output)

    module = [sys.executable, "-m", "tests.benchmarks.training_ours", what, precision]
    compared: dict[Name, Arm] = {(OURS, precision): arm(*module)}
    for its in dict.fromkeys(("float32", precision)):
        names = {"electra": "ElectraForPreTraining + ElectraForMaskedLM"}
        if what == "pairs":
            names = {"marian": "Marian, eager"}
            if its == "float32":
                names["marian-compiled"] = "Marian, torch.compile"
        for name, full in names.items():
            compared[full, its] = arm(python, str(_HERE / "training_peer.py"), name, its)
    return compared


def measure(folder: pathlib.Path, precision: str) -> list[str]:
    """Lines of the table for RESULTS.md, heading first; makes the runs that are not in the journal
    yet, whose removal begins anew.

    precision: of our matrix products, "float32", or "bfloat16", in which only processors with units
    for it are fast.
    """
    found = folder / "training.jsonl"
    lines = [
        f"## Training on 2 cores, {precision}: tokens a second, rounds of {SECONDS} s",
        "",
        f"{ROUNDS} rounds in turn. AdamW, dropout 0.1, clipped gradients, real pairs and windows;",
        "time to compile is not counted. bfloat16: matrix products, by `torch.autocast` in",
        "PyTorch; what `auto` takes where the processor has units for it. The encoder-decoder is",
        "our preset `small` (width 256, 1,024 inside, 6 + 2 layers, tied tables), a batch",
        f"{PAIR_TOKENS:,} padded tokens of the longer side; target tokens without padding are",
        "counted. Ours pads to the bucket; the peer sorts by length and pads to the longest.",
        f"Pretraining is of the published small size with its generator, {WINDOW_TOKENS:,} tokens",
        f"in windows of {WINDOW_LENGTH}. The limit is the time of the matrix products alone, of a",
        "batch of 128 pairs of length 32.",
        "",
        "| | products | pieces | tokens/s, median | least to most | padding | "
        "times as fast is electra |",
        "|---|---|---|---|---|---|---|",
    ]
    notes = []
    for what, vocabularies in (("pairs", VOCABULARIES), ("windows", VOCABULARIES[:1])):
        for vocabulary in vocabularies:
            compared = arms(folder, vocabulary, what, precision)
            turns: dict[Name, list[Mapping[str, Any]]] = {name: [] for name in compared}
            for number in range(ROUNDS):
                for name, arm in compared.items():
                    key = f"{precision}: {what} {vocabulary} {', '.join(name)} {number}"
                    if journal.missing(found, [key]):
                        journal.add(found, {"run": key, **arm()})
                    turns[name].append(journal.read(found)[key])
            lines += rows(vocabulary, turns)
            notes += note(what, precision, vocabulary, turns[OURS, precision])
    return [*lines, "", *notes]


def rate(turn: Mapping[str, float]) -> float:
    """Tokens a second, padding left out."""
    return turn["tokens"] / turn["seconds"]


def rows(vocabulary: int, turns: Mapping[Name, list[Mapping[str, Any]]]) -> list[str]:
    """A line of the table for each of those that are compared, ours first."""
    lines = []
    ours = next(iter(turns.values()))
    for (name, precision), found in turns.items():
        rates = [rate(turn) for turn in found]
        lines.append(
            f"| {name} | {precision} | {vocabulary:,} | {statistics.median(rates):,.0f} | "
            f"{min(rates):,.0f} to {max(rates):,.0f} | {padding(found[0]):.0%} | "
            f"{ratio(ours, found):.2f} |"
        )
    return lines


def ratio(ours: list[Mapping[str, Any]], its: list[Mapping[str, Any]]) -> float:
    """How many times as fast ours is: the median over the rounds."""
    return statistics.median(rate(one) / rate(other) for one, other in zip(ours, its, strict=True))


def padding(turn: Mapping[str, float]) -> float:
    """The share of target tokens that are padding; both sides count as equally long."""
    sides = turn["padded"] / turn["columns"]
    return 1 - turn["tokens"] / sides


def note(what: str, precision: str, vocabulary: int, turns: list[Mapping[str, Any]]) -> list[str]:
    """What else the runs of ours have shown: an item of a list."""
    turn = turns[-1]
    feeding = turn["seconds"] / turn["reading"]
    compiled = statistics.median(turn["compiled"] for turn in turns)
    text = (
        f"* Ours with {vocabulary:,} pieces, {what}, {precision}: compiling took {compiled:.0f} s; "
        f"the data alone come {feeding:,.0f} times as fast as the step takes them."
    )
    if what == "pairs":
        command = [sys.executable, "-m", "tests.benchmarks.matmul_limit", precision]
        limit = float(run([*command, str(PAIR_TOKENS // 32), "32", str(vocabulary)]).output)
        step = statistics.median(turn["one_shape"] for turn in turns)
        text += f" An update of 128 x 32 takes {step:.2f} s, {step / limit:.2f} times the limit."
    return textwrap.wrap(text, 118, subsequent_indent="  ")
