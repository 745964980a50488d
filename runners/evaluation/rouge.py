"""ROUGE of texts against references (Lin 2004): F1 of shared words, word pairs, and of the longest
common subsequence.

Written out here, because the packages that compute it know the letters a to z alone and bring a
stemmer with them. Words are lower-cased and not stemmed; signs of scripts that are written without
spaces are words of their own. On English text the numbers are those of `rouge-score` without its
stemmer, which a test holds them against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipelines.splitting.overlap import ngrams

SIGNATURES = {
    "rouge1": "n:1|f1|mean|case:lc|stem:no",
    "rouge2": "n:2|f1|mean|case:lc|stem:no",
    "rougeL": "lcs|f1|mean|case:lc|stem:no",
}


def corpus_rouge(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """`{"rouge1", "rouge2", "rougeL"}`: means over the n pairs of texts, from 0 to 100."""
    found = [text_rouge(*pair) for pair in zip(hypotheses, references, strict=True)]
    return {name: sum(scores[name] for scores in found) / max(1, len(found)) for name in SIGNATURES}


def text_rouge(hypothesis: str, reference: str) -> dict[str, float]:
    """The three scores of one text, from 0 to 100; 0 where either text has no word."""
    words = [ngrams(text.replace("_", " "), 1) for text in (hypothesis, reference)]
    pairs = [list(zip(some, some[1:], strict=False)) for some in words]
    return {
        "rouge1": _f1(_shared(*words), *words),
        "rouge2": _f1(_shared(*pairs), *pairs),
        "rougeL": _f1(longest_common(*words), *words),
    }


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest sequence of words that both have in this order, gaps allowed.

    By bits, a row of the usual table being one number (Hyyrö 2004): texts have hundreds of words.

    >>> longest_common("the cat sat on it".split(), "the dog sat on the cat".split())
    3
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(first)) - 1
    row = whole
    for word in second:
        matches = row & places.get(word, 0)
        row = (row + matches | row - matches) & whole
    return len(first) - row.bit_count()


def _shared(first: Sequence, second: Sequence) -> int:
    return (Counter(first) & Counter(second)).total()


def _f1(shared: int, hypothesis: Sequence, reference: Sequence) -> float:
    if not shared:
        return 0.0
    return 200 * shared / (len(hypothesis) + len(reference))
