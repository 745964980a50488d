"""What is held out of a corpus for validation and test, and what leaves training for it.

Two sources are the same text when their normalised forms are equal: only the letters, in lower
case. They are near copies when the Jaccard similarity (size of the intersection over size of the
union) of their sets of lower-cased words or of the character 3-grams of their normalised forms
reaches a threshold. Word sets find the long sentence with one word changed, 3-grams the short one
with another ending.

Near copies are found exactly, not by sampling. Two sets with a similarity of at least t share at
least t of the larger one. So if both are sorted in one and the same order, here the rarest first,
the first `n - ceil(t n) + 1` of each have one in common: an inverted index over those few gives
every candidate, and the candidates are compared in full (the prefix filter of Chaudhuri, Ganti and
Kaushik 2006).
"""

from __future__ import annotations

import collections
import hashlib
import math
import re
from collections.abc import Collection, Iterable

Shingles = frozenset[str]

_WORD = re.compile(r"[^\W\d_]+")


def normalised(text: str) -> str:
    """Only the letters of `text`, in lower case."""
    return "".join(_WORD.findall(text.lower()))


def words(text: str) -> Shingles:
    """The set of lower-cased words, without digits and punctuation."""
    return frozenset(_WORD.findall(text.lower()))


def character_grams(text: str) -> Shingles:
    """The set of 3-grams of the normalised form; a shorter form is its own gram."""
    letters = normalised(text)
    return frozenset(letters[start : start + 3] for start in range(max(1, len(letters) - 2)))


def rank(seed: int, name: str) -> bytes:
    """A number drawn by `name`, as bytes: sorting by it is a shuffle that never changes."""
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def choose(names: Iterable[str], count: int, seed: int) -> list[str]:
    """`count` of the names (fewer if there are fewer), in the order of their rank."""
    return sorted(set(names), key=lambda name: rank(seed, name))[:count]


class NearCopies:
    """Tells near copies of a fixed set of texts, by one kind of shingles.

    Attributes: threshold: least Jaccard similarity, in (0, 1].
    """

    def __init__(self, held_out: Collection[Shingles], threshold: float):
        self.threshold = threshold
        self._held_out = [shingles for shingles in held_out if shingles]
        self._frequency = collections.Counter(
            one for shingles in self._held_out for one in shingles
        )
        self._index: dict[str, list[int]] = collections.defaultdict(list)
        for number, shingles in enumerate(self._held_out):
            for one in self._prefix(shingles):
                self._index[one].append(number)

    def _prefix(self, shingles: Shingles) -> list[str]:
        ordered = sorted(shingles, key=lambda one: (self._frequency[one], one))
        # The small number takes back what binary fractions add: 0.8 * 5 must not become 4.000001.
        least_shared = math.ceil(self.threshold * len(shingles) - 1e-9)
        return ordered[: len(ordered) - least_shared + 1]

    def __contains__(self, shingles: Shingles) -> bool:
        compared: set[int] = set()
        for one in self._prefix(shingles):
            for number in self._index.get(one, ()):
                if number in compared:
                    continue
                compared.add(number)
                shared = len(shingles & self._held_out[number])
                union = len(shingles) + len(self._held_out[number]) - shared
                if shared >= self.threshold * union - 1e-9:
                    return True
        return False
