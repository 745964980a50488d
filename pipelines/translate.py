"""The translation pipeline: document sets -> the same document sets with translations.

    units -> sentences -> RunInference -> rows in the input's form, committed -> files -> places,
    manifest

Only units without a receipt go through Beam. What travels between its steps is small: bulk lies in
part files. The same plan gives the same bytes on every runner, with any number of workers, however
often it was interrupted.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.pvalue import AsIter, PCollection

from electra_model.errors import InputError, WorkError

from . import files, inference, tasks, units
from .config import TranslateConfig
from .formats import registry
from .formats.lines import LONGEST_LINE, TOO_LARGE
from .inference import (
    Outcome,
    TranslationHandler,
    TranslationModel,
    UnitText,
    UnitTranslation,
)
from .memory import memory
from .mirrors import mirror, mirror_parquet, whole_files
from .mirrors.mirror import Answer
from .quality import certificate, replaced_tokens
from .quality.quality import Checker
from .texts import segmentation, whole_texts
from .translation import (
    details,
    planned_files,
    second_tries,
    translation_engine,
    translation_output,
)
from .translation.earlier_outputs import working
from .translation.outcome import mean_score
from .translation.translation_inputs import DELIMITERS, InputFile
from .translation.translation_plan import PlannedUnit, TranslatePlan, plan_translate

__all__ = ["TranslatePlan", "build_translate", "plan_translate"]

# How much of a rejected row the log shows.
_SHOWN = 500


@dataclasses.dataclass(frozen=True)
class _Row:
    """One row of a unit while it is away: its bytes, and the gaps of its text or the reason why
    there is none."""

    raw: bytes
    gaps: tuple[str, ...]
    reason: str | None


@dataclasses.dataclass(frozen=True)
class _UnitRows:
    planned: PlannedUnit
    rows: tuple[_Row, ...]


def build_translate(
    pipeline: beam.Pipeline,
    config: TranslateConfig,
    plan: TranslatePlan,
    load: Callable[[str], TranslationModel] | None = None,
) -> PCollection:
    """Adds the pipeline that carries out a plan. Its one element is the manifest's counts.

    Args:
      config: the settings that the plan was made from.
      load: model folder -> model, called once in each process that translates; by default that of
        the engine.
    """
    if plan.complete:
        return pipeline | "NothingToDo" >> beam.Create([{"complete": True}])
    task, language, target = (
        plan.settings["model"][key] or "" for key in ("task", "source_lang", "target_lang")
    )
    written = planned_files.write(plan)
    if written.pending:
        handler = handler_of(config, plan.settings, plan.output, load)
        done = (
            pipeline
            | "ListUnits" >> beam.Create(written.pending)
            | "OpenLists" >> beam.ParDo(planned_files.ReadUnitsFn(plan.output, written.digest))
            | "SpreadUnits" >> beam.Reshuffle()
            | "ReadUnits" >> beam.ParDo(_ReadUnitFn(config.text_field, language, task, target))
            | "Translate" >> RunInference(handler)
            | "CommitUnits" >> beam.ParDo(_CommitUnitFn(config, plan.output, task))
        )
    else:
        done = pipeline | "NoUnits" >> beam.Create([""])
    # The parts are on disk: the last steps need to know no more than that there are all of them.
    small = dataclasses.replace(plan, made=(), pending=())
    made = (
        pipeline
        | "ListFiles" >> beam.Create(written.numbers)
        | "SpreadFiles" >> beam.Reshuffle()
        | "AssembleFiles" >> beam.Map(_assemble, small, written.digest, AsIter(done))
    )
    return pipeline | "Start" >> beam.Create([small]) | "Finish" >> beam.Map(_finish, AsIter(made))


def handler_of(
    config: TranslateConfig,
    settings: dict[str, Any],
    output: str,
    load: Callable[[str], TranslationModel] | None = None,
) -> TranslationHandler:
    """What translates units in a process, under the settings of a plan (`TranslatePlan.settings`).
    load: as of `build_translate`."""
    return TranslationHandler(
        str(config.model),
        settings["model"]["fingerprint"],
        translation_engine.decoding_of(config),
        config.unit_segments,
        load or translation_engine.loader(config, output),
        settings["model"]["task"] or "",
        settings["model"]["source_lang"] or "",
        memory.place_of(config, output, settings),
        _guard(config, settings["model"]),
        functools.partial(details.told, wanted=config.details) if config.details else None,
        _judge(settings),
    )


def _guard(config: TranslateConfig, model: dict[str, Any]) -> inference.Guard | None:
    """What checks the outcomes of a model that `model.json` describes so; None where nothing is to
    be checked."""
    if not config.checks.enabled:
        return None
    languages = [model[key] or "" for key in ("source_lang", "target_lang")]
    return functools.partial(
        second_tries.guarded, checker=Checker(config.checks, model["task"], *languages)
    )


def _judge(settings: dict[str, Any]) -> inference.Judge | None:
    """What the model's discriminator says of translations; None where a plan does not ask it."""
    bound = settings.get("checks", {}).get(replaced_tokens.FLAG, False)
    return None if bound is False else functools.partial(replaced_tokens.judged, bound=bound)


