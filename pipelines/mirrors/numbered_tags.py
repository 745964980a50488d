"""Numbered tags: how a sentence with formatting inside is shown to a model.

>>> structure("Press <1>the <2/> key</1>.")
{'1': '', '2/': '1'}

A model's answer is taken when it holds the same tags, each once, and each inside the same pair as
in the source, and when no pair that held words has lost all of them.
"""

from __future__ import annotations

import re

TAG = re.compile(r"<(/?)([0-9]{1,4})(/?)>")
# The pieces of a vocabulary may set the characters of a tag apart.
# What is left of a tag that lost its end, as "<1" of "<1>"; it would go into the document.
_SHRED = re.compile(r"</?[0-9]{1,4}(?![0-9])")
LOOSE = re.compile(r"<\s?(/?)\s?([0-9]{1,4})\s?(/?)\s?>")


def structure(text: str) -> dict[str, str] | None:
    """Each tag of a text with the number of the pair that it lies in ("" where there is none).

    A pair is named by its number, a tag without content by number and slash. None where a number
    is there twice, or the tags are not well nested.
    """
    found: dict[str, str] = {}
    open_ones = [""]
    for close, number, empty in TAG.findall(text):
        if close:
            if empty or open_ones.pop() != number:
                return None
            continue
        if number in found or f"{number}/" in found:
            return None
        found[number + empty] = open_ones[-1]
        if not empty:
            open_ones.append(number)
    return found if open_ones == [""] else None


def kept(source: str, answer: str) -> bool:
    """Whether an answer may be taken. Every answer may where the source's tags are not well
    formed, or where it has none."""
    wanted = structure(source)
    return not wanted or (
        structure(answer) == wanted
        and _filled(source) <= _filled(answer)
        and _shreds(answer) <= _shreds(source)
    )


def _shreds(text: str) -> set[str]:
    return set(_SHRED.findall(TAG.sub("", text)))


def _filled(text: str) -> set[str]:
    """The numbers of the pairs that hold more than tags and white space. Of well formed tags."""
    return {
        number
        for number, inside in re.findall(r"(?s)<([0-9]{1,4})>(?=(.*?)</\1>)", text)
        if TAG.sub("", inside).strip()
    }


def mended(source: str, answer: str) -> str | None:
    """The answer with its tags as the source spells them; None when they are not the same ones.

    White space at the inner edges of a pair goes out of it where the source has none there.
    """
    wanted = structure(source)
    answer = LOOSE.sub(r"<\1\2\3>", answer)
    if wanted is None or structure(answer) != wanted or not kept(source, answer):
        return None
    # Out of a pair it may have gone into the one around it.
    for _ in range(len(wanted) + 1):
        answer = _tightened(source, answer, wanted)
    return answer


def _tightened(source: str, answer: str, wanted: dict[str, str]) -> str:
    for name in wanted:
        start, stop = f"<{name}>", f"</{name}>"
        if name.endswith("/"):
            continue
        if not re.search(rf"{start}\s", source):
            answer = re.sub(rf"\s*{start}\s+", f" {start}", answer).lstrip()
        if not re.search(rf"\s{stop}", source):
            answer = re.sub(rf"\s+{stop}(?=\w)", f"{stop} ", answer)
            answer = re.sub(rf"\s+{stop}", stop, answer)
    return answer


def parted(text: str) -> list[str]:
    """A text as what lies between its tags and the tags, in turn; the first and the last lie
    between."""
    pieces = []
    position = 0
    for tag in TAG.finditer(text):
        pieces += [text[position : tag.start()], tag[0]]
        position = tag.end()
    return [*pieces, text[position:]]
