"""What pretraining spares: the same encoder-decoder with its encoder pretrained by replaced-token
detection, and at random, until both translate the validation pairs equally well.

Each run adds a line to `warm_start.jsonl` when it is complete; a run that is there is not done
again.
"""

import dataclasses
import json
import pathlib
from typing import Any

from . import journal, rates
from .job_settings import run_stage, told
from .training_data import prepared, prepared_tenth

VOCABULARY = 4000
# The rate falls without knowing the end, so that a training that is stopped early is the beginning
# of the longer one.
SETTINGS = {
    "train.batch_tokens": 1024,
    "train.schedule": "inverse_sqrt",
    "train.validate_every_steps": 100,
    "translate.beam_size": 1,
}


@dataclasses.dataclass(frozen=True)
class Series:
    """Trainings of the same pairs.

    Attributes:
      tenth: whether there is but a tenth of the pairs, and the rest as text.
      updates: of the training from a random start. pretrain: minutes before a warm one.
    """

    tenth: bool
    updates: int
    pretrain: float


SERIES = {"all pairs": Series(False, 3000, 6), "a tenth of the pairs": Series(True, 1500, 6)}
RUNS = {
    f"{start}, {name}": (start, one)
    for name, one in SERIES.items()
    for start in ("random", "warm", "warm, stopped")
}


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first; makes the runs that are not there yet."""
    found = folder / "warm_start.jsonl"
    for one in SERIES.values():
        _updates(folder, "train", 1, one)
        _updates(folder, "pretrain", one.pretrain, one)

    def take(run: tuple[str, Series]) -> dict[str, Any]:
        start, one = run
        updates = one.updates
        if start == "warm, stopped":
            rows = journal.read(found)
            name = next(name for name, series in SERIES.items() if series is one)
            reached = first_below(
                rows[f"warm, {name}"]["losses"], rows[f"random, {name}"]["losses"][-1][1]
            )
            updates = reached or updates
        return train(folder, one, updates, warm=start != "random")

    update = 1000 / _updates(folder, "train", 1000, next(iter(SERIES.values())))
    return table(journal.complete(found, RUNS, take), update)


def _work(folder: pathlib.Path, one: Series) -> pathlib.Path:
    return (prepared_tenth if one.tenth else prepared)(folder, VOCABULARY)


def _updates(folder: pathlib.Path, stage: str, minutes: float, one: Series) -> int:
    work, name = _work(folder, one), rates.name_of(stage, VOCABULARY, SETTINGS)
    return rates.updates(folder, name, minutes, lambda: rates.of_ours(stage, work, SETTINGS))


def train(folder: pathlib.Path, one: Series, updates: int, *, warm: bool) -> dict[str, Any]:
    """One training; its losses on the validation pairs, by updates, and its scores on the test
    pairs."""
    work = _work(folder, one)
    before = _updates(folder, "pretrain", one.pretrain, one) if warm else 0
    settings = {**SETTINGS, "pretrain.steps": before, "train.steps": updates}
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


def table(rows: dict[str, dict[str, Any]], update: float) -> list[str]:
    """The section of RESULTS.md. `update`: minutes of one."""
    lines = [
        "## Warm start: what pretraining spares",
        "",
        f"Preset tiny, {VOCABULARY:,} pieces, English to German; {told(SETTINGS)}. The loss is",
        "that on the validation pairs, in nats for a piece; scores are of the test pairs, greedy.",
        "`warm, stopped` ends where `warm` first has the loss that `random` ends with. Minutes by",
        f"the rate of {rates.MINUTES} minutes alone on the machine, the pretraining included.",
        "",
        "| run | updates | minutes | loss | BLEU | chrF |",
        "|---|---|---|---|---|---|",
    ]
    for name, (start, series) in RUNS.items():
        if name in rows:
            updates, loss = rows[name]["losses"][-1]
            before = 0 if start == "random" else series.pretrain
            lines.append(
                f"| {name} | {updates:,} | {before + updates * update:.1f} | {loss:.3f} | "
                f"{rows[name]['bleu']:.1f} | {rows[name]['chrf']:.1f} |"
            )
    return lines