def _assemble(number: int, plan: TranslatePlan, digest: str, done) -> dict[str, Any]:
    del done  # waited for
    return translation_output.assemble(planned_files.read(plan.output, number, digest), plan)


def _finish(plan: TranslatePlan, made) -> dict[str, Any]:
    return translation_output.finish(plan, made)["counts"]


class _ReadUnitFn(beam.DoFn):
    """`PlannedUnit` -> `UnitText`: sentences, or whole texts, of all rows, which are its context.
    Never drops a row."""

    def __init__(
        self, text_field: str, language: str, task: str | None = None, target: str = ""
    ) -> None:
        self._text_field = text_field
        self._language = language
        self._task = task
        self._target = target

    def process(self, element: PlannedUnit) -> Iterator[UnitText]:
        """Reads one unit."""
        yield read_unit(element, self._text_field, self._language, self._task, self._target)


def read_unit(
    planned: PlannedUnit, text_field: str, language: str, task: str | None, target: str
) -> UnitText:
    """What is to be translated of one unit; it knows all of its rows. The others: see
    `TranslatePlan.settings`, of the model."""
    if whole_files.is_document(planned.file):
        return whole_files.read(planned, language, target)
    whole = tasks.of(task).whole_texts
    segments: list[str] = []
    rows = []
    for raw, text, error in _rows(planned, text_field):
        if text is None:
            rows.append(_Row(raw, (), error or "missing_field"))
            continue
        layout = whole_texts.lay_out(text) if whole else segmentation.split_text(text, language)
        segments += layout.segments
        rows.append(_Row(raw, layout.gaps, None))
    return UnitText(tuple(segments), _UnitRows(planned, tuple(rows)))


def _rows(planned: PlannedUnit, text_field: str) -> Iterator[tuple[bytes, str | None, str | None]]:
    """(raw, text, error) of each row of a unit; raw is empty for Parquet."""
    file = planned.file
    lines = file.format != "parquet"
    try:
        if files.size(file.path) != file.bytes:
            raise WorkError(f"{file.path}: changed while it was being translated; run again")
        batches = registry.read(
            planned.unit, [text_field], raw=lines, header=file.header is not None
        )
        for batch in batches:
            # By place, not by name: the text's field may be called "row", "error" or "raw" itself.
            texts = batch.columns[-1].to_pylist()
            errors = batch.columns[1].to_pylist()
            raws = batch.columns[2].to_pylist() if lines else [b""] * len(texts)
            if lines and TOO_LARGE in errors:
                # Its bytes are not there to be mirrored.
                raise InputError(
                    f"{file.path}: a line is longer than {LONGEST_LINE >> 20} MiB, which is not "
                    "translated; break it into lines, or take it out"
                )
            yield from zip(raws, texts, errors, strict=True)
    except OSError as error:
        raise WorkError(
            f"{file.path}: cannot be read any more: {error.strerror or error}; run again"
        ) from None


