"""What is translated, and by what: small trained models, and real sentences in documents."""

import json
import pathlib
import shutil
import sys
from collections.abc import Iterator

from .job_settings import run_stage
from .measuring import fresh
from .training_data import lines_of, pairs_of, prepared

SENTENCES_A_DOCUMENT = 10
DOCUMENTS_A_FILE = 5000

# Name -> vocabulary, updates, settings. The least one costs so little that what is timed is
# everything but the model.
MODELS = {
    "small": (
        8000,
        2500,
        {"model.preset": "small", "train.batch_tokens": 1024, "model.dropout": 0},
    ),
    "least": (
        4000,
        1000,
        {
            "train.batch_tokens": 1024,
            "model.dropout": 0,
            "model.d_model": 32,
            "model.num_heads": 2,
            "model.dff": 64,
            "model.num_layers": 1,
            "model.num_decoder_layers": 1,
        },
    ),
}


def trained(folder: pathlib.Path, name: str) -> tuple[pathlib.Path, pathlib.Path]:
    """A model folder, trained so long that its outputs have the lengths of translations, and the
    work folder of its data."""
    vocabulary, updates, settings = MODELS[name]
    data = prepared(folder, vocabulary)
    work = folder / f"translate-{name}"
    if not (work / "model").is_dir():
        job = json.loads((data / "job.yaml").read_text())
        (fresh(work) / "job.yaml").write_text(json.dumps(job | {"workdir": str(work)}))
        for part in ("dataset", "vocabulary"):
            shutil.copytree(data / part, work / part)
        run_stage("train", work, {"pretrain.steps": 0, "train.steps": updates, **settings})
    return work / "model", data


def command(model: pathlib.Path, docs: pathlib.Path, output: pathlib.Path, workers: int) -> list:
    """`electra translate`, greedy."""
    options = {"--model": model, "--input": docs, "--output": output, "--workers": workers}
    arguments = [str(part) for pair in options.items() for part in pair]
    return [sys.executable, "-m", "runners", "translate", *arguments, "--beam-size", "1"]


def sentences(folder: pathlib.Path) -> Iterator[str]:
    """The sources of the training pairs, over and over."""
    rows = [row for path in pairs_of(folder)["train"] for row in lines_of(path)]
    sources = [row.split("\t")[0] for row in rows]
    while True:
        yield from sources


def documents(folder: pathlib.Path, place: pathlib.Path, count: int) -> pathlib.Path:
    """A folder with JSONL files of documents, which have so many sentences in all."""
    target, source = fresh(place), sentences(folder)
    for start in range(0, count, SENTENCES_A_DOCUMENT * DOCUMENTS_A_FILE):
        inside = min(count - start, SENTENCES_A_DOCUMENT * DOCUMENTS_A_FILE)
        name = f"{start // (SENTENCES_A_DOCUMENT * DOCUMENTS_A_FILE):05d}.jsonl"
        with open(target / name, "w", encoding="utf-8") as stream:
            for first in range(0, inside, SENTENCES_A_DOCUMENT):
                some = [next(source) for _ in range(min(SENTENCES_A_DOCUMENT, inside - first))]
                row = {"id": start + first, "text": "\n".join(some)}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    return target
