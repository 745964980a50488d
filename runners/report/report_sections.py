"""What the report says, section by section, as plain values read from a work folder.

A section whose files are not there yet is None, and the page says so. Nothing here knows of HTML.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from pipelines import files

from ..evaluation.evaluation import read_pairs
from ..evaluation.scores import sentence_chrf

SAMPLES = 12
WORST = 5
SHOWN_CHARACTERS = 1000  # of a source among the samples

# What the rules of `clean` and of the readers mean, in a reader's words.
RULES = {
    "empty": "a side holds nothing but punctuation and white space",
    "broken_encoding": "characters were lost when the text was decoded (U+FFFD)",
    "control_characters": "control or invisible characters",
    "min_characters": "one side is too short",
    "max_words": "one side has too many words",
    "max_word_length": "a word is too long to be one",
    "min_script_share": "letters of a script that the language is not written in",
    "max_markup_share": "mostly tags and entities",
    "max_url_share": "mostly web and e-mail addresses",
    "max_repetition": "the same word or characters over and over",
    "placeholder_mismatch": "placeholders or tags differ between the sides",
    "number_mismatch": "numbers differ between the sides",
    "wrong_language": "one side is probably in another language",
    "overlap": "much of the source is also in a validation or test source",
    "min_punctuated_lines": "too few lines end like sentences",
    "max_bullet_lines": "nearly all lines are bullets",
    "max_ellipsis_lines": "many lines are cut short by an ellipsis",
    "max_symbol_word_ratio": "many hashes and ellipses",
    "min_mean_word_length": "words are too short on average",
    "max_mean_word_length": "words are too long on average",
    "min_stop_words": "hardly any function words of the language",
    "max_duplicate_lines": "many lines are repeated",
    "min_letters_share": "too few letters: numbers, codes, punctuation",
    "max_characters": "one side is too long",
    "max_length_ratio": "one side is far longer than the other",
    "identical": "the target is a copy of the source",
    "duplicate": "the same record came before",
    "leak": "the source is also in the validation or test data",
    "near_duplicate": "nearly the same text came before",
    "near_leak": "the source is nearly one of the validation or test data",
    "max_tokens": "more tokens than the model can take",
    "empty_line": "a blank line",
    "malformed_json": "the line is not JSON",
    "malformed_csv": "the row is not CSV",
    "not_an_object": "the line is JSON, but not an object with fields",
    "missing_field": "the row lacks a field",
    "not_text": "the field holds something other than text",
    "wrong_columns": "the row has another number of columns",
    "not_utf8": "the bytes are not UTF-8",
    "missing_language": "the translation unit has no text in one of the languages",
    "missing_source": "the unit has no source text",
    "missing_target": "the unit is not translated",
    "untranslated": "the message is not translated",
    "fuzzy": "the translation is marked as a guess (fuzzy)",
    "obsolete": "the message is no longer in use (obsolete)",
    "no_plural_form": "the header of the catalogue has no usable line Plural-Forms",
    "malformed_html": "the page cannot be parsed: its elements are nested too deep",
    "malformed_markdown": "the file cannot be parsed: its quotes and lists are nested too deep",
    "not_a_document": "the record of the archive is neither a page nor its text",
    "unreadable_http": "the headers or the compression of the archived page cannot be read",
    "too_large": "the line or document is too large to be read",
    "no_continuation": "the text is too short to be cut into a beginning and a continuation",
}


def read_jsonl(path: str, limit: int | None = None) -> list[dict[str, Any]]:
    """The JSON objects of a file, at most `limit`. A line cut short by a kill is passed over."""
    if not files.exists(path):
        return []
    rows = []
    for line in files.read_bytes(path).split(b"\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
            if len(rows) == limit:
                break
    return rows


# The lines that may stand beside that of the updates of a step.
_KINDS = ("valid_loss", "went_back_from", "exported_step")


def read_metrics(path: str) -> list[dict[str, Any]]:
    """Metrics by step. A step that was made twice, after a kill, counts as it went last."""
    latest: dict[tuple[int, str], dict[str, Any]] = {}
    for row in read_jsonl(path):
        if isinstance(row.get("step"), int):
            kind = next((key for key in _KINDS if key in row), "")
            latest[row["step"], kind] = row
    return [latest[key] for key in sorted(latest)]


def training(workdir: str, stage: str) -> dict[str, Any] | None:
    """The metrics of "pretrain" or "train", None where there are none."""
    metrics = read_metrics(files.join(workdir, stage, "metrics.jsonl"))
    if not metrics:
        return None
    updates = [row for row in metrics if "loss" in row]
    validations = [row for row in metrics if "valid_loss" in row]
    rates = [row["tokens_per_second"] for row in updates if row.get("tokens_per_second")]
    # The metrics end with a line of the log, the training a little later.
    counts = files.read_json(files.join(workdir, stage, "complete.json")).get("counts", {})
    elapsed = max((row.get("elapsed_seconds", 0) for row in metrics), default=0)
    return {
        "updates": updates,
        "validations": validations,
        "steps": max(metrics[-1]["step"], counts.get("steps", 0)),
        "seconds": max(elapsed, counts.get("seconds", 0)),
        "tokens_per_second": sorted(rates)[len(rates) // 2] if rates else None,
        "last": updates[-1] if updates else {},
        "best": min(validations, key=lambda row: row["valid_loss"]) if validations else None,
        "warm_start": warm_start(files.join(workdir, stage, "warm_start.json")),
    }


def warm_start(path: str) -> dict[str, int] | None:
    """How many tensors were restored, fresh and skipped."""
    report = files.read_json(path)
    kinds = {key: report[key] for key in ("restored", "fresh", "skipped") if key in report}
    sizes = {
        key: len(value) if isinstance(value, list | dict) else value for key, value in kinds.items()
    }
    return sizes or None


def model(workdir: str) -> dict[str, Any] | None:
    """`model.json`, with the bytes of the model folder where it is local."""
    folder = files.join(workdir, "model")
    description = files.read_json(files.join(folder, "model.json"))
    if not description:
        return None
    size = 0
    if not files.is_remote(folder):
        for place, _, names in os.walk(folder):
            size += sum(os.path.getsize(os.path.join(place, name)) for name in names)
    return {**description, "bytes": size}


def evaluation(workdir: str) -> dict[str, Any] | None:
    """Scores, sample translations and the distribution of sentence scores."""
    folder = files.join(workdir, "evaluation")
    scores = files.read_json(files.join(folder, "scores.json"))
    if not scores.get("test"):
        return None
    result = {
        "test": {"too_long": 0, "empty": 0, **scores["test"]},
        "decoding": scores["decoding"],
        "model_fingerprint": scores.get("model_fingerprint"),
        "documents": scores.get("documents"),
        "rows": [],
        "worst": [],
        "by_length": [],
        "chrf_bars": [],
    }
    pairs_path = files.join(workdir, "dataset", f"{result['test'].get('split', 'test')}.jsonl")
    hypotheses_path = files.join(folder, "test.hyp.txt")
    if not (files.exists(pairs_path) and files.exists(hypotheses_path)):
        return result
    sources, references = read_pairs(pairs_path)
    hypotheses = files.read_bytes(hypotheses_path).decode().split("\n")[:-1]
    if not len(sources) == len(references) == len(hypotheses):
        return result  # prepared again since: the scores stand, their sentences are gone
    rows = [
        {
            "number": number,
            "source": shortened(source, SHOWN_CHARACTERS),
            "length": len(source),
            "translation": hypothesis,
            "reference": reference,
            "chrf": sentence_chrf(hypothesis, reference),
        }
        for number, (source, hypothesis, reference) in enumerate(
            zip(sources, hypotheses, references, strict=True), start=1
        )
    ]
    shown = min(SAMPLES, len(rows))
    picks = [int((i + 0.5) * len(rows) / shown) for i in range(shown)]
    bars = [0] * 20
    for row in rows:
        bars[min(19, int(row["chrf"] // 5))] += 1
    result["rows"] = [rows[i] for i in picks]
    result["worst"] = sorted(rows, key=lambda row: (row["chrf"], -row["length"]))[:WORST]
    result["by_length"] = by_length(rows)
    result["chrf_bars"] = [(5 * i, 5 * i + 5, count) for i, count in enumerate(bars)]
    return result


# What a check of `electra translate` means when it flags a sentence.
FLAGS = {
    "empty_translation": "the model has no words for the sentence",
    "lost_span": "an address, placeholder, code or tag of the source is not in the translation",
    "added_span": "an address, placeholder, code or tag is not in the source",
    "lost_number": "a number of the source is not in the translation",
    "added_number": "a number is not in the source",
    "length_ratio": "far longer or shorter than the source",
    "repetition": "the same words over and over",
    "untranslated": "a copy of the source",
    "wrong_language": "probably in another language",
    "replaced_tokens": "words that the pretrained discriminator takes for replaced",
    "spans_in_source_order": "put together from parts, in the order of the source",
    "tags_in_pieces": "put together from what lies between its tags",
}


def translated(output: str | None) -> dict[str, Any] | None:
    """What `electra translate` says of the documents that it has finished in a folder: counts, and
    its checks where it made them."""
    manifest = files.read_json(files.join(output, "_electra", "manifest.json")) if output else {}
    if not manifest:
        return None
    checks = manifest.get("certificate")
    return {
        "counts": manifest["counts"],
        "rejected": sum(manifest["counts"]["rejected"].values()),
        "segments": manifest["segments"],
        "checks": checks,
        "flags": [
            {"name": name, "meaning": FLAGS.get(name, ""), "segments": count}
            for name, count in (checks or {}).get("flags", {}).items()
        ],
    }


def shortened(text: str, limit: int) -> str:
    """A text, or the beginning of a longer one and how long it is."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text):,} characters)"


