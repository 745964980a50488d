"""`report.html`: one page a person can look at, that needs nothing but itself.

    dataset/ pretrain/ train/ model/ evaluation/ run.json  ->  report.html

The page is made anew each time, from files alone, in a few seconds. It has no script and asks for
nothing from anywhere; whatever text of the corpus it shows is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib import resources
from typing import Any, Literal

import jinja2
import markupsafe

from electra_model.errors import InputError
from pipelines import files, tasks

from ..evaluation.scores import PERPLEXITIES, SCORING
from ..jobs.job import JobConfig
from ..terminal.progress import size
from . import charts, report_corpus, report_sections, report_shards
from .charts import Series

Kind = Literal["noisy", "exact", "marks"]

_LANGUAGES: dict[str, str] = {
    pair[:2]: pair[3:]
    for pair in (
        "ar=Arabic bg=Bulgarian bn=Bengali ca=Catalan cs=Czech da=Danish de=German el=Greek "
        "en=English es=Spanish et=Estonian eu=Basque fa=Persian fi=Finnish fr=French "
        "gl=Galician he=Hebrew hi=Hindi hr=Croatian hu=Hungarian id=Indonesian is=Icelandic "
        "it=Italian ja=Japanese ko=Korean lt=Lithuanian lv=Latvian ms=Malay nb=Norwegian "
        "nl=Dutch no=Norwegian pl=Polish pt=Portuguese ro=Romanian ru=Russian sk=Slovak "
        "sl=Slovenian sr=Serbian sv=Swedish sw=Swahili ta=Tamil te=Telugu th=Thai tr=Turkish "
        "uk=Ukrainian vi=Vietnamese zh=Chinese"
    ).split()
}


def write_report(job: JobConfig) -> dict[str, Any]:
    """Writes `report.html` into the job's work folder. Returns its path, bytes and sections.

    Raises InputError when no stage of the job is complete, so that there is nothing to show.
    """
    page, present = render(
        job.workdir,
        source_lang=job.source_lang,
        target_lang=job.target_lang,
        task=job.task,
        pretrain_skipped=job.pretrain.skipped,
        train_skipped=job.train.skipped,
        output=job.translate.output,
    )
    if not {*present} - {"run"}:
        trouble = report_corpus.last_trouble(job.workdir)
        raise InputError(
            f"{job.workdir}: holds nothing to report on yet; run `electra prepare` or `electra run`"
            + (f"; the last prepare {trouble}" if trouble else "")
        )
    path = files.join(job.workdir, "report.html")
    data = page.encode()
    files.write_atomic(path, data)
    return {"report": path, "bytes": len(data), "sections": present}


def render(
    workdir: str,
    *,
    source_lang: str,
    target_lang: str,
    task: str = "translate",
    pretrain_skipped: bool = False,
    train_skipped: bool = False,
    output: str | None = None,
) -> tuple[str, list[str]]:
    """The page, and the names of the sections that there was something to say in. `output`: the
    folder of translated documents."""
    sections = {
        "evaluation": report_sections.evaluation(workdir),
        "translated": report_sections.translated(output),
        "corpus": report_corpus.corpus(workdir),
        "pretraining": report_sections.training(workdir, "pretrain"),
        "training": report_sections.training(workdir, "train"),
        "attention": report_sections.attention(workdir),
        "model": report_sections.model(workdir),
        "run": report_sections.run(workdir),
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("runners.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (number, percent, duration, size, rounded, words, language, shade, cells, highest)
    for function in filters:
        environment.filters[function.__name__] = function
    environment.filters["fact"] = fact
    style = resources.files("runners.report").joinpath("templates/report.css").read_text("utf-8")
    page = environment.get_template("report.html.j2").render(
        **sections,
        charts={name: markupsafe.Markup(svg) for name, svg in draw(sections).items() if svg},
        style=markupsafe.Markup(style),
        source_lang=source_lang,
        target_lang=target_lang,
        task=tasks.of(task),
        output=tasks.of(task).output_field,
        items="texts" if tasks.of(task).whole_texts else "sentences",
        scoring=SCORING[task],
        main=next(iter(SCORING[task].metrics)),
        baseline=SCORING[task].baseline_title.lower(),
        perplexities=PERPLEXITIES,
        workdir=workdir,
        pretrain_skipped=pretrain_skipped,
        train_skipped=train_skipped,
    )
    return page, [name for name, content in sections.items() if content]


def draw(sections: dict[str, Any]) -> dict[str, str]:
    """All charts as SVG, by name; "" where there is nothing to draw."""
    drawn: dict[str, str] = {}
    if pretraining := sections["pretraining"]:
        rows = pretraining["updates"]
        drawn["pretrain_loss"] = charts.curves(
            [
                _series(rows, "generator_loss", "generator"),
                _series(rows, "discriminator_loss", "discriminator"),
            ],
            label="Losses of the pretraining",
            from_zero=True,
        )
        drawn["pretrain_accuracy"] = charts.curves(
            [
                _series(rows, "generator_accuracy", "generator"),
                _series(rows, "discriminator_accuracy", "discriminator"),
                _series(rows, "discriminator_recall", "replaced tokens found"),
                _series(rows, "discriminator_precision", "alarms that were right"),
            ],
            label="Accuracies of the pretraining",
            percent=True,
        )
        drawn["pretrain_speed"] = _speed(rows, "pretraining")
        drawn["pretrain_rate"] = _rate(rows, "pretraining")
        drawn["pretrain_temperature"] = charts.curves(
            [_series(rows, "temperature", "temperature", kind="exact")],
            label="Temperature of the replacements",
        )
    if training := sections["training"]:
        rows, checks = training["updates"], training["validations"]
        drawn["train_loss"] = charts.curves(
            [
                _series(rows, "loss", "training"),
                _series(checks, "valid_loss", "validation", kind="marks"),
            ],
            label="Loss of the training",
        )
        drawn["train_accuracy"] = charts.curves(
            [
                _series(rows, "accuracy", "training"),
                _series(checks, "valid_accuracy", "validation", kind="marks"),
            ],
            label="Share of target tokens predicted right",
            percent=True,
        )
        drawn["train_speed"] = _speed(rows, "training")
        drawn["train_rate"] = _rate(rows, "training")
    if corpus := sections["corpus"]:
        for split, sides in corpus["lengths"].items():
            drawn[f"lengths_{split}"] = charts.histogram(
                sides, label=f"Tokens per record in {split}", x_label="tokens"
            )
        for split in corpus["splits"]:
            if split["shards"] >= report_shards.CHARTED:
                drawn[f"shards_{split['name']}"] = charts.steps(
                    split["sizes"],
                    label=f"Sizes of the shards of {split['name']}",
                    x_label="shard",
                    name=size,
                )
    if evaluation := sections["evaluation"]:
        drawn["chrf"] = charts.histogram(
            {"sentences": evaluation["chrf_bars"]},
            label="Sentences by chrF",
            x_label="chrF of the sentence",
        )
    return drawn


def _series(rows: Iterable[dict[str, Any]], key: str, name: str, *, kind: Kind = "noisy") -> Series:
    found = [(row["step"], row[key]) for row in rows if isinstance(row.get(key), int | float)]
    return Series(name, [step for step, _ in found], [value for _, value in found], kind)


def _speed(rows: Iterable[dict[str, Any]], stage: str) -> str:
    speed = _series(rows, "tokens_per_second", "tokens per second")
    return charts.curves([speed], label=f"Tokens per second of the {stage}", from_zero=True)


def _rate(rows: Iterable[dict[str, Any]], stage: str) -> str:
    rate = _series(rows, "learning_rate", "learning rate", kind="exact")
    return charts.curves([rate], label=f"Learning rate of the {stage}", from_zero=True)


def number(value: Any, digits: int | None = None) -> str:
    """1234567 -> "1,234,567"; 0.0012 -> "0.0012"; what is no number comes back as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "not a number"
    if digits is not None:
        return f"{value:,.{digits}f}"
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"


