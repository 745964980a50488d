"""Real sentence pairs, prepared by `electra prepare`, for those who train on them: our dataset, and
the same tokens as arrays for the peers."""

import json
import lzma
import os
import pathlib
import sys
from typing import Any

import numpy as np

from electra_model import features
from runners.training.input_data import read_split

from .measuring import fresh, run
from .prepare_speed import fetched

WINDOW_LENGTH = 128
SHORTLIST = 24


def pairs_of(folder: pathlib.Path) -> dict[str, list[str]]:
    """The files of each split, `NAME.tsv*`, in the folder `BENCH_PAIRS`, else the demo's corpus."""
    named = os.environ.get("BENCH_PAIRS")
    place = pathlib.Path(named).absolute() if named else fetched(folder)
    splits = {
        name: sorted(map(str, place.glob(f"{name}.tsv*"))) for name in ("train", "valid", "test")
    }
    if not all(splits.values()):
        raise SystemExit(f"{place}: train.tsv, valid.tsv and test.tsv are needed")
    return splits


def prepared(folder: pathlib.Path, vocabulary: int) -> pathlib.Path:
    """The work folder of a dataset with so many pieces; made when it is not there yet.

    Beside `dataset/` it has `pairs.npz` and `windows.npz`: of each column of the records the values
    and the offsets, `NAME` and `NAME_offsets`.
    """
    work = folder / f"training-{vocabulary}"
    if (work / "windows.npz").is_file():
        return work
    _prepare(work, vocabulary, pairs_of(folder))
    for name, split, columns in (
        ("pairs", "train", features.PAIR),
        ("windows", "pretrain", features.WINDOW),
    ):
        found = read_split(str(work / "dataset"), split, columns)
        arrays: dict[str, np.ndarray] = {}
        for column, (values, offsets) in found.columns.items():
            arrays[column], arrays[f"{column}_offsets"] = values, offsets
        temporary = work / f"{name}.tmp.npz"
        np.savez(temporary, **arrays)
        os.replace(temporary, work / f"{name}.npz")
    return work


def prepared_pairs(folder: pathlib.Path, vocabulary: int) -> pathlib.Path:
    """The work folder of a dataset whose pretraining reads both sides of a pair as one text."""
    work = folder / f"training-{vocabulary}-pairs"
    if not (work / "dataset" / "dataset_info.json").is_file():
        _prepare(work, vocabulary, pairs_of(folder), pair_windows=True)
    return work


def prepared_tenth(folder: pathlib.Path, vocabulary: int) -> pathlib.Path:
    """The same with a tenth of the training pairs; of the others, each side is text of its
    language, for the pretraining."""
    work = folder / f"training-{vocabulary}-tenth"
    if (work / "dataset" / "dataset_info.json").is_file():
        return work
    splits = pairs_of(folder)
    inputs = fresh(folder / "tenth")
    rows = [row for path in splits["train"] for row in lines_of(path)]
    with open(inputs / "train.tsv", "w", encoding="utf-8") as pairs:
        pairs.writelines(rows[::10])
    for column, language in enumerate(("en", "de")):
        with open(inputs / f"{language}.jsonl", "w", encoding="utf-8") as texts:
            for number, row in enumerate(rows):
                if number % 10:
                    text = row.rstrip("\n").split("\t")[column]
                    texts.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    monolingual = {language: [str(inputs / f"{language}.jsonl")] for language in ("en", "de")}
    data = {**splits, "train": [str(inputs / "train.tsv")], "monolingual": monolingual}
    _prepare(work, vocabulary, data, pair_windows=True)
    return work


def lines_of(path: str) -> list[str]:
    """The lines of a file of pairs."""
    opened = lzma.open if path.endswith(".xz") else open
    with opened(path, "rt", encoding="utf-8") as stream:
        return [line for line in stream if "\t" in line]


def _prepare(
    work: pathlib.Path, vocabulary: int, data: dict[str, Any], *, pair_windows: bool = False
) -> None:
    job = fresh(work) / "job.yaml"
    settings = {
        "workdir": str(work),
        "source_lang": "en",
        "target_lang": "de",
        "data": data,
        "vocabulary": {"size": vocabulary},
        "dataset": {
            "window_length": WINDOW_LENGTH,
            "pair_windows": pair_windows,
            "shortlist": SHORTLIST,
        },
        "runner": {"name": "local", "workers": 2},
    }
    job.write_text(json.dumps(settings))
    run([sys.executable, "-m", "runners", "prepare", str(job)])
