"""The rules of `clean` on columns: which there are, in which order, and for which records.

A rule takes normalised columns and gives a mask, bool [n], True where it rejects. The verdict on a
row hangs on nothing but the row. To add one: write the function (here, or in a module of its
subject), name it in `RULES` with the kinds of record that it is for, add its bound to
`CleanConfig`, and test it below, at and above the bound.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.word_columns import laid_out

from ..config import CleanConfig
from ..texts import langid, noise, placeholders, scripts
from ..texts.characters import LETTERS, CharacterClass, TextColumn, columns_of
from . import document_rules


@dataclasses.dataclass(frozen=True)
class Records:
    """What rules judge.

    Attributes:
      sides: of pairs, or the one text of monolingual records; normalised. languages: of each side,
        "" where it is not known.
    """

    sides: tuple[TextColumn, ...]
    languages: tuple[str, ...]

    def take(self, rows: np.ndarray) -> Records:
        """The records of these rows, int64 [k]."""
        return Records(tuple(side.take(rows) for side in self.sides), self.languages)


Rule = Callable[[Records, CleanConfig], np.ndarray]

# Rejected rows are taken out before the next rule is asked once they hold more than one in so many
# of the bytes: a text that one rule finds too long costs the others nothing.
_TAKEN_OUT = 16

# Short sides differ in length for good reasons ("OK" and "Einverstanden").
SHORT_CHARACTERS = 20

_WRITTEN = (
    *LETTERS,
    CharacterClass.DIGIT,
    CharacterClass.SYMBOL,
    CharacterClass.REPLACEMENT,
)


def empty(records: Records, config: CleanConfig) -> np.ndarray:
    """A side without any letter, digit or symbol."""

    def has_none(side: TextColumn) -> np.ndarray:
        # Nearly every text begins with a plain letter; only the others need a count.
        found = ~_numpy(pc.match_substring_regex(side.texts, "[A-Za-z0-9]"))
        doubtful = np.flatnonzero(found)
        if len(doubtful):
            found[doubtful] = side.take(doubtful).count(*_WRITTEN) == 0
        return found

    return _any_side(records, has_none)


def broken_encoding(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with U+FFFD."""
    return _any_side(records, lambda side: side.has(CharacterClass.REPLACEMENT))


