"""A model in CTranslate2's format at work: strings in, strings and scores out.

It stands in for `inference.LoadedModel` where documents are translated. The search is CTranslate2's
own, told to do what `search` does:

* padding, unknown, begin and mask are never output, nor is an output without any token (of the
  first token's probability the end mark has no share here, which it has in `search`);
* scores are sums of log-probabilities, end mark included, under the length penalty of `search`,
  ((5 + length) / 6) ** alpha. The library knows length ** alpha alone, so it is asked for all
  hypotheses that its beam has finished, and the best is chosen here;
* an output has at most `target_limits` tokens. One that would have more is cut, and its score is
  without the end mark.

Greedy search is the same, and nearly so a beam without a length penalty. With one, all is over here
once as many hypotheses have ended as the beam is wide, where `search` goes on until nothing can
overtake.

What a sentence becomes shall not depend on its neighbours, so that it is the same in every batch.
Matrix products of Intel MKL, which the library uses on Intel's processors, give a row the same bits
whatever the number of rows in one mode, `AVX2,STRICT`; elsewhere sentences are taken one at a time.
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from electra_model import buckets as bucketing
from electra_model.ctranslate2_export import vocabulary
from electra_model.ctranslate2_format import check_installed, is_exported
from electra_model.errors import InputError
from electra_model.search import target_limits
from electra_model.tokenizer import BOS_ID, MASK_ID, PAD_ID, Tokenizer

# Sentences and padded source tokens of one batch.
BATCH_ROWS = 64
BATCH_TOKENS = 2048

# Small enough to divide nothing, and not 0, at which the search ends with the first hypothesis.
_NO_PENALTY = 1e-30


class CTranslate2Model:
    """What `electra_model.ctranslate2_export` has written.

    Args:
      folder: of the export.
      compute_type: of the matrix products, one of `ctranslate2_format.COMPUTE_TYPES`.
      threads: of this process.

    Attributes:
      fingerprint: of the model that was exported. source_max_length: most tokens of one input, end
        mark included.

    Raises InputError when the folder is none, is damaged, or the library is missing.
    """

    def __init__(
        self, folder: str | os.PathLike, compute_type: str = "float32", threads: int = 1
    ) -> None:
        check_installed("engine: ctranslate2")
        card = _card(pathlib.Path(folder))
        self.fingerprint: str = card["fingerprint"]
        self.source_max_length: int = card["buckets"][-1]
        self.widths = bucketing.fine_buckets(self.source_max_length)
        self._max_length: int = card["model"]["max_length"]
        self.tokenizer, target = Tokenizer.load_sides(str(folder))
        self.target_tokenizer = target or self.tokenizer
        self._source_pieces = vocabulary(self.tokenizer)
        self._target_ids = {
            piece: number for number, piece in enumerate(vocabulary(self.target_tokenizer))
        }
        pieces = self.target_tokenizer.pieces([PAD_ID, BOS_ID, MASK_ID])
        self._never = [[piece] for piece in pieces]
        self._rows = BATCH_ROWS if _use_reproducible_products() else 1
        import ctranslate2

        try:
            self._translator = ctranslate2.Translator(
                str(folder), device="cpu", compute_type=compute_type, intra_threads=threads
            )
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{folder}: cannot be loaded ({error}); export it again") from None

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
    ) -> tuple[list[str], np.ndarray]:
        """n texts -> n outputs, in order, and float32 [n] scores, as `LoadedModel.translate`."""
        values, offsets = self.tokenizer.encode_columns(texts)
        ends = offsets[1:] - 1  # the library adds the end mark
        sources = [
            [self._source_pieces[number] for number in values[start:end].tolist()]
            for start, end in zip(offsets[:-1], ends, strict=True)
        ]
        found, scores = self.search_pieces(sources, beam_size, length_penalty, max_length)
        ids = np.fromiter(itertools.chain.from_iterable(found), np.int32)
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        ragged: Any = tf.RaggedTensor.from_row_lengths(ids, lengths)  # type: ignore[attr-defined]
        strings = self.target_tokenizer.decode(ragged).numpy()
        return [string.decode("utf-8", "replace") for string in strings], scores

    def search_pieces(
        self,
        sources: Sequence[Sequence[str]],
        beam_size: int,
        length_penalty: float,
        max_length: int | None = None,
    ) -> tuple[list[list[int]], np.ndarray]:
        """Pieces of n sources, without end marks -> ids of n outputs, likewise, and float32 [n].

        A source without pieces gives an output without any, with score 0; one of more than
        `source_max_length` tokens is cut.
        """
        lengths = np.fromiter(map(len, sources), np.int64, len(sources)) + 1
        bucket = bucketing.nearest_bucket_of(lengths, self.widths)
        outputs: list[list[int]] = [[] for _ in sources]
        scores = np.zeros(len(sources), np.float32)
        for index, length in enumerate(self.widths):
            members = np.flatnonzero((bucket == index) & (lengths > 1)).tolist()
            limit = int(target_limits(length, self._max_length))
            if max_length is not None:
                limit = min(limit, max_length)
            given = [list(sources[one][: length - 1]) for one in members]
            rows = bucketing.rows_for(length, BATCH_TOKENS, self._rows)
            answers = self._search(given, beam_size, length_penalty, limit, rows)
            for one, (ids, score) in zip(members, answers, strict=True):
                outputs[one], scores[one] = ids, score
        return outputs, scores

    def _search(
        self,
        sources: list[list[str]],
        beam_size: int,
        length_penalty: float,
        limit: int,
        rows: int,
    ) -> list[tuple[list[int], float]]:
        """Of sources of one bucket: ids without the end mark, and the score."""
        if not sources:
            return []
        several = beam_size > 1 and length_penalty > 0
        results = self._translator.translate_batch(
            sources,
            max_batch_size=rows,
            beam_size=beam_size,
            num_hypotheses=beam_size if several else 1,
            length_penalty=_NO_PENALTY if several else 0,
            disable_unk=True,
            suppress_sequences=self._never,
            min_decoding_length=1,
            # The last of `limit` tokens is the end mark, whether there is room to choose it or not.
            max_decoding_length=max(1, limit - 1),
            max_input_length=0,
            return_scores=True,
        )
        return [self._best(result, length_penalty) for result in results]

    def _best(self, result: Any, length_penalty: float) -> tuple[list[int], float]:
        penalized = [
            total / ((5.0 + len(pieces) + 1) / 6.0) ** length_penalty
            for pieces, total in zip(result.hypotheses, result.scores, strict=True)
        ]
        best = int(np.argmax(penalized))
        return [self._target_ids[piece] for piece in result.hypotheses[best]], penalized[best]


def _card(folder: pathlib.Path) -> dict[str, Any]:
    path = folder / "model.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        for key in ("fingerprint", "buckets", "model"):
            card[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: cannot be read ({type(error).__name__}); make the folder again with "
            "`electra export`"
        ) from None
    if not is_exported(card):
        raise InputError(f"{folder}: is no model in the format of CTranslate2")
    return card


def _use_reproducible_products() -> bool:
    """Asks MKL for the mode in which rows are independent; whether it is to be had here.

    MKL reads the environment when it computes for the first time, so this comes before.
    """
    try:
        processor = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    intel = re.search(r"^vendor_id\s*:\s*GenuineIntel$", processor, re.M)
    wide = re.search(r"^flags\s*:.*\bavx2\b", processor, re.M)
    if not (intel and wide):
        return False
    os.environ["CT2_USE_MKL"] = "1"
    os.environ["MKL_CBWR"] = "AVX2,STRICT"
    return True
