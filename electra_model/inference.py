"""A trained model at work: strings in, strings and scores out, order kept."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from electra_model import alignment, attention_flow, threads
from electra_model import buckets as bucketing
from electra_model.constraints import Given
from electra_model.decoding import Decoding, Sampling
from electra_model.discriminator import Discriminator
from electra_model.electra import Electra
from electra_model.likelihood import compiled_log_likelihoods
from electra_model.sampling import draws
from electra_model.search import search, target_limits
from electra_model.shortlist import LENGTH, Shortlist
from electra_model.tokenizer import BOS_ID, PAD_ID, Tokenizer

# Sentences whose outputs are searched together.
SEARCH_ROWS = 4096
# Padded source tokens and rows of one batch whose likelihoods are computed.
BATCH_TOKENS = 2048
BATCH_ROWS = 64


class LoadedModel:
    """An `Electra` with its tokenizers.

    Args:
      target_tokenizer: of the outputs, where it is not that of the inputs, `tokenizer`.

    Attributes:
      tokenizer: of the inputs. target_tokenizer: of the outputs; the same one where one vocabulary
        serves both sides.
      shortlist: what lists of the outputs' tokens are made of, where the model has that.
      discriminator: what judges outputs, where the model has that.
      metadata: what `model.json` says. fingerprint: of weights, sizes and vocabularies.
      source_max_length: most tokens of one input, end mark included. widths: by which it is told
        how long an output may be.
    """

    def __init__(
        self,
        model: Electra,
        tokenizer: Tokenizer,
        metadata: dict[str, Any],
        target_tokenizer: Tokenizer | None = None,
        shortlist: Shortlist | None = None,
        discriminator: Discriminator | None = None,
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.target_tokenizer = target_tokenizer or tokenizer
        self.shortlist = shortlist
        self.discriminator = discriminator
        self.metadata = metadata
        self.fingerprint: str = metadata["fingerprint"]
        self.buckets: tuple[int, ...] = tuple(metadata["buckets"])
        self.source_max_length: int = self.buckets[-1]
        self.widths = bucketing.fine_buckets(self.source_max_length)
        self._searches: dict[Decoding, Any] = {}
        self._making = threading.Lock()
        self._likelihoods: Any = None
        self._piece_attention: Any = None

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """n texts -> int64 [n], tokens of each, end mark included."""
        return np.diff(self.tokenizer.encode_columns(texts)[1])

    def translate(
        self,
        texts: Sequence[str],
        *,
        beam_size: int = 4,
        length_penalty: float = 0.6,
        max_length: int | None = None,
        min_length: int = 2,
        no_repeat_ngram: int = 0,
        sampling: Sampling | None = None,
        shortlist: bool = False,
    ) -> tuple[list[str], np.ndarray]:
        """n texts -> n outputs, in order, and float32 [n] scores (length-normalised
        log-probabilities).

        A text without any token gives an empty output with score 0. One of more than
        `source_max_length` tokens is cut: callers that must not lose text split it before. What a
        text becomes does not depend on the other texts.
        """
        decoding = Decoding(
            beam_size=beam_size,
            alpha=length_penalty,
            min_length=min_length,
            no_repeat_ngram=no_repeat_ngram,
            sampling=sampling,
            shortlist=shortlist,
        )
        numbers = None
        if sampling is not None:
            numbers = draws(texts, sampling.seed, self.model.max_length)
        ranked, scores = self._ranked(texts, decoding, max_length, numbers)
        return [outputs[0] if outputs else "" for outputs in ranked], scores[:, 0]

    def n_best(
        self,
        texts: Sequence[str],
        count: int,
        *,
        beam_size: int = 4,
        length_penalty: float = 0.6,
        max_length: int | None = None,
        min_length: int = 2,
        no_repeat_ngram: int = 0,
        shortlist: bool = False,
    ) -> list[list[tuple[str, float]]]:
        """n texts -> for each its `count` best outputs, at most `beam_size`, with their scores, the
        best one first: as `translate`, which gives the first of them. Fewer where the search ended
        with fewer; none for a text without any token."""
        decoding = Decoding(
            beam_size=beam_size,
            alpha=length_penalty,
            n_best=count,
            min_length=min_length,
            no_repeat_ngram=no_repeat_ngram,
            shortlist=shortlist,
        )
        ranked, scores = self._ranked(texts, decoding, max_length)
        return [
            list(zip(outputs, map(float, own), strict=False))
            for outputs, own in zip(ranked, scores, strict=True)
        ]

    def _ranked(
        self,
        texts: Sequence[str],
        decoding: Decoding,
        max_length: int | None,
        numbers: np.ndarray | None = None,
    ) -> tuple[list[list[str]], np.ndarray]:
        """The outputs that were found for each text, the best one first, and float32 [n, n_best],
        their scores. numbers: as of `search_rows`."""
        columns = self.tokenizer.encode_columns(texts)
        found, scores = self.search_rows(*columns, decoding, max_length, numbers)
        ranked: list[list[str]] = [[] for _ in texts]
        for members, ids in found:
            for outputs in np.moveaxis(ids, 1, 0):
                written = outputs[:, 0] != PAD_ID
                strings = self._strings(outputs)
                for position, string, there in zip(members, strings, written, strict=True):
                    if there:
                        ranked[position].append(string)
        return ranked, scores

    def word_attention(
        self, sources: Sequence[str], targets: Sequence[str]
    ) -> list[alignment.WordAttention]:
        """n sources and n outputs -> for each how its words look at those of its source (see
        `alignment`). What a pair becomes does not depend on the others. Texts with more tokens than
        `source_max_length` are cut."""
        columns = self._encoded_pairs(sources, targets)
        longest = np.maximum(*(np.diff(offsets) for _, offsets in columns))
        if self._piece_attention is None:
            self._piece_attention = alignment.piece_attention(self.model)
        found: list[Any] = [None] * len(sources)
        for length, batch, filled in bucketing.batches(
            longest, self.buckets, BATCH_TOKENS, BATCH_ROWS
        ):
            padded = [bucketing.pad(*column, filled, length) for column in columns]
            scores = self._piece_attention(*map(tf.constant, padded)).numpy()
            for row, position in enumerate(map(int, batch)):
                pieces = []
                for tokenizer, ids in zip(self._sides, padded, strict=True):
                    own = ids[row][ids[row] != PAD_ID].tolist()
                    pieces.append(list(zip(own, tokenizer.pieces(own), strict=True)))
                sizes = [len(side) for side in pieces]
                own_scores = scores[row, : sizes[1], : sizes[0]]
                words = alignment.word_attention(pieces[0], pieces[1], own_scores)
                found[position] = words.spelled(sources[position], targets[position])
        return found

    def search_rows(
        self,
        values: np.ndarray,
        offsets: np.ndarray,
        decoding: Decoding,
        max_length: int | None = None,
        numbers: np.ndarray | None = None,
    ) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
        """As `translate`, from tokens to tokens.

        values int [m], offsets int [n + 1]: the tokens of n sources, end marks included. numbers
        float32 [n, max_length]: of each what is drawn by, where decoding draws. Returns for each
        part of the sources which they are, int [k], and their best outputs, int32 [k, n_best,
        limit], 0 = padding; and float32 [n, n_best], the scores.
        """
        lengths = np.diff(offsets)
        scores = np.zeros((len(lengths), decoding.n_best), np.float32)
        # The end mark alone is no text.
        members = np.flatnonzero(lengths > 1)
        # Of like length, the longest first: those that are left at the end have little to do.
        members = members[np.argsort(-lengths[members], kind="stable")]

        def found(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            width = min(int(lengths[rows[0]]), self.source_max_length)
            source = bucketing.pad(values, offsets, rows, width)
            own = None if numbers is None else numbers[rows]
            ids, scores[rows] = self.search_ids(source, decoding, max_length, own)
            return rows, ids

        lanes = min(threads.lanes(), len(members))
        parts = [
            members[lane::lanes][start : start + SEARCH_ROWS]
            for start in range(0, len(members), SEARCH_ROWS)
            for lane in range(lanes)
        ]
        parts = [rows for rows in parts if len(rows)]
        with concurrent.futures.ThreadPoolExecutor(max(1, lanes)) as pool:
            return list(pool.map(found, parts)), scores

    @property
    def _sides(self) -> tuple[Tokenizer, Tokenizer]:
        return self.tokenizer, self.target_tokenizer

    def _encoded_pairs(
        self, sources: Sequence[str], targets: Sequence[str]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The tokens of both sides, each as of `Tokenizer.encode_columns`."""
        pairs = zip(self._sides, (sources, targets), strict=True)
        return [tokenizer.encode_columns(texts) for tokenizer, texts in pairs]

    def log_likelihoods(
        self, sources: Sequence[str], targets: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """n sources and n targets -> float64 [n], the log-probability (natural) of each target
        given its source, and int64 [n], its tokens, end mark included.

        Texts with more tokens than `source_max_length` are cut. One function is compiled for each
        bucket, that of a pair's longer side.
        """
        columns = self._encoded_pairs(sources, targets)
        lengths = [np.diff(offsets) for _, offsets in columns]
        longest = np.maximum(*lengths)
        if self._likelihoods is None:
            self._likelihoods = compiled_log_likelihoods(self.model)
        found = np.zeros(len(sources))
        for length, batch, filled in bucketing.batches(
            longest, self.buckets, BATCH_TOKENS, BATCH_ROWS
        ):
            padded = [bucketing.pad(*column, filled, length) for column in columns]
            values = self._likelihoods(*map(tf.constant, padded))
            found[batch] = values.numpy()[: len(batch)]
        return found, np.minimum(lengths[1], self.buckets[-1])

    def search_ids(
        self,
        source: np.ndarray,
        decoding: Decoding,
        max_length: int | None = None,
        numbers: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """source int32 [rows, width] -> the best outputs, token ids int32 [rows, n_best, limit],
        and their scores float32 [rows, n_best]. It is fastest with the longest first.

        One function is traced, and kept, for each setting.
        """
        limits = self.limits((source != PAD_ID).sum(axis=1), max_length)
        with self._making:
            if decoding not in self._searches:
                self._searches[decoding] = traced_search(
                    self.model, decoding
                ).get_concrete_function()
        if numbers is None:
            numbers = np.zeros((len(source), 0), np.float32)
        lists = np.zeros((len(source), LENGTH if decoding.shortlist else 0), np.int32)
        if decoding.shortlist:
            if self.shortlist is None:
                raise ValueError("the model has no shortlist")
            lists = self.shortlist.of_sources(source)
        found = self._searches[decoding](*map(tf.constant, (source, limits, numbers, lists)))
        token_ids, scores = found
        return token_ids.numpy(), scores.numpy()

    def limits(self, lengths: np.ndarray, max_length: int | None = None) -> np.ndarray:
        """Tokens of sources int [n] -> int32 [n], the most that their outputs may have."""
        widths = np.asarray(self.widths)[bucketing.nearest_bucket_of(lengths, self.widths)]
        most = self.model.max_length if max_length is None else max_length
        return np.minimum(target_limits(widths, self.model.max_length), most).astype(np.int32)

    def attention(
        self, source: str, *, beam_size: int = 4, length_penalty: float = 0.6
    ) -> dict[str, Any]:
        """The attention scores behind the output for one text, and what flows through them.

        A text of more than `source_max_length` tokens is cut, as in `translate`.

        Returns `source_pieces`, `target_pieces` (lists of str), and, each float32, `encoder`
        [layers, heads, source, source], `decoder` [layers, heads, target, target] and `cross`
        [layers, heads, target, source]; `flow`, an `attention_flow.Flow` of the same positions.
        Row t of what has target rows is about target piece t; column t of what has target columns
        about what was read to write it: the start token, then target piece t - 1.
        """
        values, offsets = self.tokenizer.encode_columns([source])
        length = min(int(offsets[1]), self.source_max_length)
        padded = bucketing.pad(values, offsets, np.zeros(1, np.int64), length)
        output = self.search_ids(padded, Decoding(beam_size, length_penalty))[0][0, 0]
        target = output[output != PAD_ID]
        decoder_input = np.concatenate([[BOS_ID], target[:-1]]).astype(np.int32)
        encoder_input = values[:length].astype(np.int32)
        flow = attention_flow.flow(self.model, encoder_input, decoder_input)
        return {
            "source_pieces": self.tokenizer.pieces(encoder_input.tolist()),
            "target_pieces": self.target_tokenizer.pieces(target.tolist()),
            "encoder": np.stack([layer.scores for layer in flow.encoder_layers]),
            "decoder": np.stack([layer.scores for layer in flow.decoder_layers]),
            "cross": np.stack([layer.scores for layer in flow.cross_layers]),
            "flow": flow,
        }

    def _strings(self, token_ids: np.ndarray) -> list[str]:
        ragged = ragged_rows(token_ids)
        return [
            string.decode("utf-8", "replace")
            for string in self.target_tokenizer.decode(ragged).numpy()
        ]


def traced_search(model: Electra, decoding: Decoding):
    """A function of sources int32 [rows, length], their longest outputs int32 [rows], what is drawn
    by float32 [rows, numbers], and their shortlists int32 [rows, LENGTH], these two empty where
    they are not wanted, which gives the best outputs of each, int32 [rows, n_best,
    longest], and their scores, float32 [rows, n_best].
    """

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None, None], tf.float32),
            tf.TensorSpec([None, LENGTH if decoding.shortlist else 0], tf.int32),
        ],
    )
    def run(token_ids, limits, numbers, lists):
        given = Given()
        if decoding.sampling is not None:
            given["draws"] = numbers
        if decoding.shortlist:
            given["shortlist"] = lists
        found = search(model, token_ids, decoding, limits, given)
        return found.token_ids, found.scores

    return run


def ragged_rows(token_ids) -> tf.RaggedTensor:
    """int32 [rows, length], 0 = padding at the end -> ragged rows."""
    return tf.RaggedTensor.from_tensor(token_ids, padding=PAD_ID)  # type: ignore[attr-defined]
