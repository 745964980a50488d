"""What is done with a sentence whose tags a model has lost: it is translated piece by piece.

What lies between the tags is asked again, each piece alone, and the tags stay as they stood: their
structure is then certainly kept, at the price of a worse sentence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from ..quality import quality
from ..texts import segmentation
from ..translation.outcome import Outcome, mean_score
from . import numbered_tags

# What an outcome that was put together from pieces is marked with.

Translate = Callable[[Sequence[str]], list[Outcome]]


def mended(segments: Sequence[str], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, with tags spelled as in their segments where they are the same ones."""
    return [
        dataclasses.replace(outcome, translation=held)
        if numbered_tags.structure(segment)
        and (held := numbered_tags.mended(segment, outcome.translation)) is not None
        else outcome
        for segment, outcome in zip(segments, outcomes, strict=True)
    ]


def keep_tags(
    segments: Sequence[str], translate: Translate, translate_parts: Translate | None = None
) -> list[Outcome]:
    """The outcomes of segments, where each translation has the numbered tags of its segment.

    Args:
      segments: with or without tags; tags that are not well formed are not looked at.
      translate: segments -> their outcomes, `mended`, in order. translate_parts: the same of what
        lies between tags; `translate` where it is not given.
    """
    outcomes = translate(segments)
    lost = {
        segment: outcome
        for segment, outcome in zip(segments, outcomes, strict=True)
        if not numbered_tags.kept(segment, outcome.translation)
    }
    if not lost:
        return outcomes
    pieces_of = {segment: numbered_tags.parted(segment) for segment in lost}
    cores = dict.fromkeys(
        piece.strip() for pieces in pieces_of.values() for piece in pieces[::2] if _is_text(piece)
    )
    of_core = dict(zip(cores, (translate_parts or translate)(list(cores)), strict=True))
    put = {
        segment: _put_together(pieces_of[segment], of_core, outcome)
        for segment, outcome in lost.items()
    }
    return [put.get(segment, outcome) for segment, outcome in zip(segments, outcomes, strict=True)]


def _is_text(piece: str) -> bool:
    return segmentation.has_letter(piece)


def _put_together(pieces: list[str], of_core: dict[str, Outcome], whole: Outcome) -> Outcome:
    """The pieces' translations between the tags; nothing when one of them has none. whole: what the
    segment was before."""
    asked = [of_core[piece.strip()] for piece in pieces[::2] if _is_text(piece)]
    flags = quality.in_order(flag for outcome in asked for flag in outcome.flags)
    first = quality.in_order(flag for one in (whole, *asked) for flag in one.first_flags)
    if not all(outcome.translation for outcome in asked):
        return Outcome("", None, flags, first)
    answers = iter(asked)
    texts = [
        piece.replace(piece.strip(), next(answers).translation, 1)
        if number % 2 == 0 and _is_text(piece)
        else piece
        for number, piece in enumerate(pieces)
    ]
    score = mean_score([outcome.score for outcome in asked])
    return Outcome("".join(texts), score, quality.in_order([*flags, quality.IN_PIECES]), first)
