"""More of each translation, on request: other outputs of the search, and which words come from
which.

    _electra/details/<name>.jsonl.gz    line n is about row n of the output file

    {"row": 1, "segments": [{"source": ..., "translation": ..., "score": ..., "n_best": [{"text":
     ..., "score": ...}, ...], "source_words": [...], "target_words": [...], "alignment": [[source
     word, target word], ...], "attention": [[...], ...]}]}

They are worked out from a segment and what it has become, so that what came from the translation
memory has them as well. A segment that the model did not take as a whole, or that has become
nothing, has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..inference import Decoding
from ..mirrors.mirror import Answer
from .details_config import Wanted
from .outcome import Outcome

# Of an attention score that is written down.
_DECIMALS = 4


def told(
    model: Any,
    segments: Sequence[str],
    outcomes: Sequence[Outcome],
    decoding: Decoding,
    wanted: Wanted,
) -> list[dict[str, Any]]:
    """What is told of each segment besides its translation.

    model: an `electra_model.export.LoadedModel`.
    """
    pairs = {
        (segment, one.translation): {} for segment, one in zip(segments, outcomes, strict=True)
    }
    fitting = _fitting(model, [text for text, translation in pairs if translation])
    if wanted.n_best > 1:
        outputs = model.n_best(fitting, wanted.n_best, **decoding.options())
        ranked = dict(zip(fitting, outputs, strict=True))
        for (text, _), found in pairs.items():
            if text in ranked:
                found["n_best"] = [
                    {"text": output, "score": round(score, _DECIMALS)}
                    for output, score in ranked[text]
                ]
    if wanted.alignments or wanted.attention:
        inside = set(fitting)
        some = [pair for pair in pairs if pair[0] in inside and pair[1]]
        for pair, words in zip(some, model.word_attention(*_sides(some)), strict=True):
            pairs[pair] |= _of_words(words, wanted)
    return [
        pairs[segment, one.translation] for segment, one in zip(segments, outcomes, strict=True)
    ]


def _fitting(model: Any, texts: Iterable[str]) -> list[str]:
    """Those that the model takes as a whole, each once."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return []
    counts = model.count_tokens(distinct)
    bound = model.source_max_length
    return [text for text, count in zip(distinct, counts, strict=True) if count <= bound]


def _sides(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [source for source, _ in pairs], [target for _, target in pairs]


def _of_words(words: Any, wanted: Wanted) -> dict[str, Any]:
    found: dict[str, Any] = {
        "source_words": list(words.source_words),
        "target_words": list(words.target_words),
    }
    if wanted.alignments:
        found["alignment"] = [list(pair) for pair in words.pairs()]
    if wanted.attention:
        found["attention"] = [
            [round(value, _DECIMALS) for value in row] for row in words.scores.tolist()
        ]
    return found


def of_rows(
    rows: Iterable[tuple[Sequence[str], Sequence[Outcome], Answer]],
    details: Sequence[dict[str, Any]],
) -> bytes:
    """The lines of a unit's rows, without their numbers.

    Args:
      rows: the segments of each, what has become of them, and the row's answer. details: of all
        segments, in order.
    """
    each = iter(details)
    return b"".join(_line(segments, outcomes, each) for segments, outcomes, _ in rows)


def _line(
    segments: Sequence[str], outcomes: Sequence[Outcome], details: Iterator[dict[str, Any]]
) -> bytes:
    shown = [
        {"source": segment, "translation": one.translation or None, "score": one.score}
        | next(details)
        for segment, one in zip(segments, outcomes, strict=True)
    ]
    text = json.dumps({"segments": shown}, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
