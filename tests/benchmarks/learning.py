"""What is learned in so many minutes: ours and PyTorch's from the same pairs, on the same machine.

Each run adds a line to `learning.jsonl` when it is complete; a run that is there is not done again,
so that a series may be stopped and gone on with. `BENCH_RUNS=electra-9,prenorm-9` chooses.
"""

import dataclasses
import json
import pathlib
from typing import Any

import numpy as np

from electra_model.tokenizer import Tokenizer
from runners.scores import corpus_scores

from . import journal, peers
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
    """

    minutes: float
    vocabulary: int
    peer: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


def _ours(minutes: float, vocabulary: int = 4000, pretrain: float = 0, **settings: Any) -> Run:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    lengths = {"pretrain.minutes": pretrain, "train.minutes": minutes - pretrain}
    return Run(minutes, vocabulary, None, {"translate.beam_size": 1, **lengths, **named})


_LENGTHS_AND_DECODING = ("translate.beam_size", "train.minutes", "pretrain.minutes")
RUNS = {
    "prenorm-9": Run(9, 4000, "prenorm"),
    # So short a training sees most pairs once: nothing is to be held back, and updates count.
    "electra-9": _ours(9, train__batch_tokens=1024, model__dropout=0),
    "electra-9-pretrained": _ours(9, pretrain=2, train__batch_tokens=1024, model__dropout=0),
    "prenorm-30": Run(30, 4000, "prenorm"),
    "electra-30": _ours(30),
    "electra-30-pretrained": _ours(30, pretrain=6),
    "marian-15": Run(15, 8000, "marian"),
    "marian-30": Run(30, 8000, "marian"),
    "marian-45": Run(45, 8000, "marian"),
    "electra-15-beam": _ours(15, 8000, translate__beam_size=4),
    "electra-45-beam": _ours(45, 8000, translate__beam_size=4),
}


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first; makes the runs that are not there yet."""
    found = folder / "learning.jsonl"
    return table(journal.complete(found, RUNS, lambda one: take(folder, one)))


def take(folder: pathlib.Path, one: Run) -> dict[str, Any]:
    """Makes one run; returns its scores and counts."""
    work = prepared(folder, one.vocabulary)
    sources, references = test_pairs(work)
    if one.peer:
        _write_sources(work, sources)
        python = peers.peer_python(folder, "trainers")
        script = str(_HERE / "learning_peer.py")
        found = run([python, script, one.peer, str(work), str(one.minutes)])
        counts = json.loads(found.output)
        hypotheses = (work / "hypotheses.txt").read_text(encoding="utf-8").splitlines()
        scores = corpus_scores(hypotheses, references, "de")
        return {
            "minutes": one.minutes,
            "updates": counts["updates"],
            "tokens": counts["tokens"],
            **{name: value["score"] for name, value in scores.items()},
        }
    for stage in ("pretrain", "train", "evaluate"):
        run_stage(stage, work, one.settings)
    return {"minutes": one.minutes, **_of_ours(work)}


def _of_ours(work: pathlib.Path) -> dict[str, Any]:
    """Counts and scores of the last training and evaluation in a work folder."""
    scores = json.loads((work / "evaluation" / "scores.json").read_text())["test"]["model"]
    training = json.loads((work / "train" / "complete.json").read_text())["counts"]
    return {
        "updates": training["steps"],
        "tokens": training["tokens"],
        "bleu": scores["bleu"]["score"],
        "chrf": scores["chrf"]["score"],
    }


def test_pairs(work: pathlib.Path) -> tuple[list[str], list[str]]:
    """Sources and references."""
    lines = (work / "dataset" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    return [pair["source"] for pair in pairs], [pair["target"] for pair in pairs]


def _write_sources(work: pathlib.Path, sources: list[str]) -> None:
    """`test.npz`: the tokens of the sources, each with its end mark."""
    values, offsets = Tokenizer.load(str(work / "vocabulary")).encode_columns(sources)
    np.savez(work / "test.npz", source_ids=values, source_ids_offsets=offsets)


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """The section of RESULTS.md."""
    lines = [
        "## Learning: so many minutes of training on 2 cores, the same pairs",
        "",
        "Minutes of training, pretraining included, without the time to compile. prenorm:",
        "`torch.nn.Transformer`, 4,000 pieces, small batches, a cosine that ends with the time;",
        "marian: Hugging Face's from scratch, 8,000 pieces, beam 4. Ours has the preset tiny, its",
        "matrix products in bfloat16 where the processor has units for it, and decodes as the peer",
        "beside it does. Updates and target tokens are those of the last training.",
        "",
        "| run | minutes | settings | updates | target tokens | BLEU | chrF |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in RUNS:
        if name in rows:
            row, settings = rows[name], told(RUNS[name].settings, _LENGTHS_AND_DECODING)
            lines.append(
                f"| {name} | {row['minutes']:g} | {settings} | {row['updates']:,} | "
                f"{row['tokens']:,.0f} | {row['bleu']:.1f} | {row['chrf']:.1f} |"
            )
    return lines