class _CommitUnitFn(beam.DoFn):
    """`UnitTranslation` -> the unit's key, once its part and receipt are on disk."""

    def __init__(self, config: TranslateConfig, output: str, task: str | None = None) -> None:
        self._output_field = config.output_field
        self._certifies = config.checks.enabled
        self._detailed = config.details is not None
        self._compares = not tasks.of(task).whole_texts
        self._folder = working(output, "units")

    def process(self, element: UnitTranslation) -> Iterator[str]:
        """Renders and commits one unit."""
        if isinstance(element.context, whole_files.DocumentText):
            key = element.context.planned.key
            compares = self._compares if self._certifies else None
            made = whole_files.rendered(element, compares, detailed=self._detailed)
            units.commit(self._folder, key, key, *made)
            yield key
            return
        context: _UnitRows = element.context
        planned = context.planned
        answers = list(_answers(element, context.rows))
        if planned.file.format == "parquet":
            rendered = mirror_parquet.part(planned.unit, answers, self._output_field)
        else:
            rendered = b"".join(
                _render(planned.file, row.raw, answer, self._output_field)
                for row, answer in zip(context.rows, answers, strict=True)
            )
        rejected = Counter(answer.reason for answer in answers if answer.reason is not None)
        parts = {"rows": rendered, "rejected": b"".join(_rejected(context.rows, answers))}
        sums = {}
        checked = list(_checked(element, context.rows, answers))
        if self._certifies:
            made = certificate.of_rows(checked, self._compares)
            parts["certificate"], sums["certificate"] = made
        if self._detailed:
            parts["details"] = details.of_rows(checked, element.details)
        units.commit(
            self._folder,
            planned.key,
            planned.key,
            parts,
            {
                "in": len(answers),
                "out": len(answers) - sum(rejected.values()),
                "rejected": dict(sorted(rejected.items())),
                "segments": len(element.outcomes),
                **({"cut": sum(element.cut)} if element.cut else {}),
                "bytes": sum(len(row.raw) for row in context.rows),
                **sums,
            },
        )
        yield planned.key


def _answers(element: UnitTranslation, rows: tuple[_Row, ...]) -> Iterator[Answer]:
    """One answer for each row: its segments' translations within its gaps, and the mean of their
    scores."""
    start = 0
    for row in rows:
        if row.reason is not None:
            yield Answer(None, None, row.reason)
            continue
        stop = start + len(row.gaps) - 1
        outcomes = element.outcomes[start:stop]
        if not all(outcome.translation for outcome in outcomes):
            yield Answer(None, None, "empty_translation")  # a sentence would be lost
        else:
            text = segmentation.join_text(row.gaps, [one.translation for one in outcomes])
            cut = any(element.cut[start:stop])
            score = mean_score([one.score for one in outcomes])
            yield Answer(text, score, note=certificate.note_of(outcomes, cut))
        start = stop


def _checked(
    element: UnitTranslation, rows: tuple[_Row, ...], answers: list[Answer]
) -> Iterator[tuple[tuple[str, ...], tuple[Outcome, ...], Answer]]:
    """Of each row its segments, what has become of them, and the answer."""
    start = 0
    for row, answer in zip(rows, answers, strict=True):
        stop = start + (0 if row.reason is not None else len(row.gaps) - 1)
        yield element.segments[start:stop], element.outcomes[start:stop], answer
        start = stop


def _render(file: InputFile, raw: bytes, answer: Answer, output_field: str) -> bytes:
    if file.format == "text":
        return mirror.text_line(raw, answer)
    if file.format == "jsonl":
        return mirror.jsonl_row(raw, answer, output_field)
    return mirror.delimited_row(
        raw, answer, DELIMITERS[file.format], file.columns, quoting=file.format == "csv"
    )


def _rejected(rows: tuple[_Row, ...], answers: list[Answer]) -> Iterator[bytes]:
    """Lines of the log; rows are counted from 1 within the unit."""
    for number, (row, answer) in enumerate(zip(rows, answers, strict=True), start=1):
        if answer.reason is not None:
            record: dict[str, Any] = {"row": number, "rule": answer.reason}
            if row.raw:
                shown = row.raw[:_SHOWN].decode("utf-8", errors="backslashreplace")
                record["raw"] = shown.rstrip("\r\n")
            yield json.dumps(record, ensure_ascii=False).encode() + b"\n"
