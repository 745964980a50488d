"""`electra demo`: the whole job on a real corpus, from nothing to a report. Can be killed anywhere
and started again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from electra_model.errors import InputError, WorkError
from pipelines import files

from .corpora.languages import canonical
from .jobs import folder_lock, recipe_files, stages, work
from .jobs.job import JobConfig, load_job
from .jobs.stages import STAGES
from .terminal.progress import clock, say

_CORPUS_RECIPE = "demo-corpus"
_JOB_RECIPE = "demo-job"


def run(target: str, folder: str, workers: int, write: Callable[[str], None]) -> dict[str, Any]:
    """Fetches the corpus, writes the job file, does all stages, scores the held-out documents.

    Args:
      target: the target language.
      folder: everything but the downloads (`corpus-cache` beside it) is made in it: corpus/,
        job.yaml, and the job's own work folder.
      workers: worker processes of the pipelines.
      write: takes the lines of the result.

    Returns the counts and scores.
    """
    started = time.monotonic()
    if files.is_remote(folder):
        raise InputError(f"--workdir: the demo works in a local folder; found {folder}")
    with folder_lock.locked(folder, "--workdir"):
        # The job file first: one for another language must be told before its corpus is replaced.
        job = _job(canonical(target), folder, workers)
        corpus = _corpus(target, folder)
        counts = work.do_stages(job, STAGES[:-1])
        documents = _score_documents(job, folder)
        counts |= work.do_stages(job, STAGES[-1:])
    return _summary(job, corpus, counts, documents, time.monotonic() - started, write)


def _corpus(target: str, folder: str) -> dict[str, Any]:
    from .corpora import corpus

    recipe = recipe_files.find(_CORPUS_RECIPE)
    # Beside the folder: another target language uses the same downloads.
    cache = os.path.join(os.path.dirname(os.path.abspath(folder)), "corpus-cache")
    facts = corpus.build_corpus(recipe, target, os.path.join(folder, "corpus"), cache, say)
    state = "complete already" if facts["already_complete"] else f"{facts['seconds']} s"
    say(f"corpus: {facts['pairs']['train']:,} training pairs for {facts['target_lang']} ({state})")
    return facts


def _job(target: str, folder: str, workers: int) -> JobConfig:
    """The job of `folder/job.yaml`, which is written when it is not there: it may be edited."""
    path = os.path.join(folder, "job.yaml")
    if not os.path.exists(path):
        text = recipe_files.fill(_JOB_RECIPE, FOLDER=_quoted(folder), TARGET=target)
        files.write_atomic(path, text.encode())
    job = load_job(path, [f"runner.workers={workers}"])
    if job.target_lang != target:
        raise InputError(
            f"{path}: is the job for {job.target_lang}, not for {target}; name another --workdir"
        )
    return job


def _quoted(folder: str) -> str:
    """As it stands between double quotes in YAML."""
    return json.dumps(folder.rstrip("/") or "/", ensure_ascii=False)[1:-1]


def _score_documents(job: JobConfig, folder: str) -> dict[str, Any] | None:
    """Scores of the translated documents; None where the job file was changed to have none."""
    if not job.translate.input or stages.BY_NAME["translate"].absent(job):
        return None
    from .evaluation import document_scores

    sources = os.path.join(folder, "corpus", "documents")
    return document_scores.evaluate_documents(job, os.path.join(sources, "references"), sources)


def _summary(
    job: JobConfig,
    corpus: dict[str, Any],
    counts: dict[str, Any],
    documents: dict[str, Any] | None,
    seconds: float,
    write: Callable[[str], None],
) -> dict[str, Any]:
    prepared, scores = counts["prepare"], counts["evaluate"]
    if prepared["in"] != prepared["out"] + sum(prepared["rejected"].values()):
        raise WorkError(f"prepare: the records do not add up: {prepared}")
    rejected = ", ".join(f"{rule} {n:,}" for rule, n in prepared["rejected"].items() if n)
    write("")
    left_out = corpus["in"] - corpus["out"]
    write(f"Corpus      {corpus['in']:,} strings = {corpus['out']:,} pairs + {left_out:,} left out")
    write(
        f"Prepared    {prepared['in']:,} records = {prepared['out']:,} kept + "
        f"{sum(prepared['rejected'].values()):,} rejected ({rejected or 'none'})"
    )
    _write_scores(write, "Test pairs", scores)
    result = {"workdir": job.workdir, "target": job.target_lang, "scores": _numbers(scores)}
    if documents is not None:
        _write_scores(write, "Documents", documents)
        translated = counts["translate"]
        write(
            f"Translated  {translated['in']:,} rows in, {translated['out']:,} translated, in "
            f"{job.translate.output}"
        )
        result["document_scores"] = _numbers(documents)
    write(f"Model       {job.path('model')}")
    write(f"Report      {job.path('report.html')}")
    write(f"Time        {clock(seconds)}")
    return result | {
        "prepare": prepared,
        "report": job.path("report.html"),
        "seconds": round(seconds, 1),
    }


def _numbers(scores: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {
        who: {metric: round(scores[who][metric]["score"], 2) for metric in ("bleu", "chrf")}
        for who in ("model", "copy_source")
    }


def _write_scores(write: Callable[[str], None], name: str, scores: dict[str, Any]) -> None:
    model, copy = _numbers(scores)["model"], _numbers(scores)["copy_source"]
    write(
        f"{name:<11} BLEU {model['bleu']:.1f}, chrF {model['chrf']:.1f} "
        f"(copying the source: BLEU {copy['bleu']:.1f}, chrF {copy['chrf']:.1f})"
    )
