"""Entries -> clean pairs -> train, valid, test and held-out documents, each rejection counted."""

from __future__ import annotations

import collections
import dataclasses
import re

from . import heldout
from .catalogues import Entry
from .corpus_recipe import CorpusRecipe

# The rules of this module, beside those of `catalogues`.
IDENTICAL, NO_LETTERS, HELD_OUT, NEAR_COPY = "identical", "no_letters", "held_out", "near_copy"

SPLITS = ("train", "valid", "test", "documents")

# Line ends of all kinds, tabs and other control characters: a pair is one line of a TSV file.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclasses.dataclass(frozen=True)
class Pair:
    """A string with its translation, its package, and the document that it is a part of, if any."""

    source: str
    target: str
    package: str
    document: str | None = None

    @property
    def key(self) -> str:
        """The normalised source."""
        return heldout.normalised(self.source)


@dataclasses.dataclass(frozen=True)
class Split:
    """The corpus.

    Attributes:
      train, valid, test: pairs. documents: name -> its pairs in order, names in the order of their
        draw.
      rejected: package -> rule -> count, of training pairs that are too close to what is held out.
    """

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]
    documents: dict[str, list[Pair]]
    rejected: dict[str, collections.Counter[str]]


def clean(entry: Entry, package: str) -> Pair | str:
    """The pair in an entry, or the rule by which it has none; only line ends and margins change."""
    if entry.rule:
        return entry.rule
    source, target = (_CONTROL.sub(" ", text).strip() for text in (entry.source, entry.target))
    if source == target:
        return IDENTICAL
    if not heldout.normalised(source) or not target:
        return NO_LETTERS
    return Pair(source, target, package, entry.document)


def split(pairs: list[Pair], recipe: CorpusRecipe) -> Split:
    """Holds out documents, then test and validation pairs; the rest, if not close to them, trains.

    Everything is decided by hashes of names and of normalised sources, so that the same pairs give
    the same split in any order, and a new version of a catalogue changes little. A text that
    several pairs have is held out with the first of them. No source is in two of documents, test
    and valid.
    """
    documents = _documents(pairs, recipe)
    taken = {pair.key for document in documents.values() for pair in document}
    inside = {(pair.package, pair.document) for document in documents.values() for pair in document}
    rest = [pair for pair in pairs if (pair.package, pair.document) not in inside]

    count = recipe.test_pairs + recipe.valid_pairs
    drawn = heldout.choose({pair.key for pair in rest} - taken, count, recipe.seed)
    split_of = {
        key: "test" if place < recipe.test_pairs else "valid" for place, key in enumerate(drawn)
    }
    held_out: dict[str, list[Pair]] = {"test": [], "valid": []}
    rejected: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    left: list[Pair] = []
    for pair in rest:
        if name := split_of.pop(pair.key, None):
            held_out[name].append(pair)
            taken.add(pair.key)
        else:
            left.append(pair)

    texts = {pair.source for document in documents.values() for pair in document}
    texts |= {pair.source for pairs_held_out in held_out.values() for pair in pairs_held_out}
    by_words = heldout.NearCopies({heldout.words(text) for text in texts}, recipe.near_copy_words)
    by_grams = heldout.NearCopies(
        {heldout.character_grams(text) for text in texts}, recipe.near_copy_characters
    )
    verdicts: dict[str, str | None] = {}
    train: list[Pair] = []
    for pair in left:
        if pair.source not in verdicts:
            near = (
                heldout.words(pair.source) in by_words
                or heldout.character_grams(pair.source) in by_grams
            )
            verdicts[pair.source] = HELD_OUT if pair.key in taken else NEAR_COPY if near else None
        if rule := verdicts[pair.source]:
            rejected[pair.package][rule] += 1
        else:
            train.append(pair)
    return Split(train, held_out["valid"], held_out["test"], documents, dict(rejected))


def _documents(pairs: list[Pair], recipe: CorpusRecipe) -> dict[str, list[Pair]]:
    by_name: dict[str, list[Pair]] = collections.defaultdict(list)
    for pair in pairs:
        if pair.document:
            by_name[f"{pair.package}/{pair.document}"].append(pair)
    bounds = recipe.documents
    fitting = [
        name for name in by_name if bounds.min_strings <= len(by_name[name]) <= bounds.max_strings
    ]
    return {name: by_name[name] for name in heldout.choose(fitting, bounds.count, recipe.seed)}
