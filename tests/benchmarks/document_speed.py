"""`electra prepare` on documents against Hugging Face datasets + tokenizers, datatrove, natural
Beam, and the bare tokenizer: the same text, two processes each, turn by turn."""

import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import sys
from collections.abc import Callable

from . import document_commands as commands
from . import document_text
from .document_commands import VOCABULARY, WORKERS, Written
from .measuring import fresh, run

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MEGABYTES = int(os.environ.get("BENCH_MEGABYTES", "1000"))
# Where a part of the text has to do: for natural Beam and datatrove, which are slow, and for the
# bare tokenizer, which is steady.
NATURAL_MEGABYTES = min(32, MEGABYTES)
DATATROVE_MEGABYTES = min(256, MEGABYTES)
BARE_MEGABYTES = min(128, MEGABYTES)
# The vocabulary is learned beforehand, from a part: all of us are given the same.
VOCABULARY_MEGABYTES = min(32, MEGABYTES)
OURS = "electra prepare"
BARE = "bare tokenizer"


@dataclasses.dataclass(frozen=True)
class Arm:
    """One of those that are compared.

    Attributes:
      text: what it reads, one file. command: for an empty folder that it may write into.
      written: counts what is there afterwards; None where the command prints its own result.
    """

    text: pathlib.Path
    command: Callable[[pathlib.Path], list[str]]
    written: Callable[[pathlib.Path], Written] | None


@dataclasses.dataclass(frozen=True)
class Turn:
    """MB/s of text read, as it lies on the disk, what came out, and peak bytes of memory."""

    rate: float
    written: Written
    largest: int


def take_turn(arm: Arm, output: pathlib.Path) -> Turn:
    """Runs the arm once. Raises SystemExit when it fails or has lost a document."""
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(output / "hf")}
    measured = run(arm.command(output), **environment)
    with open(arm.text, "rb") as stream:
        documents = sum(1 for _ in stream)
    if arm.written is None:
        result = json.loads(measured.output)
        seconds, written = result["seconds"], Written(result["documents"], result["tokens"])
    else:
        seconds, written = measured.seconds, arm.written(output)
    if written.documents != documents:
        raise SystemExit(f"{arm.text}: {documents} documents, of which came {written.documents}")
    return Turn(arm.text.stat().st_size / 1e6 / seconds, written, measured.largest)


def arms_of(folder: pathlib.Path, kind: str) -> dict[str, Arm]:
    """All that are compared, with a vocabulary of our making."""
    text = document_text.write(folder, MEGABYTES)
    trove = document_text.write(folder, DATATROVE_MEGABYTES)
    parts = document_text.split(trove, WORKERS)
    natural = document_text.write(folder, NATURAL_MEGABYTES)
    bare = document_text.write(folder, BARE_MEGABYTES)
    learned = document_text.write(folder, VOCABULARY_MEGABYTES)
    place = fresh(folder / f"learned-{kind}")
    run(commands.prepare(learned, place, kind))
    vocabulary = place / "work" / "vocabulary"
    peers = commands.Peers(folder, kind, vocabulary)

    def module(name: str, *arguments: object) -> list[str]:
        return [sys.executable, "-m", f"tests.benchmarks.{name}", *map(str, arguments)]

    return {
        OURS: Arm(text, lambda out: commands.prepare(text, out, kind), commands.prepared),
        "datasets + tokenizers": Arm(
            text, lambda out: peers.datasets(text, out), commands.of_datasets
        ),
        "datatrove": Arm(trove, lambda out: peers.datatrove(parts, out), commands.of_datatrove),
        "natural Beam": Arm(
            natural,
            lambda out: module("natural_beam", natural, out, vocabulary, WORKERS),
            commands.of_beam,
        ),
        BARE: Arm(bare, lambda out: module("bare_tokenizer", vocabulary, bare, WORKERS), None),
    }


def measure(folder: pathlib.Path, kind: str) -> list[str]:
    """Lines of the table for RESULTS.md, heading first. `kind`: "unigram" or "wordpiece"."""
    arms = arms_of(folder, kind)
    turns: dict[str, list[Turn]] = {name: [] for name in arms}
    for _ in range(ROUNDS):
        for name, arm in arms.items():
            turns[name].append(take_turn(arm, fresh(folder / "documents-run")))
            print(f"documents, {kind}, {name}: {turns[name][-1].rate:.2f} MB/s", file=sys.stderr)
    shutil.rmtree(folder / "documents-run", ignore_errors=True)
    memory = max(turn.largest for turn in turns[OURS])
    megabytes = arms[OURS].text.stat().st_size / 1e6
    return [
        f"## Prepare: {megabytes:,.0f} MB of documents, {kind}, {WORKERS} processes, "
        f"{ROUNDS} rounds in turn",
        "",
        f"Ours reads JSONL, normalises, applies the rules, drops duplicates, learns {VOCABULARY:,}",
        "pieces, tokenises, shuffles, packs windows and writes TFRecords with checksums. The peers",
        "do less: they tokenise with pieces that they are given. datasets writes Parquet;",
        f"datatrove gets {DATATROVE_MEGABYTES} MB, and shuffles within each of the {WORKERS} files "
        "that they are cut into for it.",
        f"Natural Beam tokenises {NATURAL_MEGABYTES} MB with our tokenizer. Whole processes,",
        f"start-up included. The bare tokenizer is TensorFlow's op on {BARE_MEGABYTES} MB in",
        f"memory, the tokenising alone, {WORKERS} processes at once. MB are those of the JSONL.",
        "Ours end each document with a mark; with a list of pieces (wordpiece) ours keep what is",
        "around an unknown character, where the others make a whole word unknown.",
        f"Our largest process took {memory / 1e6:,.0f} MB of memory, without mapped files.",
        "",
        "| | MB/s, median | least to most | tokens a document | ours to it, median of the rounds |",
        "|---|---|---|---|---|",
        *[_row(name, turns[OURS], found) for name, found in turns.items()],
    ]


def _row(name: str, ours: list[Turn], turns: list[Turn]) -> str:
    rates = [turn.rate for turn in turns]
    ratio = statistics.median(a.rate / b.rate for a, b in zip(ours, turns, strict=True))
    written = turns[0].written
    tokens = f"{written.tokens / written.documents:,.1f}" if written.tokens else "-"
    cells = [
        name,
        f"{statistics.median(rates):.2f}",
        f"{min(rates):.2f} to {max(rates):.2f}",
        tokens,
        f"{ratio:.2f}",
    ]
    return f"| {' | '.join(cells)} |"
