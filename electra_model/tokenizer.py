"""Text to piece ids and back, run by tensorflow-text in the graph.

`Tokenizer` is what the rest of the system sees; there are two kinds of it, told apart by the file
in a vocabulary's or a model's folder: `spm.model` (`sentencepiece_tokenizer`) and `vocab.txt`
(`wordpiece_tokenizer`). Where source and target have a vocabulary each, such a file is in each of
the folders `source` and `target` below.

Text is brought to one form first: Unicode NFC, and one space for every run of white space. Then
every word is cut by itself. So a saved model cuts a sentence as its training data was cut, but for
ties of the unigram model (see `segment_words`).
The first five ids are fixed: padding, unknown, begin, end and mask. TensorFlow is imported only
when a method needs it.
"""

from __future__ import annotations

import abc
import hashlib
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from electra_model.errors import InputError
from electra_model.word_columns import WHITE_SPACE, lay_end_to_end, single_spaced, split_words

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

PAD_ID, UNK_ID, BOS_ID, EOS_ID, MASK_ID = range(5)
FIRST_PIECE_ID = 5
SPECIAL_PIECES = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
SENTENCEPIECE_FILE = "spm.model"
WORDPIECE_FILE = "vocab.txt"
FILES = (SENTENCEPIECE_FILE, WORDPIECE_FILE)
SIDES = ("source", "target")

# What stands for the beginning of a word in pieces, and so never in them as a character.
WORD_START = "\u2581"

# Strings that are handed to the tokenizer at once: bounds the memory of `encode_columns`.
_BATCH = 65_536


