"""Pieces of a SentencePiece model (Kudo and Richardson 2018): unigram or BPE.

With bytes to fall back on, a character without a piece becomes its UTF-8 bytes, and no text is
unknown. White space is folded once more by a rule inside the model (see
`pipelines.vocabularies.vocabulary`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from electra_model.errors import InputError
from electra_model.tokenizer import (
    FIRST_PIECE_ID,
    SENTENCEPIECE_FILE,
    SPECIAL_PIECES,
    Tokenizer,
)

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

# Their ids are Python lists for a moment, some 200 bytes a word.
_WORDS_AT_ONCE = 1 << 16


class SentencePieceTokenizer(Tokenizer):
    """One SentencePiece model.

    Args:
      model_bytes: the serialized model, as in `spm.model`.

    Raises:
      InputError: the bytes are no SentencePiece model, or its special ids are not the five.
    """

    file_name = SENTENCEPIECE_FILE

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

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """The piece of each id; bytes that stand for themselves read `<0xE2>`."""
        return [self._processor.id_to_piece(int(number)) for number in token_ids]

    def segment_words(self, words: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
        """See `Tokenizer.segment_words`: SentencePiece's own library, which loads at once."""
        values, lengths = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
        for start in range(0, len(words), _WORDS_AT_ONCE):
            batch = words.slice(start, _WORDS_AT_ONCE).to_pylist()
            found = self._processor.encode(batch, out_type=int, num_threads=1)
            sizes = np.fromiter(map(len, found), np.int64, len(found))
            ids = itertools.chain.from_iterable(found)
            values.append(np.fromiter(ids, np.int32, int(sizes.sum())))
            lengths.append(sizes)
        return np.concatenate(values), np.cumsum(np.concatenate(lengths))

    def cut(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Words [k] -> ragged int32 [k, (length)]."""
        return self.layer.tokenize(words)

    def join(self, token_ids: tf.RaggedTensor) -> tf.Tensor:
        """Ragged int32 [n, (length)] -> strings [n]. Bytes that make no character give U+FFFD."""
        return self.layer.detokenize(token_ids)

    @functools.cached_property
    def layer(self) -> Any:
        """The `tensorflow_text.SentencepieceTokenizer`.

        Not the fast one: it cuts words otherwise than SentencePiece does where the model is BPE.
        """
        import tensorflow as tf
        import tensorflow_text

        # The op holds a table, which must live outside of any graph that is being traced. A saved
        # model finds the table by the op's name: two vocabularies of one name would be one.
        with tf.init_scope():
            return tensorflow_text.SentencepieceTokenizer(
                model=self.model_bytes,
                out_type=tf.dtypes.int32,
                name=f"vocabulary_{self.fingerprint()}",
            )
