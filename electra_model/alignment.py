"""Which words of a source the words of its output come from, by the attention over the source.

The attention of the last layer but one, the mean of its heads: of the layers of a Transformer that
one tells alignments best (Garg et al. 2019, arXiv:1909.02074, section 5). A model with one layer
has but that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from electra_model.electra import Electra
from electra_model.fusion import Computation, computing
from electra_model.likelihood import shifted
from electra_model.tokenizer import EOS_ID, WORD_START


@dataclasses.dataclass(frozen=True)
class WordAttention:
    """How the words of an output look at those of its source.

    Attributes:
      source_words, target_words: what stands between white space, as it is in the text; as the
        pieces have it where the vocabulary divides a text otherwise.
      scores: float32 [target words, source words]; what a row lacks of 1 went to the end mark.
    """

    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    scores: np.ndarray

    def spelled(self, source: str, target: str) -> WordAttention:
        """With the words of these texts, which were cut into the pieces."""

        def of(text: str, words: tuple[str, ...]) -> tuple[str, ...]:
            found = tuple(text.split())
            return found if len(found) == len(words) else words

        return dataclasses.replace(
            self,
            source_words=of(source, self.source_words),
            target_words=of(target, self.target_words),
        )

    def pairs(self) -> list[tuple[int, int]]:
        """For each target word the source word that it looks at most: (source, target), from 0."""
        if not self.source_words:
            return []
        return [(int(row.argmax()), target) for target, row in enumerate(self.scores)]


def piece_attention(model: Electra):
    """A function of sources and outputs int32 [rows, length], 0 = padding -> float32 [rows, output
    length, source length]: how much each piece of an output looks at each of its source."""
    ids = tf.TensorSpec([None, None], tf.int32)

    @tf.function(autograph=False, input_signature=[ids, ids])
    def run(source, target):
        with computing(Computation(alike=True)):
            _, scores = model.hidden(source, shifted(target))
        layers = scores["decoder_cross"]
        return tf.reduce_mean(layers[max(0, len(layers) - 2)], axis=1)

    return run


def word_attention(
    source: Sequence[tuple[int, str]], target: Sequence[tuple[int, str]], scores: np.ndarray
) -> WordAttention:
    """Of pieces, each with its id, and their scores float [target pieces, source pieces]: the sum
    over the pieces of a source word, the mean over those of a target word."""
    source_words, source_places = _words(source)
    target_words, target_places = _words(target)
    of_source, of_target = _members(source_places), _members(target_places)
    sums = of_target.T @ scores @ of_source
    means = sums / of_target.sum(axis=0)[:, None]
    return WordAttention(tuple(source_words), tuple(target_words), means)


def _members(places: Sequence[int | None]) -> np.ndarray:
    """float32 [pieces, words]: 1 where a piece is in a word."""
    words = 1 + max((place for place in places if place is not None), default=-1)
    found = np.zeros((len(places), words), np.float32)
    for piece, place in enumerate(places):
        if place is not None:
            found[piece, place] = 1
    return found


def _words(pieces: Sequence[tuple[int, str]]) -> tuple[list[str], list[int | None]]:
    """The words, and of each piece in which one it is; the end mark is in none.

    >>> _words([(7, "\u2581a"), (8, "\u2581wo"), (9, "rd"), (3, "</s>")])
    (['a', 'word'], [0, 1, 1, None])
    """
    words: list[str] = []
    places: list[int | None] = []
    for number, piece in pieces:
        if number == EOS_ID:
            places.append(None)
            continue
        if piece.startswith(WORD_START) or not words:
            words.append("")
        words[-1] += piece.removeprefix(WORD_START)
        places.append(len(words) - 1)
    return words, places
