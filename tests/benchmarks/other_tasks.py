"""What the two other tasks learn: summaries against the first sentence, continuations against
counted n-grams.

Summaries: the long description of a package of Debian to its line of synopsis, from the
distribution's index. Continuations: of documentation, whose files `BENCH_TEXTS` names. Each run
adds a line to its journal; a run that is there is not done again.
"""

import json
import lzma
import os
import pathlib
import sys
import urllib.request
from typing import Any

import numpy as np

from electra_model import features
from electra_model.tokenizer import BOS_ID, EOS_ID, MASK_ID, PAD_ID, UNK_ID, Tokenizer
from runners.evaluation.scores import PERPLEXITIES, SCORING, corpus_scores, perplexities
from runners.training.input_data import read_split

from . import journal, rates
from .job_settings import run_stage
from .measuring import fresh, run
from .ngrams import ORDER, KneserNey, windows_of

MINUTES = float(os.environ.get("BENCH_MINUTES", "20"))
VOCABULARY = 8000
INDEX = "https://deb.debian.org/debian/dists/bookworm/main/i18n/Translation-en.xz"
CONTINUED = 200  # sources that the n-grams go on with, which is slow
RUNS = {task: task for task in ("summarise", "generate")}


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first; makes the runs that are not there yet."""
    found = journal.kept("other_tasks")
    for task in journal.missing(found, journal.chosen(RUNS)):
        _updates(folder, task)  # all rates first: they need the machine alone
    return table(journal.complete(found, RUNS, lambda task: take(folder, task)))


def _updates(folder: pathlib.Path, task: str) -> int:
    work = prepared(folder, task)
    name = f"{task}, {VOCABULARY} pieces"
    return rates.updates(folder, name, MINUTES, lambda: rates.of_ours("train", work, {}))


def take(folder: pathlib.Path, task: str) -> dict[str, Any]:
    """Trains and scores."""
    work = prepared(folder, task)
    settings = {"pretrain.steps": 0, "train.steps": _updates(folder, task)}
    for stage in ("train", "evaluate"):
        run_stage(stage, work, settings)
    found = json.loads((work / "evaluation" / "scores.json").read_text())["test"]
    counts = json.loads((work / "train" / "complete.json").read_text())["counts"]
    rows = {"ours": found["model"], SCORING[task].baseline_title: found[SCORING[task].baseline]}
    if task == "generate":
        rows["4-grams"] = counted(work)
    return {
        "minutes": MINUTES,
        "updates": counts["steps"],
        "texts": found["sentences"],
        "rows": {
            who: {name: score["score"] for name, score in scores.items()}
            for who, scores in rows.items()
        },
    }


def prepared(folder: pathlib.Path, task: str) -> pathlib.Path:
    """A working folder with the dataset and the vocabulary of the task."""
    work = folder / f"task-{task}"
    if not (work / "dataset" / "dataset_info.json").is_file():
        _prepare(work, task, _descriptions(folder) if task == "summarise" else _documents())
    return work


def _prepare(work: pathlib.Path, task: str, inputs: list[str]) -> None:
    job = fresh(work) / "job.yaml"
    settings: dict[str, Any] = {
        "task": task,
        "workdir": str(work),
        "source_lang": "en",
        "data": {"train": inputs},
        "vocabulary": {"size": VOCABULARY},
        "runner": {"name": "local", "workers": 2},
    }
    if task == "summarise":
        settings["data"] |= {"source_field": "text", "target_field": "summary"}
    job.write_text(json.dumps(settings))
    run([sys.executable, "-m", "runners", "prepare", str(job)])


def _documents() -> list[str]:
    place = os.environ.get("BENCH_TEXTS")
    if not place:
        raise SystemExit("BENCH_TEXTS: name a folder with .jsonl files of documents")
    return sorted(map(str, pathlib.Path(place).absolute().glob("*.jsonl*")))


def _descriptions(folder: pathlib.Path) -> list[str]:
    """A JSONL file of long descriptions and their synopses."""
    path = folder / "descriptions.jsonl"
    if not path.is_file():
        with urllib.request.urlopen(INDEX) as answer:
            text = lzma.decompress(answer.read()).decode()
        rows = map(_described, text.split("\n\n"))
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows if row)
        temporary = path.with_suffix(".tmp")
        temporary.write_text("".join(lines), encoding="utf-8")
        os.replace(temporary, path)
    return [str(path)]


def _described(stanza: str) -> dict[str, str] | None:
    """Of one package of the index: " ." is an empty line, and every other starts with a blank."""
    _, _, described = stanza.partition("\nDescription-en: ")
    summary, _, lines = described.partition("\n")
    text = "\n".join(
        "" if line == " ." else line.removeprefix(" ") for line in lines.splitlines()
    ).strip()
    return {"text": text, "summary": summary} if text and summary else None


def counted(work: pathlib.Path) -> dict[str, dict[str, Any]]:
    """The scores of n-grams of the training pairs on the test pairs: of a target behind the end of
    its source."""
    tokenizer = Tokenizer.load(str(work / "vocabulary"))
    split = read_split(str(work / "dataset"), "train", features.PAIR)
    windows = np.concatenate(
        [_windows(*pair) for pair in zip(*map(_rows, _pair_columns(split)), strict=True)]
    )
    model = KneserNey(windows, tokenizer.size)
    lines = (work / "dataset" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    references = [pair["target"] for pair in pairs]
    sources, targets = (
        _rows(tokenizer.encode_columns([pair[side] for pair in pairs]))
        for side in ("source", "target")
    )
    surprises = [
        float(np.log(model.probabilities(_windows(*pair))).sum())
        for pair in zip(sources, targets, strict=True)
    ]
    scores = perplexities(surprises, [len(target) for target in targets], references)
    some = range(0, len(pairs), max(1, len(pairs) // CONTINUED))
    import tensorflow as tf  # the other tables need none in this process

    found = tf.ragged.constant([_continued(model, sources[one]) for one in some], tf.int32)
    texts = [text.decode() for text in tokenizer.decode(found).numpy()]
    return scores | corpus_scores(texts, [references[one] for one in some], "en", "generate")


def _pair_columns(split: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [split.columns[name] for name in ("source_ids", "target_ids")]


def _rows(column: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    values, offsets = column
    return np.split(values, offsets[1:-1])


def _windows(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return windows_of(source[:-1].tolist(), target.tolist(), BOS_ID)


def _continued(model: KneserNey, source: np.ndarray, most: int = 100) -> list[int]:
    found: list[int] = []
    while len(found) < most:
        context = windows_of(source[:-1].tolist(), [*found, 0], BOS_ID)[-1:, : ORDER - 1]
        token = int(model.likeliest(context, [PAD_ID, UNK_ID, BOS_ID, MASK_ID])[0])
        if token == EOS_ID:
            break
        found.append(token)
    return found


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """The section of RESULTS.md."""
    lines = [
        "## Summaries and continuations, beside what costs nothing",
        "",
        f"Preset tiny, {VOCABULARY:,} pieces, the defaults of each task, without pretraining, so",
        "many updates as 2 cores make in these minutes, by the rate of",
        f"{rates.MINUTES} minutes alone on the machine.",
        "Summaries: the long description of a Debian package to its synopsis. Continuations: of",
        "documentation, a stretch of up to 300 characters to the next; n-grams see the last three",
        f"pieces before each, and go on with some {CONTINUED} of the texts. Lower perplexities are",
        "better.",
        "",
        "| task | minutes | updates | texts | | scores |",
        "|---|---|---|---|---|---|",
    ]
    for task in RUNS:
        if task not in rows:
            continue
        row = rows[task]
        titles = SCORING[task].metrics | PERPLEXITIES
        for who, scores in row["rows"].items():
            told = ", ".join(f"{titles[name]} {score:.1f}" for name, score in scores.items())
            lines.append(
                f"| {task} | {row['minutes']:g} | {row['updates']:,} | {row['texts']:,} | {who} | "
                f"{told} |"
            )
    return lines
