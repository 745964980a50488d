"""A document as a unit of work: its sentences before the model, and its bytes behind it.

The whole file is one unit, for its form cannot be cut: a run that is killed begins it anew. It is
taken apart twice, before and after the model, so that no document travels through Beam.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from electra_model.errors import InputError, WorkError

from .. import files, tasks
from ..inference import UnitText, UnitTranslation
from ..quality import certificate
from ..translation import details
from ..translation.translation_inputs import InputFile
from ..units import Unit
from . import registry
from .mirror import Answer
from .skeleton import Skeleton, Text

if TYPE_CHECKING:
    from ..translation.translation_plan import PlannedUnit

# The text has a translation, but its tags or its line would not be those of the source.
STRUCTURE_LOST = "structure_lost"

# How much of a rejected text the log shows.
_SHOWN = 500


@dataclasses.dataclass(frozen=True)
class DocumentText:
    """What is to be known of a document while it is away."""

    planned: PlannedUnit
    source: str
    target: str


def is_document(file: InputFile) -> bool:
    """Whether a file is translated inside."""
    return file.format in registry.FORMATS


def unit_of(file: InputFile) -> Unit:
    """The one unit of a document."""
    return Unit(0, "whole", file.plain, file.format, None, 0, -1, file.bytes, "translate")


def check(file: InputFile, model: dict[str, Any]) -> None:
    """Raises `InputError` when a document cannot be translated with a model.

    Args:
      model: its card, of which task and languages are looked at.
    """
    if tasks.of(model.get("task")).whole_texts:
        raise InputError(
            f"{file.path}: is a document, which keeps its form when it is translated; the task of "
            f"the model is to {model['task']}: give it text, or rows of JSONL"
        )
    if file.bytes:
        _taken_apart(file, model.get("source_lang") or "", model.get("target_lang") or "")


def read(planned: PlannedUnit, source: str, target: str) -> UnitText:
    """The sentences of a document. Raises `WorkError` when it has changed since the plan."""
    skeleton = _taken_apart(planned.file, source, target)
    segments = tuple(segment for text in skeleton.texts for segment in text.segments)
    return UnitText(segments, DocumentText(planned, source, target))


def rendered(
    element: UnitTranslation, compares: bool | None = None, *, detailed: bool = False
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The parts of a document's unit, and the facts of its receipt: each text counts as a row.

    `compares`: of `certificate.of_rows`; None where there is to be no certificate.
    `detailed`: whether its details are wanted.

    Raises `WorkError` when the document has changed since it was read.
    """
    context: DocumentText = element.context
    file = context.planned.file
    skeleton = _taken_apart(file, context.source, context.target)
    if sum(len(text.segments) for text in skeleton.texts) != len(element.outcomes):
        raise WorkError(f"{file.path}: changed while it was being translated; run again")
    answers = []
    log = []
    reasons: Counter[str] = Counter()
    checked = []
    start = 0
    for number, text in enumerate(skeleton.texts, start=1):
        stop = start + len(text.segments)
        outcomes = element.outcomes[start:stop]
        translations = [outcome.translation for outcome in outcomes]
        start = stop
        rule = None
        answer = text.answer(translations) if all(translations) else None
        answers.append(answer)
        if answer is None:
            rule = STRUCTURE_LOST if all(translations) else "empty_translation"
            reasons[rule] += 1
            log.append(_line(number, rule, text))
        shown = "".join(translations) if rule is None else None
        checked.append((text.segments, outcomes, Answer(shown, reason=rule)))
    facts = {
        "in": len(answers),
        "out": len(answers) - reasons.total(),
        "rejected": dict(sorted(reasons.items())),
        "segments": len(element.outcomes),
        "bytes": files.size(file.plain),
    }
    parts = {"rows": skeleton.put_together(answers), "rejected": b"".join(log)}
    if compares is not None:
        parts["certificate"], facts["certificate"] = certificate.of_rows(checked, compares)
    if detailed:
        parts["details"] = details.of_rows(checked, element.details)
    return parts, facts


def _taken_apart(file: InputFile, source: str, target: str) -> Skeleton:
    try:
        size = files.size(file.plain)
        # One byte more tells that it is too large.
        with files.open_read(file.plain) as stream:
            data = stream.read(min(size, registry.LARGEST + 1))
    except OSError as error:
        raise WorkError(
            f"{file.path}: cannot be read any more: {error.strerror or error}; run again"
        ) from None
    if file.plain == file.path and size != file.bytes:
        raise WorkError(f"{file.path}: changed while it was being translated; run again")
    return registry.take_apart(file.format, data, file.path, source, target)


def _line(number: int, rule: str, text: Text) -> bytes:
    shown = text.source[:_SHOWN].rstrip("\r\n")
    record = {"row": number, "line": text.line, "rule": rule, "raw": shown}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"
