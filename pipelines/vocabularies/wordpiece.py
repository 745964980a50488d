"""A WordPiece vocabulary from counted words.

Candidates are the pieces that byte-pair encoding builds from the words (Sennrich et al. 2016, by
SentencePiece), more of them than are wanted. The words are then cut as `WordPieceTokenizer` does
it, the longest piece first; what is used least is dropped, in several rounds, because the words of
a dropped piece make others more frequent. Every character of the alphabet stays.

The learner of tensorflow-text counts all substrings in Python: on a busy machine it took 26 s for
the 5,000 most frequent words of 20 MB of English and German, and was not done with 20,000 after two
minutes. This way all the 189,000 words take 2 s of processor time, a million words (32,000 pieces)
18 s and 1.3 GB.

A placeholder or language tag among `vocabulary.symbols` is never cut: no piece may end within one
or hold one, so that cutting from left to right always comes to its first character, where the
symbol itself is the longest piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from electra_model.tokenizer import SPECIAL_PIECES, WORD_START
from electra_model.wordpiece_tokenizer import WordPieceTokenizer

from ..config import VocabularyConfig

# Candidates for each piece that is wanted, and rounds in which the surplus is dropped.
CANDIDATES = 1.3
_ROUNDS = 3


class TooSmall(ValueError):
    """The size does not even hold the alphabet; `needed` is the least that would do."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


def choose(
    candidates: Iterable[str], counted: Sequence[tuple[str, int]], config: VocabularyConfig
) -> bytes:
    """What `vocab.txt` holds; equal for equal arguments, byte for byte.

    Args:
      candidates: pieces, `▁` at the start of a word; all those of one character are kept.
      counted: the words to be cut, and how often each stands in the text.

    Returns:
      the special pieces, the symbols, then falling by how often a piece is used, equal ones by code
      point. At most `config.size`, fewer when there are not so many candidates.

    Raises:
      TooSmall: see there.
    """
    symbols = list(config.symbols)
    pieces = {piece for piece in candidates if allowed(piece, symbols)} - {*symbols}
    alphabet = {piece for piece in pieces if len(piece) == 1} | {WORD_START}
    alphabet |= {character for symbol in symbols for character in symbol}
    fixed = len({*SPECIAL_PIECES, *symbols, *alphabet})
    if fixed > config.size:
        raise TooSmall(fixed)
    alphabet -= {*symbols}
    learned = sorted(piece for piece in pieces - alphabet if alphabet.issuperset(piece))
    words = [word for word, _ in counted]
    counts = np.array([count for _, count in counted], np.int64)
    surplus = fixed + len(learned) - config.size
    for left in range(_ROUNDS, 0, -1):
        uses = _uses([*symbols, *sorted(alphabet), *learned], words, counts)
        learned.sort(key=lambda piece: (-uses[piece], piece))
        if surplus > 0:
            dropped = -(-surplus // left)
            del learned[len(learned) - dropped :]
            surplus -= dropped
    uses = _uses([*symbols, *sorted(alphabet), *learned], words, counts)
    ordered = sorted([*alphabet, *learned], key=lambda piece: (-uses[piece], piece))
    return _text([*symbols, *ordered])


def allowed(piece: str, symbols: Sequence[str]) -> bool:
    """Whether a learned piece leaves every symbol whole."""
    if len(piece) == 1:
        return True
    for symbol in symbols:
        if symbol in piece:
            return False
        # What begins before a symbol and ends within it.
        most = min(len(piece) - 1, len(symbol))
        if any(piece.endswith(symbol[:length]) for length in range(1, most + 1)):
            return False
    return True


def _uses(pieces: list[str], words: list[str], counts: np.ndarray) -> dict[str, int]:
    tokenizer = WordPieceTokenizer(_text(pieces))
    ids, offsets = tokenizer.encode_words(words)
    uses = np.zeros(tokenizer.size, np.int64)
    np.add.at(uses, ids, np.repeat(counts, np.diff(offsets)))
    return dict(zip(pieces, uses[len(SPECIAL_PIECES) :].tolist(), strict=True))


def _text(pieces: Iterable[str]) -> bytes:
    return "".join(f"{piece}\n" for piece in (*SPECIAL_PIECES, *pieces)).encode()
