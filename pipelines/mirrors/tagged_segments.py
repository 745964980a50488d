"""What is done with a sentence whose tags a model has lost: it is translated piece by piece.

What lies between the tags is asked again, each piece alone, and the tags stay as they stood: their
structure is then certainly kept, at the price of a worse sentence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from .. import segmentation
from ..inference import Outcome, mean_score
from . import numbered_tags

# What an outcome that was put together from pieces is marked with.
IN_PIECES = "tags_in_pieces"

Translate = Callable[[Sequence[str]], list[Outcome]]


def keep_tags(segments: Sequence[str], translate: Translate) -> list[Outcome]:
    """The outcomes of segments, where each translation has the numbered tags of its segment.

    Args:
      segments: with or without tags; tags that are not well formed are not looked at.
      translate: segments -> their outcomes, in order. It is asked twice at most.
    """
    outcomes = translate(segments)
    lost: dict[str, list[str]] = {}
    for place, (segment, outcome) in enumerate(zip(segments, outcomes, strict=True)):
        if segment in lost or not numbered_tags.structure(segment):
            continue
        held = numbered_tags.mended(segment, outcome.translation)
        if held is None:
            lost[segment] = numbered_tags.parted(segment)
        elif held != outcome.translation:
            outcomes[place] = _changed(outcome, held)
    if not lost:
        return outcomes
    cores = dict.fromkeys(
        piece.strip() for pieces in lost.values() for piece in pieces[::2] if _is_text(piece)
    )
    of_core = dict(zip(cores, translate(list(cores)), strict=True))
    put = {segment: _put_together(pieces, of_core) for segment, pieces in lost.items()}
    return [put.get(segment, outcome) for segment, outcome in zip(segments, outcomes, strict=True)]


def _is_text(piece: str) -> bool:
    return segmentation.has_letter(piece)


def _changed(outcome: Outcome, translation: str) -> Outcome:
    return dataclasses.replace(outcome, translation=translation)


def _put_together(pieces: list[str], of_core: dict[str, Outcome]) -> Outcome:
    """The pieces' translations between the tags; nothing when one of them has none."""
    asked = [of_core[piece.strip()] for piece in pieces[::2] if _is_text(piece)]
    if not all(outcome.translation for outcome in asked):
        return Outcome("", None)
    flags = dict.fromkeys(flag for outcome in asked for flag in outcome.flags)
    answers = iter(asked)
    texts = [
        piece.replace(piece.strip(), next(answers).translation, 1)
        if number % 2 == 0 and _is_text(piece)
        else piece
        for number, piece in enumerate(pieces)
    ]
    score = mean_score([outcome.score for outcome in asked])
    first = dict.fromkeys(flag for outcome in asked for flag in outcome.first_flags)
    return Outcome("".join(texts), score, (*flags, IN_PIECES), tuple(first))
