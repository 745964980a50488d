"""WordPiece: each word cut into the longest pieces, left to right (Wu et al. 2016, section 4.1),
in linear time (Song et al. 2021, arXiv:2012.15524).

The scheme differs from BERT's so that text comes back as it was. Words are split at white space
only, never at punctuation. The start of a word is marked, as in SentencePiece, not its going on:
`▁house` begins a word and `s,` goes on with one. As `▁` and every character of the alphabet are
pieces, any word over the alphabet can be cut, and pieces laid end to end, with each `▁` as a space,
are the normalised text. A run of other characters becomes one unknown piece; the rest of its word
is kept.

    vocab.txt   UTF-8, one piece a line, its number from 0 is its id; the special pieces first
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from electra_model.errors import InputError
from electra_model.tokenizer import (
    FIRST_PIECE_ID,
    SPECIAL_PIECES,
    UNK_ID,
    WORD_START,
    WORDPIECE_FILE,
    Tokenizer,
)

if TYPE_CHECKING:
    import tensorflow as tf

# How tensorflow-text tells a piece that goes on with a word. As every word that we give it begins
# with `▁`, text that holds this mark itself is not taken for it.
_GOING_ON = "##"
# What unknown characters are replaced by before the cutting: U+FFFD is never a piece.
_REPLACEMENT = "\ufffd"
# Every word can be cut, so there is no need for a bound.
_LONGEST_WORD = 1 << 30


class WordPieceTokenizer(Tokenizer):
    """One list of pieces.

    Args:
      model_bytes: as in `vocab.txt`.

    Raises:
      InputError: the bytes are no such list, or it does not begin with the five special pieces.
    """

    file_name = WORDPIECE_FILE

    def __init__(self, model_bytes: bytes):
        self.model_bytes = model_bytes
        try:
            self._pieces = model_bytes.decode("utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise InputError(
                f"the vocabulary ({len(model_bytes)} bytes) is not UTF-8 text (at byte "
                f"{error.start}); make it again with `electra prepare`"
            ) from None
        found = tuple(self._pieces[:FIRST_PIECE_ID])
        if found != SPECIAL_PIECES:
            shown = ", ".join(piece[:20] for piece in found)
            raise InputError(
                f"the vocabulary begins with the pieces {shown}; "
                f"it must begin with {', '.join(SPECIAL_PIECES)}"
            )
        if problem := _problem(self._pieces[FIRST_PIECE_ID:]):
            raise InputError(f"the vocabulary {problem}; make it again with `electra prepare`")
        self.size = len(self._pieces)
        self._unknown = f"[^{_ranges({WORD_START, *_alphabet(self._pieces)})}]+"
        # A `▁` in the text would read as the start of a word.
        self._unknown = f"(?:{self._unknown}|{WORD_START})+"

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """The piece of each id."""
        return [self._pieces[int(number)] for number in token_ids]

    def cut(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Words [k] -> ragged int32 [k, (length)]. The empty word has no piece."""
        import tensorflow as tf

        known: Any = tf.strings.regex_replace(words, self._unknown, _REPLACEMENT)
        marked: Any = tf.strings.join([tf.constant(WORD_START), known])
        ids: Any = self.layer.tokenize(tf.where(tf.equal(words, ""), "", marked))
        return ids

    def join(self, token_ids: tf.RaggedTensor) -> tf.Tensor:
        """Ragged int32 [n, (length)] -> strings [n]."""
        import tensorflow as tf

        parts = token_ids.with_flat_values(tf.gather(self._table, token_ids.flat_values))
        joined: Any = tf.strings.reduce_join(parts, axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(joined, WORD_START, " "))

    @functools.cached_property
    def layer(self) -> Any:
        """The `tensorflow_text.FastWordpieceTokenizer`."""
        import tensorflow as tf
        import tensorflow_text

        own = [
            piece if number < FIRST_PIECE_ID or piece.startswith(WORD_START) else _GOING_ON + piece
            for number, piece in enumerate(self._pieces)
        ]
        # The id of unknown is also that of the character which stands for it within words.
        own[UNK_ID] = _GOING_ON + _REPLACEMENT
        # The op reads a constant, which must live outside of any graph that is being traced.
        with tf.init_scope(), tf.device("/CPU:0"):
            return tensorflow_text.FastWordpieceTokenizer(
                own,
                suffix_indicator=_GOING_ON,
                max_bytes_per_word=_LONGEST_WORD,
                token_out_type=tf.dtypes.int32,
                unknown_token=own[UNK_ID],
                no_pretokenization=True,
            )

    @functools.cached_property
    def _table(self) -> Any:
        """Strings [size]: the text of each piece."""
        import tensorflow as tf

        with tf.init_scope(), tf.device("/CPU:0"):
            return tf.constant(self._pieces)


def _alphabet(pieces: Iterable[str]) -> set[str]:
    return {piece for piece in pieces if len(piece) == 1}


def _problem(pieces: list[str]) -> str:
    """What is wrong with pieces that are not special; empty when nothing is."""
    if len(set(pieces)) < len(pieces) or set(pieces) & set(SPECIAL_PIECES):
        return "has a piece twice"
    alphabet = _alphabet(pieces)
    if WORD_START not in alphabet:
        return f"lacks the piece {WORD_START}, the start of a word"
    for number, piece in enumerate(pieces, FIRST_PIECE_ID + 1):
        if not piece:
            return f"has an empty line ({number})"
        if WORD_START in piece[1:] or not alphabet.issuperset(piece):
            return f"has a piece with a character that is no piece itself (line {number})"
    return ""


def _ranges(characters: Iterable[str]) -> str:
    """Characters as the inside of a class of a regular expression (RE2)."""
    codes = sorted(map(ord, characters))
    found: list[list[int]] = []
    for code in codes:
        if found and code == found[-1][1] + 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in found)