def by_length(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean sentence chrF of short and long sources (in characters, which every script has)."""
    bounds = [(1, 15), (16, 30), (31, 60), (61, 120), (121, None)]
    groups: list[list[float]] = [[] for _ in bounds]
    for row in rows:
        length = row["length"]
        index = next(i for i, (_, most) in enumerate(bounds) if most is None or length <= most)
        groups[index].append(row["chrf"])
    return [
        {
            "label": f"{least}–{most}" if most else f"over {least - 1}",
            "sentences": len(group),
            "chrf": sum(group) / len(group),
        }
        for (least, most), group in zip(bounds, groups, strict=True)
        if group
    ]


def attention(workdir: str) -> dict[str, Any] | None:
    """One sentence's attention: the mean over the heads of the last layer, and every head small.

    Each map is a list of rows, one per piece that attends, of weights from 0 to 1. `flow` is None
    where the evaluation did not measure it.
    """
    found = files.read_json(files.join(workdir, "evaluation", "attention.json"))
    if not found.get("cross"):
        return None
    mean = [_mean_of(cells) for cells in zip(*found["cross"][-1], strict=True)]
    return {
        **{key: found[key] for key in ("source", "translation", "reference")},
        "source_pieces": [piece_label(piece) for piece in found["source_pieces"]],
        "target_pieces": [piece_label(piece) for piece in found["target_pieces"]],
        "mean": mean,
        "cross": found["cross"],
        "encoder": found.get("encoder", []),
        "flow": flow(found["flow"]) if found.get("flow") else None,
    }


def flow(found: dict[str, Any]) -> dict[str, Any]:
    """What reaches the pieces of the output, as maps like those of `attention`, layer by layer.

    `through` is of all layers: what came from the source, divided over its pieces (how much that is
    beside the output so far is decided by rollout's halves alone). `current` is of the last layer.
    """
    return {
        "through": [[cell / sum(row) for cell in row] for row in found["from_source"][-1]],
        "current": found["current"][-1],
        "layers": [
            ("encoder, from source to source", "after", found["encoder"]),
            ("decoder, from source to output", "after", found["from_source"]),
            ("current, from source to output", "in", found["current"]),
        ],
    }


def _mean_of(rows: Iterable[list[float]]) -> list[float]:
    """The mean row of several."""
    return [sum(column) / len(column) for column in zip(*rows, strict=True)]


def piece_label(piece: str) -> str:
    """A vocabulary piece as a person reads it: a dash in front when it continues a word."""
    names = {"</s>": "⏎", "<s>": "start", "<unk>": "?", "▁": "␣"}
    if piece in names:
        return names[piece]
    if piece.startswith("▁"):
        return piece[1:].replace("▁", "␣")
    first = piece[:1]
    # Scripts that write no spaces have no words to continue.
    continues = first.isalpha() and ord(first) < 0x0E00
    return ("‑" if continues else "") + piece.replace("▁", "␣")


def run(workdir: str) -> dict[str, Any] | None:
    """`run.json`: its finished stages as rows, the rest by section."""
    record = files.read_json(files.join(workdir, "run.json"))
    if not record:
        return None
    stages = record.pop("stages", None)
    finished = [
        {
            "name": name,
            "status": str(stage.get("status", "")),
            "started": str(stage.get("started", "")).replace("T", " ")[:16],
            "seconds": stage["seconds"],
            "memory": stage.get("peak_memory_bytes"),
        }
        for name, stage in (stages if isinstance(stages, dict) else {}).items()
        if isinstance(stage, dict) and isinstance(stage.get("seconds"), int | float)
    ]
    longest = max((stage["seconds"] for stage in finished), default=0) or 1
    for stage in finished:
        stage["of_longest"] = stage["seconds"] / longest
    sections = {key: value for key, value in record.items() if isinstance(value, dict) and value}
    single = {key: value for key, value in record.items() if not isinstance(value, dict | list)}
    return {"stages": finished, "sections": sections, "single": single}