class Tokenizer(abc.ABC):
    """One vocabulary.

    Attributes:
      file_name: of the vocabulary in its folder. model_bytes: what that file holds.
      size: number of ids.
    """

    file_name: ClassVar[str]
    model_bytes: bytes
    size: int

    @staticmethod
    def load(vocabulary_dir: str) -> Tokenizer:
        """Reads the one vocabulary in a local folder.

        Raises:
          InputError: there is none, there are two, or it cannot be used.
        """
        folder = pathlib.Path(vocabulary_dir)
        found = [name for name in FILES if (folder / name).exists()]
        if len(found) > 1:
            raise InputError(
                f"{folder}: holds two vocabularies, {' and '.join(found)}; "
                "remove the one that does not belong there"
            )
        path = folder / (found or FILES)[0]
        try:
            data = path.read_bytes()
        except OSError as error:
            other = "" if found else f", nor is there a {WORDPIECE_FILE}"
            raise InputError(
                f"{path}: cannot be read ({error.strerror}){other}; make it with `electra prepare`"
            ) from None
        return Tokenizer.of(path.name, data)

    @staticmethod
    def load_sides(folder: str) -> tuple[Tokenizer, Tokenizer | None]:
        """Reads the vocabulary of the source and that of the target in a local folder.

        Returns:
          the source's and the target's; where one serves both sides, that one and None.

        Raises:
          InputError: as `load`; or there is one for both sides and one for a side.
        """
        place = pathlib.Path(folder)
        joint = [name for name in FILES if (place / name).exists()]
        apart = [
            f"{side}/{name}" for side in SIDES for name in FILES if (place / side / name).exists()
        ]
        if joint and apart:
            raise InputError(
                f"{folder}: holds a vocabulary of both sides, {joint[0]}, and one of one side, "
                f"{apart[0]}; remove what does not belong there"
            )
        if not apart:
            return Tokenizer.load(folder), None
        source, target = (Tokenizer.load(str(place / side)) for side in SIDES)
        return source, target

    @staticmethod
    def of(file_name: str, data: bytes) -> Tokenizer:
        """The tokenizer of a file by its name, one of `FILES`, and what it holds.

        Raises:
          InputError: that is not such a vocabulary, or it does not begin with `SPECIAL_PIECES`.
        """
        if file_name == SENTENCEPIECE_FILE:
            from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer

            return SentencePieceTokenizer(data)
        if file_name == WORDPIECE_FILE:
            from electra_model.wordpiece_tokenizer import WordPieceTokenizer

            return WordPieceTokenizer(data)
        raise InputError(f"{file_name}: is no vocabulary; one is named {' or '.join(FILES)}")

    @property
    @abc.abstractmethod
    def layer(self) -> Any:
        """What an exported module must hold in an attribute, so that it is saved along."""

    @abc.abstractmethod
    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """The piece of each id, for people to read (`▁` marks the start of a word)."""

    @abc.abstractmethod
    def cut(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Words [k] in NFC, without white space -> ragged int32 [k, (length)], no end marks."""

    @abc.abstractmethod
    def join(self, token_ids: tf.RaggedTensor) -> tf.Tensor:
        """Ragged int32 [n, (length)], no special ids among them -> strings [n]."""

    def fingerprint(self) -> str:
        """First 16 hex digits of the sha256 of the file: equal for equal ids, on every machine."""
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
        pieces: Any = self.cut(words.flat_values)
        ids = words.with_flat_values(pieces).merge_dims(1, 2)
        ends = tf.fill([ids.nrows(), 1], EOS_ID)
        joined: Any = tf.concat([ids, tf.cast(ends, ids.dtype)], axis=1)
        return joined

    def decode(self, token_ids: tf.RaggedTensor) -> tf.Tensor:
        """Ragged int32 [n, (length)] -> strings [n]; the five special ids are dropped."""
        import tensorflow as tf

        kept = tf.ragged.boolean_mask(token_ids, tf.greater_equal(token_ids, FIRST_PIECE_ID))
        return self.join(kept)

    def encode_words(
        self, words: Sequence[str] | pa.StringArray, *, normalized: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """k words -> (ids int32 [m], offsets int64 [k + 1]), without end marks.

        Words hold no white space; `encode` gives texts the same ids word by word. `normalized` says
        that they are NFC, which saves looking.
        """
        import tensorflow as tf
        import tensorflow_text

        listed: Any = words
        if not isinstance(words, list | tuple):
            listed = listed.to_pylist()
        values, lengths = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
        for start in range(0, len(listed), _BATCH):
            batch = np.array([word.encode() for word in listed[start : start + _BATCH]], object)
            with tf.device("/CPU:0"):
                strings: Any = tf.constant(batch, tf.string)
                if not normalized:
                    strings = tensorflow_text.normalize_utf8(strings, "NFC")
                ragged: Any = self.cut(strings)
            values.append(ragged.values.numpy())
            lengths.append(np.diff(ragged.row_splits.numpy()))
        return np.concatenate(values), np.cumsum(np.concatenate(lengths))

    def segment_words(self, words: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
        """k normalised words -> as `encode_words`, wherever possible without loading TensorFlow.

        Where two cuts of a word are equally likely but for rounding it may give the other one: with
        8,000 unigram pieces that were 48 of 300,900 distinct words of technical English (such as
        `"000002"`); with BPE and WordPiece none can be.
        """
        return self.encode_words(words)

    def encode_columns(
        self, texts: Sequence[str] | pa.StringArray, *, normalized: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """n texts -> (ids int32 [m], offsets int64 [n + 1]), the same ids as `encode`.

        Each distinct word of a batch is cut once. `normalized` says that the texts are NFC with
        single spaces and none at the ends, as prepare's are, which saves looking.
        """
        values, lengths = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
        for start in range(0, len(texts), _BATCH):
            ids, offsets = self._encode_batch(texts[start : start + _BATCH], normalized)
            values.append(ids)
            lengths.append(np.diff(offsets))
        return np.concatenate(values), np.cumsum(np.concatenate(lengths))

    def _encode_batch(self, texts: Any, normalized: bool) -> tuple[np.ndarray, np.ndarray]:
        import pyarrow as pa

        column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
        words = split_words(column if normalized else single_spaced(column))
        # White space composes with nothing, so a text is NFC when its words are.
        ids, starts = self.encode_words(words.distinct, normalized=normalized)
        table = np.concatenate([np.array([EOS_ID], np.int32), ids])
        rows = np.concatenate([np.zeros(1, np.int64), starts + 1])
        return lay_end_to_end(words.index + 1, words.offsets, table, rows)


def by_folder(tokenizer: Tokenizer, target: Tokenizer | None) -> dict[str, Tokenizer]:
    """Folder below the model's -> the tokenizer in it; "" is the model folder itself."""
    return {"": tokenizer} if target is None else dict(zip(SIDES, (tokenizer, target), strict=True))
