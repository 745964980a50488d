"""Training sources that share long stretches with held-out sources: `clean.overlap`.

Two sources that are equal but for case and digits are found by `leak`. This finds the others: of a
training source's word n-grams, the share that also stands in a source of the validation or test
data. The measure is that of Brown et al. 2020 (arXiv:2005.14165, appendix C) and its successors,
as containment (Broder 1997). The n-grams of the held-out sets are kept in memory: those sets are
small. Records that are split off the training data for validation are such a set, see `held_out`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

import numpy as np

from .. import records

# Words, and single characters of scripts that are written without spaces: Thai, Lao, Burmese,
# Khmer, kana and Han. Case and punctuation do not count.
_WORD = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af]|[^\\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+"
)


def ngrams(text: str, words: int) -> list[str]:
    """The n-grams of a text, in order; none if it has fewer words.

    >>> ngrams("One, two: three!", 2)
    ['one two', 'two three']
    """
    found = _WORD.findall(text.lower())
    return [" ".join(found[i : i + words]) for i in range(len(found) - words + 1)]


def all_ngrams(texts: Iterable[str], words: int) -> frozenset[str]:
    """The n-grams of all texts."""
    return frozenset(ngram for text in texts for ngram in ngrams(text, words))


def shares(texts: Sequence[str], held_out: frozenset[str], words: int) -> np.ndarray:
    """float64 [n]: of each text's n-grams the share that is held out; 0 for texts without any."""
    found = np.zeros(len(texts))
    for row, text in enumerate(texts):
        own = ngrams(text, words)
        if own:
            found[row] = sum(ngram in held_out for ngram in own) / len(own)
    return found


def overlapping(
    texts: Sequence[str], held_out: frozenset[str], words: int, share: float
) -> np.ndarray:
    """bool [n]: of which texts this share of the n-grams, or more, is held out; of none that has
    none held out.
    """
    found = shares(texts, held_out, words)
    return (found > 0) & (found >= share)


@functools.lru_cache(maxsize=2)
def held_out_ngrams(paths: tuple[str, ...], digests: tuple[str, ...], words: int) -> frozenset[str]:
    """The n-grams of the column `source` of parts (`records.KEPT`, `held_out.SOURCES`).

    Args:
      paths: of the parts. digests: of their bytes, so that what changes is read again.
    """
    sources = (
        text
        for path in paths
        for text in records.open_table(path).read_all().column("source").to_pylist()
    )
    return all_ngrams(sources, words)
