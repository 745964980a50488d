"""Near duplicates by our stages and by datatrove: the same documents, two processes each, turn by
turn; speed, and how many of planted near copies are found.

`python -m tests.benchmarks.near_duplicates FOLDER FILE ...` measures on documents of one's own
(JSONL with a field `text`, also compressed), and `make bench` on `BENCH_DOCUMENTS` documents (a
million) cut from the text of the other benchmarks (see `document_text`). With `--alone` after the
files the peer is left out. Environment: `BENCH_ROUNDS`, as for the others.
"""

import bz2
import gzip
import json
import lzma
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

import pyarrow as pa

from pipelines.deduplication import banding, minhash, near_duplicates
from pipelines.texts.normalize import normalize_texts

from . import document_text, peers

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
DOCUMENTS = int(os.environ.get("BENCH_DOCUMENTS", "1000000"))
WORKERS = 2
SHINGLE = 5
SIMILARITY = 0.8
PLANTED = 0.1
# Of the words of a planted copy this share is replaced or left out.
LEAST_CHANGED, MOST_CHANGED = 0.005, 0.1
# Copies of shorter documents are other documents once a word is changed.
LEAST_WORDS = 50
DOCUMENT_WORDS = 80
PEER_MEGABYTES = 4

_OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def read_documents(paths: list[str]) -> list[str]:
    """The different texts of JSONL files, normalised."""
    texts = []
    for path in paths:
        with _OPEN.get(pathlib.Path(path).suffix, open)(path, "rt", encoding="utf-8") as stream:
            texts += [json.loads(line)["text"] for line in stream]
    return [text for text in dict.fromkeys(normalize_texts(texts)) if text]


