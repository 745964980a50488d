"""Texts that were decoded wrongly, or escaped, made readable again: `clean.mend`.

The work is ftfy's (Speer 2019, zenodo.2591652). Left as they are: curly quotes, which are right in
most languages, and full-width characters, which are right in Chinese and Japanese.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

# What ftfy changes, or we do, besides text decoded wrongly, which `ftfy.badness` finds: entities,
# controls, invisible characters, ligatures, odd line ends, surrogates, replacement characters.
_SUSPECT = re.compile(
    "[&\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3"
    "\u0587\u2028\u2029\u2060-\u206f\ufb00-\ufb06\ufeff\ufff9-\ufffd\ud800-\udfff]"
)
# Invisible, and no part of the text: soft hyphens, which belong to one width of a column, and
# what joins or marks mathematics; ftfy takes out the other controls.
_INVISIBLE = re.compile("[\u00ad\u2060-\u2064\ufeff]")


def mend_texts(texts: Sequence[str]) -> tuple[list[str], list[bool]]:
    """The texts mended, and which of them are other than before.

    >>> mend_texts(["schÃ¶n", "R&amp;D", "plain"])
    (['schön', 'R&D', 'plain'], [True, True, False])
    """
    mended = [_mend(text) if needs_mending(text) else text for text in texts]
    return mended, [new != old for new, old in zip(mended, texts, strict=True)]


def needs_mending(text: str) -> bool:
    """Whether anything looks as if it wanted mending; cheap, and true rather too often."""
    from ftfy.badness import is_bad

    return bool(_SUSPECT.search(text)) or (not text.isascii() and is_bad(text))


def _mend(text: str) -> str:
    import ftfy

    return _INVISIBLE.sub("", ftfy.fix_text(text, _settings()))


@functools.cache
def _settings() -> Any:
    import ftfy

    # The rest of the program normalises, and reports how long a line is; ftfy explains nothing.
    return ftfy.TextFixerConfig(
        uncurl_quotes=False, fix_character_width=False, normalization=None, explain=False
    )
