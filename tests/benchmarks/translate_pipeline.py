"""Documents through the pipeline against the bare engine: the same sentences, two processes each.

The engine is given tokens and gives tokens (`translate_ours`); the pipeline reads documents, cuts
them into sentences, checks and commits translations and puts the documents together. Environment:
`BENCH_SENTENCES`.
"""

import json
import os
import pathlib
import shutil
import sys
from typing import Any

import numpy as np

from pipelines.texts import segmentation

from .measuring import Measured, fresh, run
from .translate_sizes import WORKERS, translate
from .translating import sentences, trained

SENTENCES = int(os.environ.get("BENCH_SENTENCES", "20000"))
PRESET = "small"
# Arm -> options of the command.
ARMS = {
    "pipeline, checks off": ("--set", "translate.checks=off"),
    "pipeline, with checks and second tries": (),
}
_A_DOCUMENT = 10
_PEER = "bare engine"


def measure(folder: pathlib.Path) -> list[str]:
    """Lines of the table for RESULTS.md, heading first."""
    from electra_model.tokenizer import Tokenizer

    model, data = trained(folder, PRESET)
    place = fresh(folder / "translate-pipeline")
    segments = distinct_segments(folder, SENTENCES)
    (place / "docs").mkdir()
    with open(place / "docs" / "a.jsonl", "w", encoding="utf-8") as stream:
        for start in range(0, len(segments), _A_DOCUMENT):
            text = "\n".join(segments[start : start + _A_DOCUMENT])
            stream.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    values, offsets = Tokenizer.load(str(data / "vocabulary")).encode_columns(segments)
    sources = place / "sources.npz"
    np.savez(sources, source_ids=values, source_ids_offsets=offsets)
    module = [sys.executable, "-m", "tests.benchmarks.translate_ours"]
    arguments = [model, sources, place / "outputs.npz", 1, WORKERS, 1]
    bare = json.loads(run([*module, *map(str, arguments)]).output)
    print(f"translate_pipeline: {bare}", file=sys.stderr, flush=True)
    found = {}
    for name, options in ARMS.items():
        found[name] = translate(model, place / "docs", place / name.replace(" ", "-"), *options)
        print(f"translate_pipeline, {name}: {found[name]}", file=sys.stderr, flush=True)
    shutil.rmtree(place)
    return table(bare, found)


def distinct_segments(folder: pathlib.Path, count: int) -> list[str]:
    """Sentences that the pipeline takes as they are, each of them once."""
    found: dict[str, None] = {}
    for sentence in sentences(folder):
        if segmentation.split_text(sentence, "en").segments == (sentence,):
            found[sentence] = None
            if len(found) == count:
                break
    return list(found)


def table(bare: dict[str, Any], found: dict[str, Measured]) -> list[str]:
    """The section of RESULTS.md."""
    lines = [
        f"## Documents through the pipeline, {SENTENCES:,} sentences, {WORKERS} processes",
        "",
        f"Preset {PRESET}, greedy. The bare engine goes from tokens to tokens, loading and its",
        "first calls not counted; the pipeline's seconds are those of the whole command, start-up",
        "included.",
        "",
        "| | s | engine's seconds to these | MB of the largest process |",
        "|---|---|---|---|",
        f"| {_PEER} | {bare['seconds']:.1f} | 1.00 | - |",
    ]
    for name, measured in found.items():
        counts = json.loads(measured.output)
        if counts["segments"] != bare["sentences"]:
            raise SystemExit(f"{name}: {counts['segments']} segments, not {bare['sentences']}")
        lines.append(
            f"| {name} | {measured.seconds:.1f} | {bare['seconds'] / measured.seconds:.2f} | "
            f"{measured.largest / 1e6:,.0f} |"
        )
    return lines
