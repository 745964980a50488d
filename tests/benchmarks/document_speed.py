"""`electra prepare` on documents against Hugging Face datasets + tokenizers, natural Beam, and the
bare tokenizer: the same text, two processes each, turn by turn."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from . import document_text, peers

WORKERS = 2
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MEGABYTES = int(os.environ.get("BENCH_MEGABYTES", "1000"))
# Natural Beam is so slow that a part of the text has to do.
NATURAL_MEGABYTES = 32
# The vocabulary is learned beforehand, from a part: all of us are given the same.
VOCABULARY_MEGABYTES = 32
VOCABULARY = 8000


def run(command: list[str], **environment: str) -> tuple[float, int]:
    """(seconds, peak memory in bytes of the largest process) of a command that must succeed."""
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stderr is not None
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{message.decode(errors='replace')}")
    return seconds, usage.ru_maxrss * 1024


def prepare(text: pathlib.Path, output: pathlib.Path, workers: int = WORKERS) -> list[str]:
    """The command that does our half: clean, drop duplicates, learn, tokenise, shuffle, write."""
    settings = {
        "workdir": str(output / "work"),
        "source_lang": "en",
        "target_lang": "de",
        "data": {"monolingual": {"en": [str(text)]}},
        "vocabulary": {"size": VOCABULARY},
        "runner": {"name": "local", "workers": workers},
    }
    job = output / "job.yaml"
    job.write_text(json.dumps(settings))
    return [sys.executable, "-m", "runners", "prepare", str(job)]


def fresh(folder: pathlib.Path) -> pathlib.Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def pieces(vocabulary: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """Our pieces with their scores, as JSON that the peers read."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary / "spm.model"))
    found = [
        [processor.id_to_piece(number), processor.get_score(number)]
        for number in range(processor.get_piece_size())
    ]
    path.write_text(json.dumps(found))
    return path


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md."""
    text = document_text.write(folder, MEGABYTES)
    small = document_text.write(folder, NATURAL_MEGABYTES)
    learned = document_text.write(folder, VOCABULARY_MEGABYTES)
    python = peers.peer_python(folder)
    run(prepare(learned, fresh(folder / "learned")))
    vocabulary = folder / "learned" / "work" / "vocabulary"
    unigram = str(pieces(vocabulary, folder / "unigram.json"))
    peer = [python, str(pathlib.Path(__file__).with_name("document_peer.py")), "unigram", unigram]
    natural = [sys.executable, "-m", "tests.benchmarks.natural_beam", str(small)]
    workers = str(WORKERS)
    arms: dict[str, tuple[Callable[[pathlib.Path], list[str]], pathlib.Path]] = {
        "electra prepare": (lambda out: prepare(text, out), text),
        "datasets + tokenizers": (lambda out: [*peer, str(text), str(out), workers], text),
        "natural Beam": (lambda out: [*natural, str(out), str(vocabulary), workers], small),
    }
    rates: dict[str, list[float]] = {name: [] for name in arms}
    memory = 0
    for _ in range(ROUNDS):
        for name, (command, path) in arms.items():
            output = fresh(folder / "documents-run")
            seconds, peak = run(command(output), HF_HUB_OFFLINE="1", HF_HOME=str(output / "hf"))
            rates[name].append(path.stat().st_size / 1e6 / seconds)
            memory = max(memory, peak) if name == "electra prepare" else memory
            print(f"documents, {name}: {rates[name][-1]:.2f} MB/s", file=sys.stderr)
    shutil.rmtree(folder / "documents-run", ignore_errors=True)
    ours = rates["electra prepare"]
    rows = [
        f"| {name} | {statistics.median(found):.2f} | "
        f"{statistics.median(a / b for a, b in zip(ours, found, strict=True)):.2f} |"
        for name, found in rates.items()
    ]
    return [
        f"## Prepare: {text.stat().st_size / 1e6:,.0f} MB of documents, {WORKERS} processes, "
        f"{ROUNDS} rounds in turn",
        "",
        f"Ours reads JSONL, normalises, applies the rules, drops duplicates, learns {VOCABULARY:,}",
        "unigram pieces, tokenises, shuffles, packs windows and writes TFRecords with checksums.",
        "The peer does less: it tokenises with pieces that it is given and writes Parquet. Natural",
        f"Beam tokenises {NATURAL_MEGABYTES} MB with our tokenizer. Whole processes, start-up",
        f"included; the largest of our processes took {memory / 1e6:,.0f} MB of memory.",
        "",
        "| | MB/s, median | ours to it, median of the rounds |",
        "|---|---|---|",
        *rows,
    ]
