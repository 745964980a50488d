"""What pretraining spares: the same encoder-decoder with its encoder pretrained by replaced-token
detection, and at random, until both translate the validation pairs equally well.

Each run adds a line to its journal when it is complete; a run that is there is not done
again.
"""

import dataclasses
import functools
import json
import pathlib
import textwrap
from typing import Any

from . import journal, rates
from .job_settings import run_stage, told
from .training_data import prepared_pairs, prepared_tenth

VOCABULARY = 4000
# A network that finds neighbours by how far away they are learns from hidden tokens ten times as
# early as one with sinusoidal positions; and the published constants are for pretrainings that are
# a thousand times as long.
PRETRAINING = {
    "pretrain.batch_tokens": 1024,
    "pretrain.mask_fraction": 0.3,
    "pretrain.generator_fraction": 0.5,
    "pretrain.discriminator_weight": 5,
}
# The rate falls without knowing the end, so that a training that is stopped early is the beginning
# of the longer one.
SETTINGS = {
    **PRETRAINING,
    "model.position_encoding": "rotary",
    "train.batch_tokens": 1024,
    "train.schedule": "inverse_sqrt",
    "train.validate_every_steps": 100,
    "train.export_best": "true",
    "train.warm_start_layers": 0,
    "translate.beam_size": 1,
}


@dataclasses.dataclass(frozen=True)
class Series:
    """Trainings of the same pairs.

    Attributes:
      tenth: whether there is but a tenth of the pairs, and the rest as text.
      updates: of the training from a random start. pretrain: updates before a warm one.
      dropout: in both; what is seen again and again is to be held back.
    """

    tenth: bool
    updates: int
    pretrain: int
    dropout: float

    @property
    def settings(self) -> dict[str, Any]:
        """Of its trainings, but for their lengths."""
        return {**SETTINGS, "model.dropout": self.dropout}


SERIES = {
    "all pairs": Series(False, 2000, 3000, 0),
    "a tenth of the pairs": Series(True, 3000, 3000, 0.1),
}
RUNS = {
    f"{start} of {name}": (start, one)
    for name, one in SERIES.items()
    for start in ("random", "warm", "warm stopped")
}


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first; makes the runs that are not there yet, of
    those that `BENCH_RUNS` names where it is set."""
    found = journal.kept("warm_start")

    def take(run: tuple[str, Series]) -> dict[str, Any]:
        start, one = run
        updates = one.updates
        if start == "warm stopped":
            rows = journal.read(found)
            name = next(name for name, series in SERIES.items() if series is one)
            lowest = min(loss for _, loss in rows[f"random of {name}"]["losses"])
            updates = first_below(rows[f"warm of {name}"]["losses"], lowest) or updates
        return train(folder, one, updates, warm=start != "random")

    rows = journal.complete(found, RUNS, take)
    # Last, for it needs the machine alone.
    return table(rows, {name: _minutes(folder, one) for name, one in SERIES.items()})


def _work(folder: pathlib.Path, one: Series) -> pathlib.Path:
    return (prepared_tenth if one.tenth else prepared_pairs)(folder, VOCABULARY)


def _minutes(folder: pathlib.Path, one: Series) -> dict[str, float]:
    """Of an update of each stage, alone on the machine."""
    work, found = _work(folder, one), {}
    for stage in ("pretrain", "train"):
        name = rates.name_of(stage, VOCABULARY, one.settings)
        measure = functools.partial(rates.of_ours, stage, work, one.settings)
        found[stage] = 1000 / rates.updates(folder, name, 1000, measure)
    return found


def train(folder: pathlib.Path, one: Series, updates: int, *, warm: bool) -> dict[str, Any]:
    """One training; its losses on the validation pairs, by updates, and its scores on the test
    pairs."""
    work = _work(folder, one)
    before = one.pretrain if warm else 0
    settings = {**one.settings, "pretrain.steps": before, "train.steps": updates}
    for stage in ("pretrain", "train", "evaluate"):
        run_stage(stage, work, settings)
    lines = (work / "train" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if "valid_loss" in row]
    scores = json.loads((work / "evaluation" / "scores.json").read_text())["test"]["model"]
    return {
        "losses": [[row["step"], row["valid_loss"]] for row in rows],
        **{name: scores[name]["score"] for name in ("bleu", "chrf")},
    }


def first_below(losses: list[list[float]], bound: float) -> int | None:
    """The first number of updates whose loss is no higher than the bound, if any is."""
    return next((int(step) for step, loss in losses if loss <= bound), None)


def table(rows: dict[str, dict[str, Any]], minutes: dict[str, dict[str, float]]) -> list[str]:
    """The section of RESULTS.md. `minutes`: of an update of each stage, by series."""
    lines = [
        "## Warm start: what pretraining spares",
        "",
        *textwrap.wrap(
            f"Preset tiny, {VOCABULARY:,} pieces, English to German; {told(SETTINGS)}. The loss is "
            "the lowest on the validation pairs, in nats for a piece, and where it was reached; "
            "scores are of the test pairs, greedy, by the model of that loss. `warm stopped` ends "
            "where `warm` first has the lowest loss of `random`. Minutes of all updates by the "
            f"rate of {rates.MINUTES} minutes alone on the machine, the pretraining included.",
            98,
        ),
        "",
        "| run | pretraining | updates | minutes | loss | after | BLEU | chrF |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, (start, one) in RUNS.items():
        if name in rows:
            of_one = next(minutes[series] for series, other in SERIES.items() if other is one)
            losses = rows[name]["losses"]
            updates = losses[-1][0]
            loss, after = min((loss, step) for step, loss in losses)
            before = 0 if start == "random" else one.pretrain
            spent = before * of_one["pretrain"] + updates * of_one["train"]
            lines.append(
                f"| {name} | {before:,} | {updates:,} | {spent:.1f} | {loss:.3f} | {after:,} | "
                f"{rows[name]['bleu']:.1f} | {rows[name]['chrf']:.1f} |"
            )
    return lines
