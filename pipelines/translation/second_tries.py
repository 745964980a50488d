"""Between the model and the pipeline: every answer is checked, and what is flagged is tried again.

Once, in the way that suits the flags: a sentence that lost protected spans with its spans masked, a
longer one in its clauses, any other with greedy search (by beam search, where the run is greedy).
The better answer is kept. Where spans are lost even so, the pieces between them are translated one
by one and put together around them, so that every span of a source is in its translation.

What a segment becomes depends on it alone, never on its neighbours.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from ..inference import Decoding, Translate
from ..quality.quality import (
    ADDED_SPAN,
    EMPTY,
    LOST_SPAN,
    SOURCE_ORDER,
    Checker,
    in_order,
    words_in,
)
from ..texts import protected_spans, segmentation
from ..texts.segmentation import Layout
from .outcome import Outcome, mean_score

_SPAN_FLAGS = frozenset({LOST_SPAN, ADDED_SPAN})

# Where a sentence may be cut; each part keeps so many words at least, or it says too little.
_CLAUSE_END = re.compile(r"[,;:–—]\s+|[，、；：]\s*")
_CLAUSE_WORDS = 3

# How a span may end and begin; else it is punctuation that stands beside a translation.
_SPAN_ENDS = re.compile(r"[\w}>`/]\Z")
_SPAN_BEGINS = re.compile(r"[\w{<`%$]")

# Before the first letter or digit of what stands between two spans.
_BEFORE_WORDS = re.compile(r"\A[\W_]+")


@dataclasses.dataclass(frozen=True)
class _Try:
    """One more way to translate a segment: `layout`'s segments one by one; what they become is put
    together in its gaps, and masked spans are put back."""

    layout: Layout
    decoding: Decoding
    masked: protected_spans.Masked | None = None

    def put_together(self, outcomes: Sequence[Outcome]) -> tuple[str, float | None]:
        """The translation, "" where a part has none, and the score."""
        parts = [outcome.translation for outcome in outcomes]
        if not all(parts):
            return "", None
        text = segmentation.join_text(self.layout.gaps, parts)
        score = mean_score([outcome.score for outcome in outcomes])
        return (self.masked.unmask(text) if self.masked else text), score


def guarded(
    segments: Sequence[str], translate: Translate, decoding: Decoding, checker: Checker
) -> list[Outcome]:
    """Segments -> their outcomes, in order, with the flags that are left.

    Args:
      translate: segments, decoding -> outcomes, each as if it were alone. decoding: of the run.
      checker: what flags them; with its `retry` off nothing is tried again.
    """
    distinct = list(dict.fromkeys(segments))
    found = {
        text: dataclasses.replace(outcome, flags=checker(text, outcome.translation))
        for text, outcome in zip(distinct, translate(distinct, decoding), strict=True)
    }
    if checker.config.retry:
        flagged = {text: outcome for text, outcome in found.items() if outcome.flags}
        second = _tried_again(flagged, translate, decoding, checker)
        for text, outcome in flagged.items():
            best = min((outcome, second[text]), key=_badness)
            found[text] = dataclasses.replace(best, first_flags=outcome.flags)
        lost = [text for text in flagged if _SPAN_FLAGS & set(found[text].flags)]
        for text, outcome in _in_pieces(lost, translate, decoding, checker).items():
            found[text] = dataclasses.replace(outcome, first_flags=flagged[text].flags)
    return [found[segment] for segment in segments]


def _badness(outcome: Outcome) -> tuple[bool, bool, int, float]:
    """What the better of two answers has less of; of equals the first is kept."""
    score = float("-inf") if outcome.score is None else outcome.score
    spans = bool(_SPAN_FLAGS & set(outcome.flags))
    return EMPTY in outcome.flags, spans, len(outcome.flags), -score


def _tried_again(
    flagged: dict[str, Outcome], translate: Translate, decoding: Decoding, checker: Checker
) -> dict[str, Outcome]:
    """The second answer to every flagged segment, with its flags."""
    tries = {
        text: _another_way(text, outcome.flags, decoding, checker.translates)
        for text, outcome in flagged.items()
    }
    answers = {}
    for settings in dict.fromkeys(one.decoding for one in tries.values()):
        parts = [
            part
            for one in tries.values()
            if one.decoding == settings
            for part in one.layout.segments
        ]
        outcomes = translate(parts, settings)
        answers |= {
            (settings, part): outcome for part, outcome in zip(parts, outcomes, strict=True)
        }
    second = {}
    for text, one in tries.items():
        parts = [answers[one.decoding, part] for part in one.layout.segments]
        translation, score = one.put_together(parts)
        second[text] = Outcome(translation, score, checker(text, translation))
    return second


def _another_way(text: str, flags: tuple[str, ...], decoding: Decoding, translates: bool) -> _Try:
    if translates and _SPAN_FLAGS & set(flags) and protected_spans.places(text):
        masked = protected_spans.mask(text)
        if masked.text != text:
            return _Try(Layout((masked.text,), ("", "")), decoding, masked)
    if translates and len((layout := clauses(text)).segments) > 1:
        return _Try(layout, decoding.of_parts())
    other = dataclasses.replace(decoding, beam_size=1 if decoding.beam_size > 1 else 4)
    if decoding.sampling is not None:  # the same would be drawn
        other = dataclasses.replace(decoding, sampling=None)
    return _Try(Layout((text,), ("", "")), other)


def clauses(sentence: str) -> Layout:
    """A sentence cut where a clause ends and on both sides there are some words; never within a
    protected span. One segment where there is no such place.

    >>> clauses("If this is on, the light goes out, too.").segments
    ('If this is on,', 'the light goes out, too.')
    """
    spans = protected_spans.places(sentence)
    segments, gaps, start = [], [""], 0
    for match in _CLAUSE_END.finditer(sentence):
        stop = match.start() + 1
        inside = any(first < stop < last for first, last in spans)
        if inside or min(map(words_in, (sentence[start:stop], sentence[stop:]))) < _CLAUSE_WORDS:
            continue
        segments.append(sentence[start:stop])
        gaps.append(sentence[stop : match.end()])
        start = match.end()
    return Layout((*segments, sentence[start:]), (*gaps, ""))


def _in_pieces(
    texts: Sequence[str], translate: Translate, decoding: Decoding, checker: Checker
) -> dict[str, Outcome]:
    """Segments with all their spans in the order of the source, and translations between them.

    A piece for which the model has no words, or in whose translation a span would come up, stays as
    it is, and the segment has the flag `untranslated` too.
    """
    layouts = {text: _around_spans(text) for text in texts}
    pieces = list(dict.fromkeys(piece for one in layouts.values() for piece in one.segments))
    answers = (
        dict(zip(pieces, translate(pieces, decoding.of_parts()), strict=True)) if pieces else {}
    )
    found = {}
    for text, layout in layouts.items():
        kept = False
        parts, scores = [], []
        for piece in layout.segments:
            answer = answers[piece].translation
            if not answer or protected_spans.places(answer):
                answer, kept = piece, True
            else:
                scores.append(answers[piece].score)
            parts.append(answer)
        joined = segmentation.join_text(layout.gaps, parts)
        if not protected_spans.same(text, joined):
            # Side by side with a span, its end can look like a part of it, or the span like none:
            # in "0%s" there is no %s.
            joined = segmentation.join_text(layout.gaps, _spaced(layout.gaps, parts))
        if not protected_spans.same(text, joined):
            joined, scores, kept = text, [], True
        copied = kept and checker.config.untranslated
        flags = {*checker(text, joined), SOURCE_ORDER, *(["untranslated"] if copied else [])}
        found[text] = Outcome(joined, mean_score(scores), in_order(flags))
    return found


def _spaced(gaps: Sequence[str], parts: Sequence[str]) -> list[str]:
    """Parts with a space on each side where a span stands without one."""
    return [
        " " * bool(_SPAN_ENDS.search(before)) + part + " " * bool(_SPAN_BEGINS.match(after))
        for before, part, after in zip(gaps, parts, gaps[1:], strict=False)
    ]


def _around_spans(text: str) -> Layout:
    """The pieces of a text between its spans that have a letter; all else is in the gaps."""
    pieces, spans = protected_spans.cut(text)
    segments, gaps = [], [""]
    for piece, span in zip(pieces, [*spans, ""], strict=True):
        if segmentation.has_letter(piece):
            start = len(piece) - len(_BEFORE_WORDS.sub("", piece))
            stop = len(piece.rstrip())
            gaps[-1] += piece[:start]
            segments.append(piece[start:stop])
            gaps.append(piece[stop:] + span)
        else:
            gaps[-1] += piece + span
    return Layout(tuple(segments), tuple(gaps))
