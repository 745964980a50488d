"""Which language a text is in, by the model of py3langid (Lui and Baldwin 2012, "langid.py", ACL).

The choice is kept to the languages that are common on the web and the one in question, for the
short texts of software look like many small languages. Even so a text needs some 40 characters: of
the clean pairs of an English-German corpus of software, with a bound of 0.2, the rule would reject
10 % of the English texts of 20 to 39 characters, and rejects 0.8 % of those of 40 to 59.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.errors import InputError

from .characters import TextColumn
from .scripts import primary

# Shorter texts say too little.
SHORTEST = 40

# The beginning is enough, and the model is slow.
_LONGEST = 1000

_COMMON = (
    "ar bg bn cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt ro ru sk "
    "sl sr sv sw ta te th tr uk ur vi zh"
).split()

# Codes of the same language, and languages that the model does not tell apart.
_NAMES = {"nb": "no", "iw": "he", "in": "id", "fil": "tl"}
_SAME = (frozenset({"no", "nn", "da"}), frozenset({"hr", "sr", "bs"}), frozenset({"id", "ms"}))


@functools.cache
def known() -> frozenset[str]:
    """Codes of the languages that the model knows."""
    return frozenset(_identifier(None).labels)


def check_language(language: str) -> None:
    """Raises `InputError` when the model does not know a language."""
    if not is_known(language):
        raise InputError(
            f"clean.wrong_language: {language!r} is not a language that can be identified; "
            "switch the rule off"
        )


def probabilities(side: TextColumn, language: str) -> np.ndarray:
    """float64 [n]: how probably each text is in the language; 1 for texts that are too short.

    Close relatives (Norwegian and Danish, Croatian and Serbian, Indonesian and Malay) count as the
    language. Takes some 0.5 microseconds a byte.

    Raises:
      InputError: the model does not know the language.
    """
    found = np.ones(len(side))
    rows = np.flatnonzero(side.lengths >= SHORTEST)
    if len(rows):
        check_language(language)
        texts = pc.utf8_slice_codeunits(side.texts.take(pa.array(rows)), 0, _LONGEST).to_pylist()
        found[rows] = [probability(text, language) for text in texts]
    return found


def probability(text: str, language: str) -> float:
    """How probably a text is in a language that the model knows."""
    code = _code(language)
    ranks = dict(_identifier(code).rank(text[:_LONGEST]))
    return sum(ranks.get(name, 0.0) for name in _taken_for(code))


def most_probable(text: str, language: str) -> tuple[str, float]:
    """The language that a text is most probably in, and how probably, of the common ones and this
    one, which the model knows."""
    code, probability = _identifier(_code(language)).rank(text[:_LONGEST])[0]
    return str(code), float(probability)


def is_known(language: str) -> bool:
    """Whether texts in a language can be identified."""
    return _code(language) in known()


def identify(text: str, expected: Sequence[str]) -> str:
    """The language that a text is most probably in, of the common ones and the expected ones.

    Args:
      expected: codes that the model knows. A text in such a language, or in a close relative of
        it, gives that very code; others give the model's.
    """
    allowed = {*_COMMON, *map(_code, expected)}
    ranked = _identifier(None).rank(text[:_LONGEST])
    found = next(code for code, _ in ranked if code in allowed)
    for language in expected:
        if found in _taken_for(_code(language)):
            return language
    return found


def are_told_apart(one: str, other: str) -> bool:
    """Whether the model knows both languages, and takes one for the other only by mistake."""
    codes = {_code(one), _code(other)}
    return codes <= known() and len(codes) == 2 and not any(codes <= group for group in _SAME)


def compare(text: str, one: str, other: str) -> float:
    """Above 0 if a text is more probably in the first language, below 0 if in the second.

    Both must be known to the model. All of the text is looked at.
    """
    ranks = dict(_identifier(None).rank(text))
    return ranks[_code(one)] - ranks[_code(other)]


def _taken_for(code: str) -> frozenset[str]:
    """A language and those that the model does not tell from it."""
    return next((group for group in _SAME if code in group), frozenset({code}))


def _code(language: str) -> str:
    return _NAMES.get(primary(language), primary(language))


@functools.lru_cache(maxsize=8)
def _identifier(language: str | None) -> Any:
    """The model, kept to the common languages and this one; to nothing for None."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    if language is None:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    whole = _identifier(None)
    # Another view of the same tables: the model takes a second and some memory to load.
    narrow = LanguageIdentifier(
        whole.nb_ptc,
        whole.nb_pc,
        whole.nb_classes,
        whole.tk_nextmove,
        whole.tk_output,
        norm_probs=True,
        tk_row=whole.tk_row,
    )
    narrow.set_languages(sorted({*_COMMON, language} & known()))
    return narrow
