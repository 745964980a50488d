"""What is learned in so many minutes: ours and PyTorch's from the same pairs, on the same machine.

What a minute is, is measured first, alone (`rates`); the trainings then make as many updates. Each
run adds a line to its journal when it is complete; a run that is there is not done again, so
that a series may be stopped and gone on with. `BENCH_RUNS=electra-9,prenorm-9` chooses.
"""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_model.tokenizer import Tokenizer
from runners.evaluation.scores import corpus_scores

from . import journal, peers, rates
from .job_settings import run_stage, told
from .measuring import run
from .training_data import prepared

_HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
      minutes: of training, the pretraining included. vocabulary: pieces.
      peer: of `learning_peer`, or None for ours.
      settings: of the job file, `section.key` -> value.
      pretrain: how many of the minutes are pretraining.
      earlier: minutes at which the same training is scored as well.
    """

    minutes: float
    vocabulary: int
    peer: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    pretrain: float = 0
    earlier: tuple[float, ...] = ()


# So short a training sees most pairs once: nothing is to be held back, and updates count.
SHORT = {"train.batch_tokens": 1024, "model.dropout": 0}
LONG = {"train.batch_tokens": 1024}
# The default was another when these were made.
SINUSOIDAL = {"model.position_encoding": "sinusoidal"}
ROTARY = {"model.position_encoding": "rotary"}
RUNS = {
    "prenorm-9": Run(9, 4000, "prenorm"),
    "electra-9": Run(9, 4000, None, {**SHORT, **SINUSOIDAL}),
    "electra-9-rotary": Run(9, 4000, None, {**SHORT, **ROTARY}),
    "prenorm-30": Run(30, 4000, "prenorm"),
    "electra-30": Run(30, 4000, None, {**LONG, **SINUSOIDAL}),
    "marian-45": Run(45, 8000, "marian", earlier=(15, 30)),
    "electra-15": Run(15, 4000, None, {**LONG, **ROTARY}),
    "electra-45": Run(45, 4000, None, {**LONG, **ROTARY}),
}


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first; makes the runs that are not there yet."""
    found = journal.kept("learning")
    for name in journal.missing(found, journal.chosen(RUNS)):
        _lengths(folder, RUNS[name])  # all rates first: they need the machine alone
    return table(journal.complete(found, RUNS, lambda one: take(folder, one)))


def take(folder: pathlib.Path, one: Run) -> dict[str, Any]:
    """Makes one run; returns `{"at": [{minutes, updates, tokens, greedy or beam: scores}, ...]}`,
    earlier ones first."""
    work, lengths = prepared(folder, one.vocabulary), _lengths(folder, one)
    if one.peer:
        return {"at": _of_peer(folder, work, one, lengths["train"])}
    settings = {f"{stage}.steps": updates for stage, updates in lengths.items()} | one.settings
    for stage in ("pretrain", "train"):
        run_stage(stage, work, settings)
    scores = {}
    for name, beam_size in (("greedy", 1), ("beam", 4)):
        run_stage("evaluate", work, {**settings, "translate.beam_size": beam_size})
        found = json.loads((work / "evaluation" / "scores.json").read_text())["test"]["model"]
        scores[name] = [found["bleu"]["score"], found["chrf"]["score"]]
    counts = json.loads((work / "train" / "complete.json").read_text())["counts"]
    row = {"minutes": one.minutes, "updates": counts["steps"], "tokens": counts["tokens"]}
    return {"at": [{**row, **scores}]}


def _lengths(folder: pathlib.Path, one: Run) -> dict[str, int]:
    """Updates of each stage; measures what isn't known yet of how many a minute has."""
    work = prepared(folder, one.vocabulary)
    if one.peer:
        name = f"{one.peer} of {one.minutes:g} minutes, {one.vocabulary} pieces"

        def of_peer() -> float:
            (found,) = _peer(folder, work, one, f"{rates.MINUTES}m")
            return found["updates"] / rates.MINUTES

        return {"train": rates.updates(folder, name, one.minutes, of_peer)}
    return {
        stage: rates.updates(
            folder,
            rates.name_of(stage, one.vocabulary, one.settings),
            minutes,
            lambda stage=stage: rates.of_ours(stage, work, one.settings),
        )
        if minutes
        else 0
        for stage, minutes in (("pretrain", one.pretrain), ("train", one.minutes - one.pretrain))
    }


def _peer(folder: pathlib.Path, work: pathlib.Path, one: Run, *lengths: str) -> list[dict]:
    """What the peer counted at each of its lengths, updates or, with an "m", minutes."""
    _write_sources(work, test_pairs(work)[0])
    python = peers.peer_python(folder, "trainers")
    script = str(_HERE / "learning_peer.py")
    recipe = "long" if one.minutes >= 20 else "short"
    return json.loads(run([python, script, one.peer or "", recipe, str(work), *lengths]).output)


def _of_peer(
    folder: pathlib.Path, work: pathlib.Path, one: Run, updates: int
) -> list[dict[str, Any]]:
    _, references = test_pairs(work)
    minutes = (*one.earlier, one.minutes)
    lengths = [str(round(updates * part / one.minutes)) for part in minutes]
    rows = []
    for part, counts in zip(minutes, _peer(folder, work, one, *lengths), strict=True):
        scores = corpus_scores(counts.pop("hypotheses"), references, "de")
        way = "beam" if one.peer == "marian" else "greedy"
        rows.append(
            {"minutes": part, **counts, way: [scores[name]["score"] for name in ("bleu", "chrf")]}
        )
    return rows


def test_pairs(work: pathlib.Path) -> tuple[list[str], list[str]]:
    """Sources and references."""
    lines = (work / "dataset" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    return [pair["source"] for pair in pairs], [pair["target"] for pair in pairs]


def _write_sources(work: pathlib.Path, sources: Sequence[str]) -> None:
    """`test.npz`: the tokens of the sources, each with its end mark."""
    values, offsets = Tokenizer.load(str(work / "vocabulary")).encode_columns(sources)
    np.savez(work / "test.npz", source_ids=values, source_ids_offsets=offsets)


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """The section of RESULTS.md."""
    lines = [
        "## Learning: so many minutes of training on 2 cores, the same pairs",
        "",
        "Minutes of training, pretraining included, without the time to compile: so many updates",
        f"as each makes in that time, by the rate of {rates.MINUTES} minutes alone on the machine.",
        "prenorm: `torch.nn.Transformer`, 4,000 pieces, small batches, a cosine that ends with the",
        "training; marian: Hugging Face's from scratch, 8,000 pieces. Ours has the preset tiny and",
        "4,000 pieces, its matrix products in bfloat16 where the processor has units for it.",
        "Updates and target tokens are those of the last training. prenorm-9 was trained by the",
        "clock. Only runs of one machine can be compared: the Xeon has units for bfloat16.",
        "",
        "| run | machine | minutes | settings | updates | target tokens | BLEU, chrF greedy "
        "| with beam 4 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in RUNS:
        for row in rows.get(name, {"at": []})["at"]:
            pretrained = {"pretrain.minutes": RUNS[name].pretrain} if RUNS[name].pretrain else {}
            settings = told({**RUNS[name].settings, **pretrained})
            greedy, beam = (
                ", ".join(f"{score:.1f}" for score in row[way]) if way in row else "-"
                for way in ("greedy", "beam")
            )
            lines.append(
                f"| {name} | {rows[name]['machine']} | {row['minutes']:g} | {settings} | "
                f"{row['updates']:,} | {row['tokens']:,.0f} | {greedy} | {beam} |"
            )
    return lines
