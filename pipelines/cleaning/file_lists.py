"""How messages name files of which the same is to be said."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_NAMED = 5


def named(paths: Sequence[str]) -> str:
    """Up to five of them by name.

    >>> named(["a.tsv", "b.tsv"])
    'a.tsv, b.tsv'
    """
    text = ", ".join(paths[:_MOST_NAMED])
    if (more := len(paths) - _MOST_NAMED) > 0:
        text += f" and {more} other file{'s' if more > 1 else ''}"
    return text
