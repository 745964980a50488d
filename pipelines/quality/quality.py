"""Checks of one segment: a source and what a model made of it -> what is wrong with that.

Pure functions of two texts. Their bounds are in `ChecksConfig`; what was measured for them is in
`tests/benchmarks/RESULTS.md`.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from .. import tasks
from ..texts import langid, protected_spans
from ..texts.placeholders import numbers_of
from ..texts.scripts import primary
from .checks_config import ChecksConfig

# Part of the fingerprint of every translation that is checked: raised when a check changes.
VERSION = 1

EMPTY = "empty_translation"
LOST_SPAN, ADDED_SPAN = "lost_span", "added_span"
SOURCE_ORDER = "spans_in_source_order"
IN_PIECES = "tags_in_pieces"

# Every flag, in the order in which they are named. The last two are no check's, but say how a
# translation was put together; `replaced_tokens` is the model's own.
FLAGS = (
    EMPTY,
    LOST_SPAN,
    ADDED_SPAN,
    "lost_number",
    "added_number",
    "length_ratio",
    "repetition",
    "untranslated",
    "wrong_language",
    "replaced_tokens",
    SOURCE_ORDER,
    IN_PIECES,
)

# Characters in which the shorter side may be shorter whatever the ratio: "OK" and "Einverstanden".
_LENGTH_SLACK = 15

# Letters of Chinese, Japanese and Korean say as much as about three of an alphabet.
_WIDE = 3

# What repetition counts: words, and the letters of writing without spaces one by one, which weigh
# as parts of a word. Digits are left out: columns of equal numbers are no stutter.
_UNIT = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003134f]"
    r"|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
    r"|(?:(?![\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])"
    r"[^\W\d_])+"
)
_WEIGHTS = (("\u0e00", "\u17ff", 0.2), ("\u3040", "\U0003134f", 0.5))
_LONGEST_PERIOD = 16

# Longer ones are no numbers, and Python makes none of them.
_DIGITS = re.compile(r"\d{1,1000}")

# A copied source is suspicious from so many words on that are no names.
_COMMON_WORDS = 2
_NAME_MARKS = re.compile(r"[\d_/\\.:@#-]")


@dataclasses.dataclass(frozen=True)
class Checker:
    """The checks that a run makes: `checker(source, output)` gives the flags, in their order.

    Args:
      config: which, with what bounds. task: of the model. source_lang, target_lang: of the
        model's card; a language that is "" or cannot be identified is not asked about.
    """

    config: ChecksConfig
    task: str | None = None
    source_lang: str = ""
    target_lang: str = ""

    @property
    def translates(self) -> bool:
        """Whether an output is to say what its source says."""
        return not tasks.of(self.task).whole_texts

    def __call__(self, source: str, output: str) -> tuple[str, ...]:
        """Needs some 0.1 ms for a sentence."""
        if not output:
            return (EMPTY,)
        config, found = self.config, set()
        translates = self.translates
        if translates and config.lost_span:
            found |= span_flags(source, output)
        plain = " ".join(protected_spans.around(source).split())
        said = " ".join(protected_spans.around(output).split())
        if translates and config.lost_number:
            found |= number_flags(plain, said)
        for name, check in _ALONE:
            bound = getattr(config, name)
            if (translates or name == "repetition") and bound is not False:
                if check(plain, said, bound):
                    found.add(name)
        if translates and self._asks_for_copies and is_copy(source, output):
            found.add("untranslated")
        if translates and config.wrong_language is not False and self.target_lang:
            if is_other_language(said, self.target_lang, config.wrong_language):
                found.add("wrong_language")
        return in_order(found)

    @property
    def _asks_for_copies(self) -> bool:
        languages = [primary(language) for language in (self.source_lang, self.target_lang)]
        return self.config.untranslated and (languages[0] != languages[1] or not languages[0])


def settings(config: ChecksConfig, judged: bool) -> dict[str, Any]:
    """What is checked, for the fingerprint of translations; nothing where nothing is, so that such
    outputs are what they were. judged: whether the model's discriminator is asked."""
    if not config.enabled:
        return {}
    bounds = dataclasses.asdict(config)
    if not judged:
        del bounds["replaced_tokens"]
    return {"checks": {"version": VERSION} | bounds}


def in_order(flags: Iterable[str]) -> tuple[str, ...]:
    """Each flag once, in their fixed order; what is no check's flag comes after them, by name."""
    places = {flag: place for place, flag in enumerate(FLAGS)}
    return tuple(sorted({*flags}, key=lambda flag: (places.get(flag, len(FLAGS)), flag)))


