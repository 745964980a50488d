"""Lexical shortlists: of a whole vocabulary, the pieces that a sentence may become.

Most of a vocabulary cannot follow from a given source. A shortlist has the most frequent pieces,
and of every piece of the source those that it is mostly translated into (Jean et al. 2015,
arXiv:1412.2007, section 3.3, with a lexicon learned from the corpus); so the product with the
vocabulary's table, and what is made of its result, get smaller. (No TensorFlow is needed here; see
`shortlist_logits`.)

Every sentence has a list of its own, of one length. The slots of a search share one product, with
the columns of all their lists; of its result each takes its own, in its own order, so that what a
sentence becomes depends on no other.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile

import numpy as np

from electra_model.errors import InputError
from electra_model.tokenizer import FIRST_PIECE_ID, PAD_ID

FILE = "shortlist.npz"
# Pieces of a list. All lists have one length: sums over others would be added up otherwise.
LENGTH = 512


@dataclasses.dataclass(frozen=True)
class Shortlist:
    """What the lists are made of.

    Attributes:
      frequent: int32 [f], pieces that are in every list.
      candidates: int32 [source vocabulary, k], what each piece of a source may become, the
        likeliest first; 0 = none.
    """

    frequent: np.ndarray
    candidates: np.ndarray

    def to_bytes(self) -> bytes:
        """The file; the same bytes for the same lists."""
        stream = io.BytesIO()
        np.savez(stream, frequent=self.frequent, candidates=self.candidates)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Shortlist:
        """Raises ValueError when it is no such file."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                found = cls(arrays["frequent"], arrays["candidates"])
        except (OSError, KeyError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(str(error)) from None
        for array, rank in ((found.frequent, 1), (found.candidates, 2)):
            if array.dtype != np.int32 or array.ndim != rank or array.size and array.min() < 0:
                raise ValueError("has other arrays than a shortlist")
        return found

    def of_sources(self, source_ids: np.ndarray) -> np.ndarray:
        """Sources int32 [rows, width], 0 = padding -> int32 [rows, LENGTH]: the special pieces,
        which keep their places, then the list of each, in the order of the ids; 0 = padding.

        Where there is room for some only, the likelier candidates of every piece come first.
        """
        found = np.zeros((len(source_ids), LENGTH), np.int32)
        found[:, :FIRST_PIECE_ID] = np.arange(FIRST_PIECE_ID)
        room = LENGTH - FIRST_PIECE_ID
        for row, ids in zip(found, source_ids, strict=True):
            by_rank = self.candidates[ids[ids != PAD_ID]].T.ravel()
            wanted = np.concatenate([self.frequent, by_rank])
            wanted = wanted[wanted >= FIRST_PIECE_ID]
            pieces, first = np.unique(wanted, return_index=True)
            pieces = np.sort(pieces[np.argsort(first, kind="stable")][:room])
            row[FIRST_PIECE_ID : FIRST_PIECE_ID + len(pieces)] = pieces
        return found


def load(path: str) -> Shortlist | None:
    """The lists of a local file; None where there is none. Raises InputError when it is damaged."""
    try:
        with open(path, "rb") as stream:
            return Shortlist.from_bytes(stream.read())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); remove it and prepare again") from None
