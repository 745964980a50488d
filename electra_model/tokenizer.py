"""Text to piece ids and back: a SentencePiece unigram model, run by tensorflow-text in the graph.

Text is brought to one form first, in the graph: Unicode NFC, and words between white space. So a
saved model cuts a sentence exactly as its training data was cut. The first five ids are fixed:
padding, unknown, begin, end and mask. TensorFlow is imported only when a method needs it.
"""

from __future__ import annotations

import functools
import hashlib
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from electra_model.errors import InputError

if TYPE_CHECKING:
    import tensorflow as tf

PAD_ID, UNK_ID, BOS_ID, EOS_ID, MASK_ID = range(5)
FIRST_PIECE_ID = 5
SPECIAL_PIECES = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
MODEL_FILE = "spm.model"

# Every white space of Unicode, as the inside of a character class.
WHITE_SPACE = "\t-\r\x1c-\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

# Strings that are handed to the tokenizer at once: bounds the memory of `encode_columns`.
_BATCH = 65_536


class Tokenizer:
    """One SentencePiece model.

    Attributes:
      model_bytes: the serialized model, as in `spm.model`.
      size: number of ids.

    Raises:
      InputError: the bytes are no SentencePiece model, or its special ids are not the five above.
    """

    def __init__(self, model_bytes: bytes):
        import sentencepiece

        self.model_bytes = model_bytes
        try:
            processor = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
            self.size = int(processor.get_piece_size())
        except (RuntimeError, OSError):
            raise InputError(
                f"the vocabulary ({len(model_bytes)} bytes) is not a SentencePiece model; "
                "make it again with `electra prepare`"
            ) from None
        found = tuple(
            processor.id_to_piece(number) for number in range(min(FIRST_PIECE_ID, self.size))
        )
        if found != SPECIAL_PIECES:
            raise InputError(
                f"the vocabulary begins with the pieces {', '.join(found)}; "
                f"it must begin with {', '.join(SPECIAL_PIECES)}"
            )
        self._processor = processor

    @classmethod
    def load(cls, vocabulary_dir: str) -> Tokenizer:
        """Reads `spm.model` in a local folder. Raises `InputError` when it is not there."""
        path = pathlib.Path(vocabulary_dir) / MODEL_FILE
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read ({error.strerror}); make it with `electra prepare`"
            ) from None

    def fingerprint(self) -> str:
        """First 16 hex digits of the sha256 of the model: equal for equal ids, on every machine."""
        return hashlib.sha256(self.model_bytes).hexdigest()[:16]

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Strings [n] -> ragged int32 [n, (length)], each row ending with `EOS_ID`.

        Usable inside `tf.function` and in an exported model. Blank text gives the end mark alone.
        Every word is cut by itself: where two cuts of a word are equally likely but for the last
        bit of a sum, its neighbours must not decide.
        """
        import tensorflow as tf
        import tensorflow_text

        normal: Any = tensorflow_text.normalize_utf8(texts, "NFC")
        words: Any = tf.strings.split(tf.strings.regex_replace(normal, f"[{WHITE_SPACE}]+", " "))
        pieces: Any = self.layer.tokenize(words.flat_values)
        ids = words.with_flat_values(pieces).merge_dims(1, 2)
        ends = tf.fill([ids.nrows(), 1], EOS_ID)
        joined: Any = tf.concat([ids, tf.cast(ends, ids.dtype)], axis=1)
        return joined

    def decode(self, token_ids: tf.RaggedTensor) -> tf.Tensor:
        """Ragged int32 [n, (length)] -> strings [n]; the five special ids are dropped."""
        import tensorflow as tf

        kept = tf.ragged.boolean_mask(token_ids, tf.greater_equal(token_ids, FIRST_PIECE_ID))
        return self.layer.detokenize(kept)  # pyright: ignore

    def encode_words(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """k words -> (ids int32 [m], offsets int64 [k + 1]), without end marks.

        Words are NFC and hold no white space; `encode` gives texts the same ids word by word.
        """
        return self._columns(words, self.layer.tokenize)

    def encode_columns(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """n texts -> (ids int32 [m], offsets int64 [n + 1]), the same ids as `encode`."""
        return self._columns(texts, self.encode)

    def _columns(self, texts: Sequence[str], encode: Any) -> tuple[np.ndarray, np.ndarray]:
        import tensorflow as tf

        values, lengths = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
        for start in range(0, len(texts), _BATCH):
            batch = np.array([text.encode() for text in texts[start : start + _BATCH]], object)
            with tf.device("/CPU:0"):
                ragged: Any = encode(tf.constant(batch, tf.string))
            values.append(ragged.values.numpy())
            lengths.append(np.diff(ragged.row_splits.numpy()))
        return np.concatenate(values), np.cumsum(np.concatenate(lengths))

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """The piece of each id, for people to read (`▁` marks the start of a word)."""
        return [self._processor.id_to_piece(int(number)) for number in token_ids]

    @functools.cached_property
    def layer(self):
        """The `tensorflow_text.SentencepieceTokenizer`.

        An exported module must hold it in an attribute, so that its table is saved along.
        """
        import tensorflow as tf
        import tensorflow_text

        # The op holds a table, which must live outside of any graph that is being traced.
        with tf.init_scope():
            return tensorflow_text.SentencepieceTokenizer(
                model=self.model_bytes, out_type=tf.dtypes.int32
            )
