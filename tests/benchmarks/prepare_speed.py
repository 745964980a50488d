"""`electra prepare` against Hugging Face datasets + tokenizers: the same text, two processes each,
turn by turn."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from . import peers

ROUNDS = 3
VOCABULARY = 4000
WORKERS = 2


def fetched(folder: pathlib.Path) -> pathlib.Path:
    """The demo's corpus: a folder with train.tsv, valid.tsv and test.tsv."""
    output = folder / "corpus"
    command = [sys.executable, "-m", "runners", "corpus", "--target", "de", "--output", str(output)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return output


def corpus(folder: pathlib.Path) -> pathlib.Path:
    """The demo corpus' training pairs, eight times over with a number behind each, so that nothing
    is a duplicate."""
    path = folder / "train.tsv"
    if path.is_file():
        return path
    train = fetched(folder) / "train.tsv"
    pairs = [line.split("\t") for line in train.read_text().splitlines()]
    temporary = path.with_suffix(".tmp")
    with open(temporary, "w") as stream:
        for copy in range(8):
            stream.writelines(f"{source} {copy}\t{target} {copy}\n" for source, target in pairs)
    os.replace(temporary, path)
    return path


def ours(path: pathlib.Path, output: pathlib.Path) -> list[str]:
    """The command that does our half."""
    job = output / "job.yaml"
    settings = {
        "task": "translate",
        "workdir": str(output / "work"),
        "source_lang": "en",
        "target_lang": "de",
        "data": {"train": [str(path)]},
        "vocabulary": {"size": VOCABULARY},
        "dataset": {"valid_fraction": 0},
        "runner": {"name": "local", "workers": WORKERS},
    }
    job.write_text(json.dumps(settings))
    return [sys.executable, "-m", "runners", "prepare", str(job)]


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md."""
    path = corpus(folder)
    python = peers.peer_python(folder)
    peer_script = str(pathlib.Path(__file__).with_name("prepare_peer.py"))
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    for _ in range(ROUNDS):
        for name in seconds:
            output = folder / name
            shutil.rmtree(output, ignore_errors=True)
            output.mkdir()
            peer = [python, peer_script, str(path), str(output), str(VOCABULARY), str(WORKERS)]
            command = ours(path, output) if name == "ours" else peer
            start = time.monotonic()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            seconds[name].append(time.monotonic() - start)
            print(f"prepare, {name}: {seconds[name][-1]:.1f} s", file=sys.stderr)
    megabytes = path.stat().st_size / 1e6
    ratios = [peer / our for our, peer in zip(seconds["ours"], seconds["peer"], strict=True)]
    row = "| {} | {:.1f} | {:.2f} |"
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    return [
        f"## Prepare: {megabytes:.1f} MB of pairs, {WORKERS} processes, {ROUNDS} rounds in turn",
        "",
        "Read TSV, normalise, drop duplicates, learn a unigram vocabulary of "
        f"{VOCABULARY} pieces, tokenise, shuffle, write.",
        "Whole processes, start-up included. Ours also keeps a ledger of every rejected row, packs",
        "windows for pretraining, writes checksums, and can be killed at any moment.",
        "",
        "| | median s | MB/s |",
        "|---|---|---|",
        row.format("electra prepare", *_figures(seconds["ours"], megabytes)),
        row.format("datasets + tokenizers", *_figures(seconds["peer"], megabytes)),
        "",
        f"Ratio of times, peer to ours, per round: {each}; median "
        f"**{statistics.median(ratios):.2f}**.",
    ]


def _figures(times: list[float], megabytes: float) -> tuple[float, float]:
    median = statistics.median(times)
    return median, megabytes / median