def made_documents(folder: pathlib.Path, count: int) -> list[str]:
    """That many different documents of 80 words each."""
    megabytes = -(-count // 1000)  # a thousand bytes each are more than enough
    found: dict[str, None] = {}
    with open(document_text.write(folder, megabytes), encoding="utf-8") as stream:
        for line in stream:
            words = normalize_texts([json.loads(line)["text"]])[0].split(" ")
            for start in range(0, len(words) - DOCUMENT_WORDS + 1, DOCUMENT_WORDS):
                found[" ".join(words[start : start + DOCUMENT_WORDS])] = None
                if len(found) == count:
                    return list(found)
    raise SystemExit(f"{megabytes} MB of text hold {len(found)} documents, not {count}")


def perturb(text: str, share: float, draw: random.Random) -> str:
    """The text with a share of its words replaced by others of it or left out."""
    words = text.split()
    for place in draw.sample(range(len(words)), max(1, round(share * len(words)))):
        words[place] = draw.choice(words) + "x" if draw.random() < 0.5 else ""
    return " ".join(" ".join(words).split())


def jaccard(first: str, second: str) -> float:
    """The true similarity, shingle by shingle."""
    sets = []
    for text in (first, second):
        hashes = minhash.shingle(pa.array([text]), SHINGLE).hashes
        sets.append(set(hashes.tolist()))
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def plant(texts: list[str], folder: pathlib.Path) -> dict[tuple[int, int], float]:
    """Writes the documents, and behind them near copies of some, into one file per process.

    Returns:
      (file, row) of each copy -> its true similarity with its original.
    """
    draw = random.Random(1)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen = [n for n, text in enumerate(texts) if len(text.split()) >= LEAST_WORDS]
    chosen = draw.sample(chosen, int(PLANTED * len(chosen)))
    copies = [perturb(texts[n], draw.uniform(LEAST_CHANGED, MOST_CHANGED), draw) for n in chosen]
    rows: list[list[str]] = [[] for _ in range(WORKERS)]
    for number, text in enumerate(texts):
        rows[number % WORKERS].append(text)
    found = {}
    for original, copy in zip(chosen, copies, strict=True):
        # In the file of its original and behind it, so that it is the copy that is dropped.
        file = original % WORKERS
        found[file, len(rows[file])] = jaccard(texts[original], copy)
        rows[file].append(copy)
    for file, some in enumerate(rows):
        with open(folder / f"docs-{file}.jsonl", "w") as stream:
            stream.writelines(json.dumps({"text": text}) + "\n" for text in some)
    return found


def signature_speed(texts: list[str]) -> float:
    """MB/s of signatures and keys in this process, of the first megabytes."""
    texts = texts[: 1 + PEER_MEGABYTES * 1_000_000 * len(texts) // sum(map(len, texts))]
    column = pa.array(texts)
    bands, rows = banding.choose_bands(SIMILARITY, near_duplicates.SLOTS)
    seconds = []
    for _ in range(ROUNDS):
        start = time.monotonic()
        for begin in range(0, len(texts), 1 << 10):
            shingles = minhash.shingle(column.slice(begin, 1 << 10), SHINGLE)
            signatures = minhash.sign(shingles, near_duplicates.SLOTS)
            banding.band_keys(signatures, bands, rows, "pair")
        seconds.append(time.monotonic() - start)
    return sum(len(text.encode()) for text in texts) / 1e6 / statistics.median(seconds)


def recall(planted: dict[tuple[int, int], float], dropped: set[tuple[int, int]]) -> list[str]:
    """Cells of the table: the share found of the copies whose similarity is in each range, and how
    many documents were dropped that were not planted."""
    cells = []
    for low, high in ((0.9, 1.01), (0.8, 0.9), (0.7, 0.8), (0.0, 0.7)):
        some = [place for place, similarity in planted.items() if low <= similarity < high]
        share = sum(place in dropped for place in some) / len(some) if some else 0
        cells.append(f"{share:.3f} of {len(some)}")
    return [*cells, str(len(dropped - set(planted)))]


def measure(
    folder: pathlib.Path, texts: list[str] | None = None, *, alone: bool = False
) -> list[str]:
    """Lines of the tables for RESULTS.md. `alone`: without the peer."""
    texts = texts or made_documents(folder, DOCUMENTS)
    documents = folder / "near-documents"
    planted = plant(texts, documents)
    megabytes = sum(path.stat().st_size for path in documents.iterdir()) / 1e6
    commands = {
        "ours": [sys.executable, "-m", "tests.benchmarks.near_duplicates_ours"],
    }
    rates = {"ours": signature_speed(texts)}
    if not alone:
        python = peers.peer_python(folder)
        script = str(pathlib.Path(__file__).with_name("near_duplicates_peer.py"))
        commands["datatrove"] = [python, script, "find"]
        command = [python, script, "sign", str(documents), str(PEER_MEGABYTES)]
        rates["datatrove"] = _result(command)["megabytes_per_second"]

    seconds: dict[str, list[float]] = {name: [] for name in commands}
    dropped: dict[str, set[tuple[int, int]]] = {}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            output = folder / f"near-{name}"
            shutil.rmtree(output, ignore_errors=True)
            output.mkdir()
            start = time.monotonic()
            result = _result([*command, str(documents), str(output), str(WORKERS)])
            seconds[name].append(time.monotonic() - start)
            dropped[name] = {(file, row) for file, row in result["dropped"]}
            print(f"near duplicates, {name}: {seconds[name][-1]:.1f} s", file=sys.stderr)
    lines = [
        f"## Near duplicates: {len(texts):,} documents, {megabytes:.1f} MB, {WORKERS} processes, "
        f"{ROUNDS} rounds in turn",
        "",
        f"Runs of {SHINGLE} words; ours at a similarity of {SIMILARITY}, verified; the peer with",
        "14 bands of 8 and no bound. Whole processes, start-up included; ours also reads into "
        "columns,",
        "cleans and drops exact duplicates. Signatures alone: one process, without reading.",
        "",
        f"Planted: near copies of {PLANTED:.0%} of the documents, {LEAST_CHANGED:.1%} to "
        f"{MOST_CHANGED:.1%} of their words replaced or left out.",
        "Found of them, by true similarity with the original, and what else was dropped:",
        "",
        "| | signatures MB/s | median s | MB/s | 0.9 to 1 | 0.8 to 0.9 | 0.7 to 0.8 | below "
        "| not planted |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, times in seconds.items():
        median = statistics.median(times)
        cells = [f"{rates[name]:.1f}", f"{median:.1f}", f"{megabytes / median:.2f}"]
        lines.append(f"| {' | '.join([name, *cells, *recall(planted, dropped[name])])} |")
    return lines


def _result(command: list[str]) -> dict:
    """What a command prints as its last line, as JSON."""
    root = str(pathlib.Path(__file__).parents[2])
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": root}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment, cwd=root
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--alone"]
    place = pathlib.Path(arguments[0]).absolute()
    place.mkdir(parents=True, exist_ok=True)
    table = measure(place, read_documents(arguments[1:]), alone="--alone" in sys.argv)
    sys.stdout.write("\n".join(table) + "\n")
