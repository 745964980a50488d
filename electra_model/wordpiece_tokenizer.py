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
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from electra_model.errors import InputError
from electra_model.longest_match import LongestMatch
from electra_model.tokenizer import (
    FIRST_PIECE_ID,
    SPECIAL_PIECES,
    UNK_ID,
    WORD_START,
    WORDPIECE_FILE,
    Tokenizer,
)
from electra_model.word_columns import laid_out

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

# How tensorflow-text tells a piece that goes on with a word. As every word that we give it begins
# with `▁`, text that holds this mark itself is not taken for it.
_GOING_ON = "##"
# What unknown characters are replaced by before the cutting: U+FFFD is never a piece.
_REPLACEMENT = "\ufffd"
# Words that are cut side by side: their arrays stay in the processor's caches.
_WORDS_AT_ONCE = 1 << 15
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

    def encode_words(
        self, words: Sequence[str] | pa.StringArray, *, normalized: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """k words -> (ids int32 [m], offsets int64 [k + 1]), without end marks; see `Tokenizer`.

        Without TensorFlow, but for vocabularies whose trie would be too large.
        """
        if self._trie is None:
            return super().encode_words(words, normalized=normalized)
        import pyarrow as pa
        import pyarrow.compute as pc

        texts: Any = words if isinstance(words, pa.Array) else pa.array(words, pa.string())
        if not normalized:
            # Not Arrow's `utf8_normalize`: its NFC leaves what is decomposed as it is.
            texts = pa.array(
                [unicodedata.normalize("NFC", word) for word in texts.to_pylist()], pa.string()
            )
        known = pc.replace_substring_regex(texts, self._unknown, _REPLACEMENT)  # pyright: ignore
        ids, lengths = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
        for start in range(0, len(known), _WORDS_AT_ONCE):
            data, offsets = _marked(known.slice(start, _WORDS_AT_ONCE))
            values, starts = self._trie.cut(data, offsets)
            ids.append(values)
            lengths.append(np.diff(starts))
        return np.concatenate(ids), np.cumsum(np.concatenate(lengths))

    @functools.cached_property
    def _trie(self) -> LongestMatch | None:
        pieces = [(piece, n) for n, piece in enumerate(self._pieces) if n >= FIRST_PIECE_ID]
        try:
            return LongestMatch([*pieces, (_REPLACEMENT, UNK_ID)])
        except ValueError:
            return None

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


def _marked(words: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of words, each behind a `▁` unless it is empty, and their offsets."""
    data, offsets = laid_out(words)
    sizes = np.diff(offsets).astype(np.int64)
    mark = np.frombuffer(WORD_START.encode(), np.uint8)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes + len(mark) * (sizes > 0))])
    marked = np.empty(starts[-1], np.uint8)
    is_mark = np.zeros(starts[-1], bool)
    begins = starts[:-1][sizes > 0]
    for number, byte in enumerate(mark):
        marked[begins + number] = byte
        is_mark[begins + number] = True
    marked[~is_mark] = data
    return marked, starts


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
