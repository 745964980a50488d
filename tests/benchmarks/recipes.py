"""Which settings learn most in so many minutes: the search behind the defaults.

Each run adds a line to its journal when it is complete; a run that is there is not done again.
`BENCH_RUNS=usual,batch-1024` chooses; `BENCH_MINUTES` is the length of a training.
"""

import json
import os
import pathlib
from typing import Any

from . import journal
from .job_settings import run_stage, told
from .training_data import prepared

MINUTES = float(os.environ.get("BENCH_MINUTES", "3"))
VOCABULARY = 4000

# Name -> `section.key` -> value; what is not named is the default of the job file.
_SMALL_BATCH = {"train.batch_tokens": 1024}
_NO_DROPOUT = {**_SMALL_BATCH, "model.dropout": 0}
RECIPES: dict[str, dict[str, Any]] = {
    "usual": {},
    "batch-1024": _SMALL_BATCH,
    "batch-512": {"train.batch_tokens": 512},
    "no-dropout": _NO_DROPOUT,
    "width-256": {**_NO_DROPOUT, "model.d_model": 256, "model.dff": 1024},
    "layers-6-2": {**_NO_DROPOUT, "model.num_layers": 6},
    "layers-3-1": {**_NO_DROPOUT, "model.num_layers": 3, "model.num_decoder_layers": 1},
    "rate-3e-3": {**_NO_DROPOUT, "train.learning_rate": 3e-3},
    "rate-1e-3": {**_NO_DROPOUT, "train.learning_rate": 1e-3},
    "warm-up-100": {**_NO_DROPOUT, "train.warmup_steps": 100},
    "no-smoothing": {**_NO_DROPOUT, "train.label_smoothing": 0},
    "post-norm": {**_NO_DROPOUT, "model.norm": "post"},
    "swiglu": {**_NO_DROPOUT, "model.activation": "swiglu", "model.dff": 512},
    "sinusoidal": {**_NO_DROPOUT, "model.position_encoding": "sinusoidal"},
    "float32": {**_NO_DROPOUT, "train.precision": "float32"},
}


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first; makes the runs that are not there yet."""
    found = journal.kept("recipes")
    return table(journal.complete(found, RECIPES, lambda settings: take(folder, settings)))


def take(folder: pathlib.Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Trains once; returns counts and the loss on the validation pairs."""
    work = prepared(folder, VOCABULARY)
    run_stage("train", work, {"pretrain.steps": 0, "train.minutes": MINUTES, **settings})
    counts = json.loads((work / "train" / "complete.json").read_text())["counts"]
    lines = (work / "train" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [row["valid_loss"] for row in map(json.loads, lines) if "valid_loss" in row]
    return {
        "minutes": MINUTES,
        "updates": counts["steps"],
        "rate": counts["tokens"] / counts["seconds"],
        "loss": losses[-1],
    }


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """The section of RESULTS.md."""
    lines = [
        "## Recipes: what is learned in so many minutes on 2 cores",
        "",
        f"Preset tiny, {VOCABULARY:,} pieces, English to German. The loss is that on the",
        "validation pairs at the end, in nats for a piece, without smoothing: lower is better.",
        "What is not named is as the defaults have it.",
        "",
        "| run | settings | minutes | updates | target tokens/s | loss |",
        "|---|---|---|---|---|---|",
    ]
    for name, settings in RECIPES.items():
        if name in rows:
            row = rows[name]
            lines.append(
                f"| {name} | {told(settings)} | {row['minutes']:g} | {row['updates']:,} | "
                f"{row['rate']:,.0f} | {row['loss']:.3f} |"
            )
    return lines
