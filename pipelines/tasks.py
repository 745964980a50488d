"""The tasks of a job, three uses of one trainer: what each takes for granted and others do not.

All of them learn pairs of a source and a target, in the same records. This table is the only place
that tells them apart; a key that a job file names itself always wins over `defaults`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from electra_model.errors import InputError


@dataclasses.dataclass(frozen=True)
class JobTask:
    """One task.

    Attributes:
      languages: 2, or 1 where source and target are in the same one.
      reads_texts: the files of `data` hold texts, which are cut into pairs (see `continuations`);
        otherwise they hold pairs.
      whole_texts: a text is one source, not a row of sentences. Of one that is longer than the
        model takes, the part at its `keeps` is read.
      outputs: what the model writes, in the plural, for people.
      output_field: the default of `translate.output_field`.
      defaults: section -> key -> value, where they are not those of the section's dataclass.
    """

    languages: Literal[1, 2]
    reads_texts: bool
    whole_texts: bool
    keeps: Literal["beginning", "end"]
    outputs: str
    output_field: str
    defaults: dict[str, dict[str, Any]]


# Rules about two sides that are to say the same: neither a summary nor a continuation does.
_SAME_MEANING = {"max_length_ratio": False, "placeholder_mismatch": False, "number_mismatch": False}
_LENGTHS_OF_TEXTS = {
    "model": {"max_length": 256},
    "train": {"buckets": (16, 24, 32, 48, 64, 96, 128, 192, 256)},
}

TASKS: dict[str, JobTask] = {
    "translate": JobTask(
        languages=2,
        reads_texts=False,
        whole_texts=False,
        keeps="beginning",
        outputs="translations",
        output_field="translation",
        defaults={},
    ),
    "summarise": JobTask(
        languages=1,
        reads_texts=False,
        whole_texts=True,
        keeps="beginning",
        outputs="summaries",
        output_field="summary",
        defaults={
            # A text is as long as it is; what the model sees of it is `long_sources`' business.
            "clean": {**_SAME_MEANING, "identical": False, "max_characters": False},
            "dataset": {"max_tokens": 256, "long_sources": "cut"},
            **_LENGTHS_OF_TEXTS,
        },
    ),
    "generate": JobTask(
        languages=1,
        reads_texts=True,
        whole_texts=True,
        keeps="end",
        outputs="continuations",
        output_field="continuation",
        defaults={
            "data": {"text_rows": "document"},
            "clean": _SAME_MEANING,
        },
    ),
}


def of(name: str | None, where: str = "task") -> JobTask:
    """The task of a name; None, as in models without one, is `translate`.

    Raises `InputError` that begins with `where` for a name that is not known.
    """
    found = TASKS.get(name or "translate")
    if found is None:
        raise InputError(f"{where}: {name} is not a task that is known: {', '.join(TASKS)}")
    return found


def in_words(name: str | None, source_lang: str | None, target_lang: str | None) -> str:
    """What a job or a model is for.

    >>> in_words("translate", "en", "de"), in_words("summarise", "en", "en")
    ('en-de', 'summarise en')
    """
    if name in (None, "translate"):
        return f"{source_lang}-{target_lang}"
    return f"{name} {source_lang}"


def with_defaults(values: dict[str, Any]) -> dict[str, Any]:
    """A job's values, section by section, with the defaults of its task under them.

    Where a task has one language, `target_lang` is `source_lang` unless it is named.
    """
    name = values.get("task", "translate")
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        # The job's own check says which are allowed, before what else may be missing.
        return {"target_lang": values.get("source_lang"), **values}
    filled = dict(values)
    field = {"translate": {"output_field": task.output_field}}
    for section, defaults in (task.defaults | field).items():
        filled[section] = {**defaults, **values.get(section, {})}
    if task.languages == 1 and "source_lang" in values:
        filled.setdefault("target_lang", values["source_lang"])
    return filled