def percent(share: float) -> str:
    """0.1234 -> "12.3%"; a share that is not zero never reads as zero."""
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{share:.1%}"


def duration(seconds: float) -> str:
    """75 -> "1 min 15 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    if minutes < 60:
        return f"{round(seconds / 60)} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def fact(value: Any, key: str) -> str:
    """A value of `run.json` or `model.json` as its key says to read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and key.endswith("bytes"):
        return size(value)
    if isinstance(value, int | float) and key.endswith("seconds"):
        return duration(value)
    if isinstance(value, float) and value < 1:
        return f"{value:g}"
    return "–" if value is None else number(value)


def rounded(count: float) -> str:
    """5123456 -> "5.1 M"."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= scale:
            return (
                f"{count / scale:.3g} {unit}"
                if count >= 10 * scale
                else f"{count / scale:.1f} {unit}"
            )
    return f"{count:.0f}"


def words(name: str) -> str:
    """`max_length_ratio` -> `max length ratio`."""
    return name.removesuffix("_bytes").removesuffix("_seconds").replace("_", " ")


def language(code: str) -> str:
    """`pt-BR` -> `Portuguese (BR)`; a code that is not known stays as it is."""
    base, _, rest = code.replace("_", "-").partition("-")
    name = _LANGUAGES.get(base.lower())
    if name is None:
        return code
    return f"{name} ({rest})" if rest else name


def shade(weight: float, most: float | None = None) -> str:
    """A share as a colour from paper to blue: small ones can be told from none. `most`, where it is
    given, is as dark as can be, and colours grow evenly, so that large ones can be told apart."""
    depth = min(1.0, max(0.0, weight)) ** 0.7 if most is None else min(1.0, weight / most)
    paper, blue = (243, 241, 236), (43, 92, 158)
    mixed = (round(p + depth * (b - p)) for p, b in zip(paper, blue, strict=True))
    return "rgb({}, {}, {})".format(*mixed)


def cells(rows: list[list[float]], most: float = 1.0) -> list[tuple[int, int, float]]:
    """(column, row, weight as a share of `most`) of the cells of a map that would be seen."""
    return [
        (x, y, cell / most)
        for y, row in enumerate(rows)
        for x, cell in enumerate(row)
        if cell >= 0.04 * most
    ]


def highest(rows: list[list[float]]) -> float:
    """The largest weight of a map, which its colours are scaled by."""
    return max((cell for row in rows for cell in row), default=0.0) or 1.0