def control_characters(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with a control or a format character that writing does not need."""
    return _any_side(records, lambda side: side.has(CharacterClass.CONTROL))


def min_characters(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with fewer characters than the bound."""
    return _any_side(records, lambda side: side.lengths < config.min_characters)


def max_characters(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with more characters than the bound."""
    return _any_side(records, lambda side: side.lengths > config.max_characters)


def max_words(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with more words, between spaces, than the bound."""
    # In normalised text there is one space between two words, and none elsewhere.
    return _any_side(records, lambda side: side.spaces >= config.max_words)


def max_word_length(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with a word of more characters than the bound."""
    bound = int(config.max_word_length)
    return _any_side(records, lambda side: side.has_longer_word(bound))


def min_letters_share(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with fewer letters, marks included, than the share of its non-space characters."""

    def too_few(side: TextColumn) -> np.ndarray:
        solid = side.lengths - side.spaces
        letters = side.count(*LETTERS, CharacterClass.MARK)
        return letters < config.min_letters_share * solid

    return _any_side(records, too_few)


def min_script_share(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with fewer of its letters in a script of its language than the share."""
    found = np.zeros(len(records.sides[0]), bool)
    for side, language in zip(records.sides, records.languages, strict=True):
        own = side.count(*scripts.scripts_of(language))
        found |= own < config.min_script_share * side.count(*LETTERS)
    return found


def max_length_ratio(records: Records, config: CleanConfig) -> np.ndarray:
    """A longer side, of more than 20 characters, that is too many times as long as the other."""
    first, second = (side.lengths for side in records.sides)
    longer, shorter = np.maximum(first, second), np.minimum(first, second)
    return (longer > SHORT_CHARACTERS) & (longer > config.max_length_ratio * shorter)


def max_markup_share(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with more of its characters in tags and entities than the share."""
    return _any_side(
        records, lambda s: noise.markup_characters(s) > config.max_markup_share * s.lengths
    )


def max_url_share(records: Records, config: CleanConfig) -> np.ndarray:
    """A side with more of its characters in web and e-mail addresses than the share."""
    return _any_side(
        records, lambda s: noise.address_characters(s) > config.max_url_share * s.lengths
    )


def max_repetition(records: Records, config: CleanConfig) -> np.ndarray:
    """A side in which a short sequence of characters follows on itself more often than that."""
    bound = int(config.max_repetition)
    return _any_side(records, lambda side: noise.repeats_more_than(side, bound))


def placeholder_mismatch(records: Records, config: CleanConfig) -> np.ndarray:
    """Placeholders or tags of one side are not those of the other."""
    return placeholders.placeholders_differ(*records.sides)


def number_mismatch(records: Records, config: CleanConfig) -> np.ndarray:
    """Numbers of one side are not those of the other."""
    return placeholders.numbers_differ(*records.sides)


def wrong_language(records: Records, config: CleanConfig) -> np.ndarray:
    """A side that is less probably in its language than the bound."""
    found = np.zeros(len(records.sides[0]), bool)
    for side, language in zip(records.sides, records.languages, strict=True):
        found |= langid.probabilities(side, language) < config.wrong_language
    return found


def identical(records: Records, config: CleanConfig) -> np.ndarray:
    """Both sides are the same."""
    return _numpy(pc.equal(*(side.texts for side in records.sides)))


# In the order in which they are asked; the first that rejects a record is named. "pair": training
# pairs, "measure": validation and test pairs, "text": monolingual.
RULES: tuple[tuple[str, Rule, tuple[str, ...]], ...] = (
    ("empty", empty, ("pair", "measure", "text")),
    ("broken_encoding", broken_encoding, ("pair", "text")),
    ("control_characters", control_characters, ("pair", "text")),
    ("min_characters", min_characters, ("pair",)),
    ("max_characters", max_characters, ("pair",)),
    ("max_words", max_words, ("pair",)),
    ("max_word_length", max_word_length, ("pair",)),
    ("min_letters_share", min_letters_share, ("pair", "text")),
    ("min_script_share", min_script_share, ("pair", "text")),
    ("max_length_ratio", max_length_ratio, ("pair",)),
    ("identical", identical, ("pair",)),
    ("max_markup_share", max_markup_share, ("pair", "text")),
    ("max_url_share", max_url_share, ("pair", "text")),
    ("max_repetition", max_repetition, ("pair", "text")),
    ("placeholder_mismatch", placeholder_mismatch, ("pair",)),
    ("number_mismatch", number_mismatch, ("pair",)),
    ("wrong_language", wrong_language, ("pair", "text")),
)


def settings_for(kind: str, config: CleanConfig) -> dict[str, Any]:
    """Rule -> bound, of the rules that are asked of a kind of record: all that `judge` depends on.

    `documents` is among those of texts.
    """
    found: dict[str, Any] = {
        name: getattr(config, name) for name, _, kinds in RULES if kind in kinds
    }
    if kind == "text":
        found["documents"] = config.documents.bounds()
    return found


def check_languages(config: CleanConfig, languages: Iterable[str]) -> None:
    """Raises `InputError` for a language that a rule which is on knows nothing of."""
    for language in dict.fromkeys(languages):
        if config.min_script_share is not False:
            scripts.scripts_of(language)
        if config.wrong_language is not False:
            langid.check_language(language)


def judge(
    sides: tuple[pa.StringArray, ...],
    kind: str,
    config: CleanConfig,
    languages: Sequence[str] = (),
    documents: Sequence[str] | None = None,
) -> np.ndarray:
    """Which rule rejects each record: object [n], the rule's name or None.

    Args:
      sides: normalised columns without nulls. kind: "pair", "measure" or "text".
      languages: of each side. documents: of monolingual records, the texts with their line ends,
        for the rules of `clean.documents`.
    """
    records = Records(columns_of(sides), tuple(languages) or ("",) * len(sides))
    verdict = np.full(len(sides[0]), None, object)
    # The rows that `records` has, which of them have been rejected since, and the bytes of each.
    rows, gone = np.arange(len(verdict)), np.zeros(len(verdict), bool)
    sizes = sum((np.diff(laid_out(side)[1]) for side in sides), np.zeros(len(verdict), np.int64))
    for name, rule, kinds in RULES:
        # `False` is how a job file says off; 0 and 0.0 are bounds.
        if kind not in kinds or getattr(config, name) is False:
            continue
        found = rule(records, config) & ~gone
        if found.any():
            verdict[rows[found]] = name
            gone |= found
            if _TAKEN_OUT * sizes[gone].sum() > sizes.sum():
                left = np.flatnonzero(~gone)
                records, rows, sizes = records.take(left), rows[left], sizes[left]
                gone = np.zeros(len(rows), bool)
        if not len(rows):
            return verdict
    bounds = config.documents.bounds()
    if kind == "text" and documents is not None and bounds:
        left = rows[~gone]
        language = records.languages[0]
        verdict[left] = [
            document_rules.judge(documents[int(row)], language, bounds) for row in left
        ]
    return verdict


def _any_side(records: Records, mask: Callable[[TextColumn], np.ndarray]) -> np.ndarray:
    return np.logical_or.reduce([mask(side) for side in records.sides])


def _numpy(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)
