"""Pieces of a SentencePiece model (Kudo and Richardson 2018): unigram or BPE.

With bytes to fall back on, a character without a piece becomes its UTF-8 bytes, and no text is
unknown. White space is folded once more by a rule inside the model (see `pipelines.vocabulary`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from electra_model.errors import InputError
from electra_model.tokenizer import (
    FIRST_PIECE_ID,
    SENTENCEPIECE_FILE,
    SPECIAL_PIECES,
    Tokenizer,
)

if TYPE_CHECKING:
    import tensorflow as tf


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
