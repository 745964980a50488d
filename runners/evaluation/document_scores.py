"""Scores of whole translated documents against reference translations.

JSONL files carry their reference in a field of each row; a text file has a file of the same name,
line by line, in a folder of references. Where source, translation and reference of a document have
equally many lines, the lines are the segments that are scored; otherwise the document is one
segment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from electra_model.errors import InputError, WorkError
from pipelines import files

from ..jobs.job import JobConfig
from .evaluation import one_line, to_json
from .scores import compared_with_copying

SHOWN_DOCUMENTS = 3  # kept whole in scores.json, for the report
SHOWN_LINES = 12


class Document(NamedTuple):
    """One document three times, as lists of lines. `translation` is empty where there is none."""

    name: str
    source: list[str]
    translation: list[str]
    reference: list[str]


def score_documents(
    output: str,
    references: str | None = None,
    *,
    sources: str,
    target_lang: str,
    text_field: str = "text",
    output_field: str = "translation",
    reference_field: str = "reference",
) -> dict[str, Any]:
    """Scores what lies in a folder written by `electra translate`.

    Args:
      output: that folder; its .jsonl and .txt files are scored.
      references: folder with the reference of each .txt file under the same name.
      sources: folder with the .txt files that were translated.
      target_lang: decides how BLEU cuts words.
      text_field, output_field, reference_field: of JSONL rows.

    Returns `{"files", "documents", "segments", "untranslated", "model", "copy_source", "samples"}`;
    a document without a translation counts as an empty one. Raises `InputError` for a missing or
    misaligned file.
    """
    paths = [
        path for path in files.expand([output], "documents") if path.endswith((".jsonl", ".txt"))
    ]
    documents: list[Document] = []
    for path in paths:
        name = path.rsplit("/", 1)[-1]
        if path.endswith(".jsonl"):
            documents += _jsonl_documents(path, text_field, output_field, reference_field)
        elif references is not None:
            documents.append(_text_document(name, path, sources, references))
    if not documents:
        raise InputError(f"{output}: no .jsonl or .txt file with a reference to score against")
    segments = [segment for document in documents for segment in _segments(document)]
    source_side, translation_side, reference_side = (
        list(side) for side in zip(*segments, strict=True)
    )
    return {
        "files": len(paths),
        "documents": len(documents),
        "segments": len(segments),
        "untranslated": sum(not document.translation for document in documents),
        **compared_with_copying(source_side, translation_side, reference_side, target_lang),
        "samples": [_sample(document) for document in _spread(documents)],
    }


def evaluate_documents(job: JobConfig, references: str | None, sources: str) -> dict[str, Any]:
    """Scores the job's translated documents and adds them to `evaluation/scores.json`.

    Args:
      job: a `JobConfig`; its `workdir`, `target_lang` and `translate` are used.
      references, sources: see `score_documents`.
    """
    if job.translate.output is None:
        raise InputError("translate.output: no folder is named, so there are no documents to score")
    path = files.join(job.workdir, "evaluation", "scores.json")
    scores = files.read_json(path)
    if not scores:
        raise WorkError(
            f"{path}: not there or not readable; run `electra evaluate` before scoring documents"
        )
    result = score_documents(
        job.translate.output,
        references,
        sources=sources,
        target_lang=job.target_lang,
        text_field=job.translate.text_field,
        output_field=job.translate.output_field,
    )
    if scores.get("documents") != result:
        files.write_atomic(path, to_json({**scores, "documents": result}))
    return result


def _jsonl_documents(path: str, text: str, output: str, reference: str) -> Iterator[Document]:
    for number, line in enumerate(files.read_bytes(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not all(
            isinstance(row.get(key), str) for key in (text, reference)
        ):
            raise InputError(
                f"{path}, line {number}: expected text in the fields {text!r} and {reference!r}"
            )
        translation = row.get(output)
        yield Document(
            str(row.get("id", number)),
            row[text].split("\n"),
            translation.split("\n") if isinstance(translation, str) else [],
            row[reference].split("\n"),
        )


def _text_document(name: str, path: str, sources: str, references: str) -> Document:
    sides = {"source": files.join(sources, name), "reference": files.join(references, name)}
    for key, side in sides.items():
        if not files.exists(side):
            raise InputError(f"{side}: the {key} of {path} is not there")
    document = Document(name, _lines(sides["source"]), _lines(path), _lines(sides["reference"]))
    counts = {len(document.source), len(document.translation), len(document.reference)}
    if len(counts) > 1:
        raise InputError(
            f"{path}: has {len(document.translation)} lines, its source "
            f"{len(document.source)} and its reference {len(document.reference)}; "
            f"all three must be line by line"
        )
    return document


def _lines(path: str) -> list[str]:
    text = files.read_bytes(path).decode()
    return text.removesuffix("\n").split("\n")


def _segments(document: Document) -> list[tuple[str, str, str]]:
    """(source, translation, reference) of each line with a reference, or of the whole document."""
    source, translation, reference = document.source, document.translation, document.reference
    translation = translation or [""] * len(source)
    if not len(source) == len(translation) == len(reference):
        joined = (one_line("\n".join(side)) for side in (source, translation, reference))
        source, translation, reference = ([side] for side in joined)
    return [row for row in zip(source, translation, reference, strict=True) if row[2].strip()]


def _spread(documents: list[Document]) -> list[Document]:
    """A few documents from all over the list: the same in every run, not chosen by score."""
    step = max(1, len(documents) // SHOWN_DOCUMENTS)
    return documents[step // 2 :: step][:SHOWN_DOCUMENTS]


def _sample(document: Document) -> dict[str, Any]:
    rows = _segments(document)
    return {
        "name": document.name,
        "lines": len(rows),
        "rows": [list(row) for row in rows[:SHOWN_LINES]],
    }
