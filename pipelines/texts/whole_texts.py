"""Texts that are one source each: for summaries and continuations, which are of a text as a whole.

A model takes so many tokens. Of a longer text it is given the beginning (a summary mostly says what
comes first) or the end (a continuation begins there), in whole sentences as far as there is room
for one, and the row says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from . import segmentation
from .segmentation import Layout

CountTokens = Callable[[list[str]], Sequence[int] | np.ndarray]


def lay_out(text: str) -> Layout:
    """A text as one segment and nothing around it; no segment where there is no letter in it."""
    return Layout((text,), ("", "")) if segmentation.has_letter(text) else Layout((), ("",))


def fit(
    text: str,
    language: str,
    count_tokens: CountTokens,
    most: int,
    keeps: Literal["beginning", "end"],
) -> str:
    """The text, or of one with more than `most` tokens as many sentences as fit at one end of it;
    each run of white space in it becomes one space, line ends too, which end sentences.

    Args:
      language: tells where sentences end. count_tokens: texts -> their tokens, end mark included.
      keeps: which end is kept. Where not even one sentence fits there, it is cut.
    """
    if count_tokens([text])[0] <= most:
        return _flat(text)
    layout = segmentation.split_text(text, language)
    sentences = list(layout.segments) or [text]
    kept = _fitting(sentences, count_tokens, most, keeps)
    # What stands between sentences has tokens too.
    while kept and layout.segments:
        part = _outermost(layout, kept, keeps)
        if count_tokens([part])[0] <= most:
            return _flat(part)
        kept -= 1
    sentence = sentences[0] if keeps == "beginning" else sentences[-1]
    if keeps == "end":
        words = sentence.split()
        if kept := _fitting(words, count_tokens, most, keeps):
            return " ".join(words[-kept:])
    cut = segmentation.cut_sentence(sentence, count_tokens, most)  # type: ignore[arg-type]
    return cut.segments[0 if keeps == "beginning" else -1]


def _fitting(
    parts: list[str], count_tokens: CountTokens, most: int, keeps: Literal["beginning", "end"]
) -> int:
    """How many parts at one end have together at most `most` tokens, an end mark included."""
    tokens = np.asarray(count_tokens(parts)) - 1
    ordered = tokens if keeps == "beginning" else tokens[::-1]
    return int(np.searchsorted(np.cumsum(ordered), most - 1, side="right"))


def fit_all(
    texts: Sequence[str],
    language: str,
    count_tokens: CountTokens,
    most: int,
    keeps: Literal["beginning", "end"],
) -> tuple[list[str], list[bool]]:
    """n texts -> what a model is given of each (see `fit`), and whether that is only a part."""
    distinct = list(dict.fromkeys(texts))
    fitted = {
        text: _flat(text) if tokens <= most else fit(text, language, count_tokens, most, keeps)
        for text, tokens in zip(distinct, count_tokens(distinct), strict=True)
    }
    return (
        [fitted[text] for text in texts],
        [fitted[text] != _flat(text) for text in texts],
    )


def _outermost(layout: Layout, count: int, keeps: Literal["beginning", "end"]) -> str:
    """So many sentences at one end of a text, and what lies between them."""
    if keeps == "beginning":
        segments, gaps = layout.segments[:count], layout.gaps[1:count]
    else:
        segments, gaps = layout.segments[-count:], layout.gaps[len(layout.gaps) - count : -1]
    return segmentation.join_text(("", *gaps, ""), segments)


def _flat(text: str) -> str:
    return " ".join(segmentation.one_line(text).split())