def span_flags(source: str, output: str) -> set[str]:
    """Which of `lost_span` and `added_span` hold; spans are compared to the letter."""
    flags = set()
    if protected_spans.lost(source, output):
        flags.add(LOST_SPAN)
    if protected_spans.lost(output, source):
        flags.add(ADDED_SPAN)
    return flags


def number_flags(source: str, output: str) -> set[str]:
    """Which of `lost_number` and `added_number` hold.

    >>> sorted(number_flags("in 10 of 1,000", "in 11 von 1.000"))
    ['added_number', 'lost_number']
    """
    before, after = numbers_of(source), numbers_of(output)
    # 2024-05-01 and 01.05.2024 are the same three numbers, however they are joined.
    if before == after or _digits_of(source) == _digits_of(output):
        return set()
    return {
        flag
        for flag, missing in (("lost_number", before - after), ("added_number", after - before))
        if missing
    }


def _digits_of(text: str) -> Counter[int]:
    return Counter(map(int, _DIGITS.findall(text)))


def differs_in_length(source: str, output: str, ratio: float) -> bool:
    """Whether one side is longer than so many times the other and some characters more."""
    shorter, longer = sorted(map(_length, (source, output)))
    # Of a source that is nothing but spans there is no length to compare with.
    return shorter > 0 and longer > _LENGTH_SLACK + ratio * shorter


def _length(text: str) -> int:
    wide = 0 if text.isascii() else sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) - text.count(" ") + (_WIDE - 1) * wide


def repeats(source: str, output: str, words: float) -> bool:
    """Whether the output stutters: says at least so many words more than the source again, directly
    after it has said them.

    >>> repeats("the light is on", "das Licht ist an ist an", 2)
    True
    """
    return said_again(output) >= said_again(source) + words


def said_again(text: str) -> float:
    """The most words in a row, alone or several together, that repeat what stands before them.

    >>> said_again("no no no"), said_again("in the end in the end"), said_again("again and again")
    (2.0, 3.0, 0.0)
    """
    units = _UNIT.findall(text.casefold())
    weights = [_weight(unit) for unit in units]
    most = 0.0
    for period in range(1, min(_LONGEST_PERIOD, len(units) // 2) + 1):
        run = 0
        for place in range(period, len(units) + 1):
            if place < len(units) and units[place] == units[place - period]:
                run += 1
                continue
            # A part of the repeated words at the end of a run is no repetition yet.
            whole = run - run % period
            if whole:
                most = max(most, sum(weights[place - run : place - run + whole]))
            run = 0
    return most


def words_in(text: str) -> float:
    """How many words a text has; where writing has no spaces, about so many."""
    return sum(map(_weight, _UNIT.findall(text)))


def _weight(unit: str) -> float:
    if len(unit) == 1 and unit >= "\u0e00":
        for first, last, weight in _WEIGHTS:
            if first <= unit <= last:
                return weight
    return 1.0


def is_copy(source: str, output: str) -> bool:
    """Whether the output is the source, which has several words that are neither spans, numbers
    nor names. What begins with a capital may be a name, but for the first word."""
    if " ".join(source.split()) != " ".join(output.split()):
        return False
    common = 0.0
    for word in protected_spans.around(source).split():
        word = word.strip("\"'()[],;:.!?…»«„“”")
        if not word or word[0].isupper() or _NAME_MARKS.search(word):
            continue
        common += words_in(word) if len(word) > 1 else 0
    return common >= _COMMON_WORDS


def is_other_language(text: str, language: str, bound: float) -> bool:
    """Whether a text is less probably in a language than the bound; never of a short text, or of a
    language that cannot be identified."""
    if len(text) < langid.SHORTEST or not langid.is_known(language):
        return False
    return langid.probability(text, language) < bound


_ALONE: tuple[tuple[str, Callable[[str, str, float], bool]], ...] = (
    ("length_ratio", differs_in_length),
    ("repetition", repeats),
)


def carried_over(source: str, output: str) -> tuple[int, int, int, int]:
    """Protected spans of the source, those of them in the output, and the same of the numbers
    outside of spans."""
    spans = [Counter(protected_spans.texts_of(text)) for text in (source, output)]
    plain, said = protected_spans.around(source), protected_spans.around(output)
    before, after = numbers_of(plain), numbers_of(said)
    kept = before & after if number_flags(plain, said) else before
    return spans[0].total(), (spans[0] & spans[1]).total(), before.total(), kept.total()
