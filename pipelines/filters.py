"""The rules of `clean` as pure functions on columns.

A rule takes normalised columns and gives a mask, bool [n], True where it rejects. To add one: write
the function, name it in `RULES` with the kinds of record that it is for, add its bound to
`CleanConfig`, and test it below, at and above the bound.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .config import CleanConfig

# Sides of pairs, or the one text of a monolingual record.
Sides = tuple[pa.StringArray, ...]
Rule = Callable[[Sides, CleanConfig], np.ndarray]

# Short sides differ in length for good reasons ("OK" and "Einverstanden").
SHORT_CHARACTERS = 20


def empty(sides: Sides, config: CleanConfig) -> np.ndarray:
    """A side without any letter, digit or symbol."""
    return _any_side(
        sides, lambda side: pc.invert(pc.match_substring_regex(side, r"[\p{L}\p{N}\p{S}]"))
    )


def max_characters(sides: Sides, config: CleanConfig) -> np.ndarray:
    """A side with more characters than the bound."""
    return _any_side(sides, lambda side: pc.greater(pc.utf8_length(side), config.max_characters))


def min_letters_share(sides: Sides, config: CleanConfig) -> np.ndarray:
    """A side with fewer letters, marks included, than the share of its non-space characters."""
    rejected = np.zeros(len(sides[0]), bool)
    for side in sides:
        letters = pc.utf8_length(pc.replace_substring_regex(side, r"[^\p{L}\p{M}]+", ""))
        solid = pc.subtract(pc.utf8_length(side), pc.count_substring(side, " "))
        rejected |= _numpy(letters) < config.min_letters_share * _numpy(solid)
    return rejected


def max_length_ratio(sides: Sides, config: CleanConfig) -> np.ndarray:
    """A longer side, of more than 20 characters, that is too many times as long as the other."""
    first, second = (_numpy(pc.utf8_length(side)) for side in sides)
    longer, shorter = np.maximum(first, second), np.minimum(first, second)
    return (longer > SHORT_CHARACTERS) & (longer > config.max_length_ratio * shorter)


def identical(sides: Sides, config: CleanConfig) -> np.ndarray:
    """Both sides are the same."""
    return _numpy(pc.equal(*sides))


# In the order in which they are asked; the first that rejects a record is named. "pair": training
# pairs, "measure": validation and test pairs, "text": monolingual.
RULES: tuple[tuple[str, Rule, tuple[str, ...]], ...] = (
    ("empty", empty, ("pair", "measure", "text")),
    ("max_characters", max_characters, ("pair",)),
    ("min_letters_share", min_letters_share, ("pair", "text")),
    ("max_length_ratio", max_length_ratio, ("pair",)),
    ("identical", identical, ("pair",)),
)


def judge(sides: Sides, kind: str, config: CleanConfig) -> np.ndarray:
    """Which rule rejects each record: object [n], the rule's name or None.

    Args:
      sides: normalised columns without nulls. kind: "pair", "measure" or "text".
    """
    verdict = np.full(len(sides[0]), None, object)
    for name, rule, kinds in RULES:
        # `False` is how a job file says off; 0 and 0.0 are bounds.
        if kind in kinds and getattr(config, name) is not False:
            verdict[rule(sides, config) & (verdict == None)] = name  # noqa: E711 (element-wise)
    return verdict


def _any_side(sides: Sides, mask: Callable[[pa.StringArray], pa.BooleanArray]) -> np.ndarray:
    return np.logical_or.reduce([_numpy(mask(side)) for side in sides])


def _numpy(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)
