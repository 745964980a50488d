"""Language tags of catalogues: which of the texts on offer is in which of the languages wanted.

Tags are compared by BCP 47 (RFC 5646) as far as catalogues need it: case does not count, `_` is
`-`, and gettext's modifiers (`sr@latin`) are scripts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

_MODIFIERS = {"latin": "latn", "cyrillic": "cyrl"}
# Chinese names its script by the region more often than by the script's own subtag.
_CHINESE = {"cn": "hans", "sg": "hans", "tw": "hant", "hk": "hant", "mo": "hant"}
# No registered tag is longer; what is has no language that anyone could want.
_LONGEST_TAG = 64


def subtags(tag: str | None) -> tuple[str, ...]:
    """A tag's parts in lower case; none for a tag that is missing, empty or absurdly long.

    >>> subtags("pt_BR"), subtags("sr@latin")
    (('pt', 'br'), ('sr', 'latn'))
    """
    if not tag or len(tag) > _LONGEST_TAG:
        return ()
    parts = re.split("[-_@]", tag.strip().partition(".")[0].lower())
    return tuple(_MODIFIERS.get(part, part) for part in parts) if parts[0] else ()


def _script(parts: tuple[str, ...]) -> str | None:
    for part in parts[1:]:
        if len(part) == 4 and part.isalpha():
            return part
        if parts[0] == "zh" and part in _CHINESE:
            return _CHINESE[part]
    return None


def same_language(wanted: str, offered: str | None) -> bool:
    """Whether two tags have the same primary language, and no different scripts.

    >>> same_language("en", "en-US"), same_language("en_gb", "EN"), same_language("en", "eng")
    (True, True, False)
    >>> same_language("zh-CN", "zh-TW"), same_language("zh", "zh-TW")
    (False, True)
    """
    ours, theirs = subtags(wanted), subtags(offered)
    if not ours or not theirs or ours[0] != theirs[0]:
        return False
    scripts = {_script(ours), _script(theirs)} - {None}
    return len(scripts) < 2


def choose(wanted: Sequence[str], offered: Sequence[str | None]) -> tuple[int | None, ...]:
    """For each wanted language the place of its text among those on offer, or None.

    A tag that is the same wins over one of the same language, and of equals the first one. No text
    is chosen twice, so that a pair of en-US and en-GB never is one text with itself.

    >>> choose(["en", "de"], ["de-AT", "en-GB", "en", "de-DE"])
    (2, 0)
    >>> choose(["en-US", "en-GB"], ["en"])
    (0, None)
    """
    return _choose(tuple(wanted), tuple(tag and tag[: _LONGEST_TAG + 1] for tag in offered))


@functools.lru_cache(maxsize=1024)
def _choose(wanted: tuple[str, ...], offered: tuple[str | None, ...]) -> tuple[int | None, ...]:
    chosen: dict[int, int] = {}
    for exactly in (True, False):
        for position, tag in enumerate(wanted):
            if position in chosen:
                continue
            for place, other in enumerate(offered):
                if place in chosen.values():
                    continue
                if subtags(tag) == subtags(other) if exactly else same_language(tag, other):
                    chosen[position] = place
                    break
    return tuple(chosen.get(position) for position in range(len(wanted)))
