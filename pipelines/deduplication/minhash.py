"""How much of their wording two texts share, from short signatures: columns of text in, arrays out.

A text's *shingles* are its runs of `width` words; a text of fewer words is one shingle. Words are
runs of letters, marks and digits, lower-cased; in scripts that are written without spaces, every
character is a word. The similarity of two texts is the Jaccard index of their sets of shingles.

Three steps, none of them with a loop over texts, words or shingles:

* Prefix sums of a polynomial hash (Karp and Rabin 1987) over the bytes of a column give the hash of
  every word by one subtraction, and prefix sums over those the hash of every shingle, whatever its
  length and wherever in the column it stands.
* One permutation hashing (Li, Owen and Zhang 2012): the hash chooses one of the signature's slots,
  and a slot keeps the smallest value that falls into it.
* Empty slots are filled by optimal densification (Shrivastava 2017): each takes the value of a slot
  that is not empty, chosen at random but alike for all texts. The paper draws slots until one is
  not empty; a fixed random order of the slots for each empty one chooses alike, in a bounded time.

Two texts of similarity J agree in a slot with probability J, so the share of equal slots estimates
it, with a standard error of about sqrt(J (1 - J) / slots). The hashes are fixed: the same text has
the same signature on every machine, and those who write texts can make them collide.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.word_columns import laid_out

# The most slots that a signature may have: their order is kept in bytes.
MOST_SLOTS = 256

_EMPTY = np.uint32(0xFFFFFFFF)
_SEPARATORS = r"[^\x00-\x7f\p{L}\p{M}\p{N}]+"
_WITHOUT_SPACES = (
    r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}])"
)

# Odd, so that it has an inverse modulo 2^64.
_BASE = 0x9E6C63D0876A9A4B
_MODULUS = 1 << 64
_INVERSE = pow(_BASE, -1, _MODULUS)
# Bytes that are hashed at once, so that what they are multiplied to stays in the cache.
_BLOCK = 1 << 14
# Slots, of all signatures together, that are filled at once.
_FILLED_AT_ONCE = 1 << 16


@dataclasses.dataclass(frozen=True)
class Shingles:
    """The shingles of a column of n texts.

    Attributes:
      hashes: uint64 [m]. offsets: int64 [n + 1]; those of text i are hashes[offsets[i]:
        offsets[i + 1]], in the order of the text, none for a text without words.
    """

    hashes: np.ndarray
    offsets: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """int64 [n]: how many each text has."""
        return np.diff(self.offsets)


def mix(values: np.ndarray) -> np.ndarray:
    """uint64 -> uint64, one to one, every bit dependent on all (the finalizer of MurmurHash3)."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


def shingle(texts: pa.StringArray, width: int) -> Shingles:
    """Hashes every run of `width` words: of prefix sums over words, as those over bytes.

    Args:
      texts: without nulls. width: at least 1.
    """
    hashes, first_words = hash_words(texts)
    prefixes = np.zeros(len(hashes) + 1, np.uint64)
    np.cumsum(hashes * _powers(_BASE, len(hashes)), out=prefixes[1:])
    words = np.diff(first_words)
    counts = np.where(words > 0, np.maximum(words - width + 1, 1), 0)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    # Shingles count on within a text as words do; only between texts are there words without one.
    first = np.arange(offsets[-1]) + np.repeat(first_words[:-1] - offsets[:-1], counts)
    last = first + np.repeat(np.minimum(words, width), counts)
    sums = (prefixes[last] - prefixes[first]) * _powers(_INVERSE, len(hashes))[first]
    return Shingles(mix(sums), offsets)


def sign(shingles: Shingles, slots: int) -> np.ndarray:
    """uint32 [n, slots]: the signature of each text; zeros for one without words.

    Args:
      slots: at most `MOST_SLOTS`.
    """
    counts = shingles.counts
    texts = len(counts)
    cells = (shingles.hashes >> np.uint64(32)) * np.uint64(slots) >> np.uint64(32)
    cells = cells.astype(np.int64) + np.repeat(np.arange(texts) * slots, counts)
    signatures = np.full(texts * slots, _EMPTY)
    values = np.minimum(shingles.hashes.astype(np.uint32), _EMPTY - np.uint32(1))
    np.minimum.at(signatures, cells, values)
    signatures = signatures.reshape(texts, slots)
    signatures[counts == 0] = 0
    _densify(signatures)
    return signatures


def similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """float64 [n]: the estimated Jaccard index of texts with these signatures, row by row.

    Args:
      first, second: uint32 [n, slots], or uint8 of the lowest bits of each slot. Of those, 1 in 256
        agrees by chance, which is taken off again (Li and Koenig 2010, "b-bit minwise hashing").
    """
    equal = (first == second).mean(axis=1)
    if first.dtype == np.uint8:
        equal = np.maximum((equal - 1 / 256) / (1 - 1 / 256), 0)
    return equal


def hash_words(texts: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """The words of a column: a hash of each, uint64 [w], and the number of each text's first word,
    with the number of all words at the end, int64 [n + 1].
    """
    data, offsets = laid_out(_spaced(texts))
    offsets = offsets.astype(np.int64)
    # The fastest of the ways to look bytes up; 0 is a byte of no word.
    data = np.frombuffer(data.tobytes().translate(_word_bytes()), np.uint8)
    # One byte more at the end, so that every word ends within.
    inside = np.zeros(len(data) + 1, bool)
    np.not_equal(data, 0, out=inside[:-1])
    changes = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    # A text begins a word even where the one before it ends with one.
    edges = np.unique(offsets[1:-1])
    edges = edges[inside[edges] & inside[edges - 1]]
    if len(edges):
        changes = np.sort(np.concatenate([changes, edges, edges]), kind="stable")
    if inside[0]:
        changes = np.append(0, changes)
    starts, ends = changes[::2], changes[1::2]
    prefixes, inverses = _prefix_sums(data, starts, ends)
    return mix(prefixes * inverses), np.searchsorted(starts, offsets)


def _spaced(texts: pa.StringArray) -> pa.StringArray:
    """Texts with characters beyond ASCII in lower case, and white space between their words."""
    beyond = pc.invert(pc.string_is_ascii(texts))
    if not pc.any(beyond).as_py():
        return texts
    some = pc.utf8_lower(texts.filter(beyond))
    some = pc.replace_substring_regex(some, _SEPARATORS, " ")
    some = pc.replace_substring_regex(some, _WITHOUT_SPACES, r" \1 ")
    return pc.replace_with_mask(texts, beyond, some)


@functools.cache
def _word_bytes() -> bytes:
    """256 bytes: each as it stands in a word, ASCII letters lower-cased; 0 where it ends one."""
    ascii_codes = [ord(chr(n).lower()) if chr(n).isalnum() else 0 for n in range(128)]
    return bytes([*ascii_codes, *range(128, 256)])


def _prefix_sums(
    data: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of the bytes data[starts:ends] the sum of each times a power of the base, and the inverse of
    the power of the first one, both uint64 [w]: their product is a hash that knows no place.
    """
    powers, inverse_powers = _block_powers()
    sums, inverses = np.zeros(len(starts), np.uint64), np.zeros(len(starts), np.uint64)
    blocks = np.arange(0, len(data) + _BLOCK + 1, _BLOCK)
    first, last = np.searchsorted(starts, blocks), np.searchsorted(ends, blocks)
    total, scale, inverse_scale = 0, 1, 1
    before = np.zeros(_BLOCK + 1, np.uint64)
    for number, begin in enumerate(blocks[:-1].tolist()):
        terms = data[begin : begin + _BLOCK] * powers[: max(0, len(data) - begin)]
        np.cumsum(terms, out=before[1 : len(terms) + 1])
        some = slice(first[number], first[number + 1])
        places = starts[some] - begin
        sums[some] -= np.uint64(total) + np.uint64(scale) * before[places]
        inverses[some] = np.uint64(inverse_scale) * inverse_powers[places]
        some = slice(last[number], last[number + 1])
        sums[some] += np.uint64(total) + np.uint64(scale) * before[ends[some] - begin]
        total = (total + scale * int(before[len(terms)])) % _MODULUS
        scale = scale * pow(_BASE, _BLOCK, _MODULUS) % _MODULUS
        inverse_scale = inverse_scale * pow(_INVERSE, _BLOCK, _MODULUS) % _MODULUS
    return sums, inverses


@functools.cache
def _block_powers() -> tuple[np.ndarray, np.ndarray]:
    return _powers(_BASE, _BLOCK), _powers(_INVERSE, _BLOCK)


def _powers(base: int, count: int) -> np.ndarray:
    """uint64 [count]: base^0, base^1 ... modulo 2^64."""
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.multiply.accumulate(factors)


@functools.cache
def _orders(slots: int) -> tuple[np.ndarray, np.ndarray]:
    """For each slot an order of all slots: the rank of slot i for slot j, uint8 [i, j], and the
    slot of rank r for slot j, int64 [r, j].
    """
    draws = mix(np.arange(1000, 1000 + slots * slots, dtype=np.uint64)).reshape(slots, slots)
    chosen = np.argsort(draws, axis=0, kind="stable")
    ranks = np.argsort(chosen, axis=0, kind="stable").astype(np.uint8)
    return ranks, chosen


def _densify(signatures: np.ndarray) -> None:
    """Fills the empty slots of uint32 [n, slots], in place. No row may be all empty."""
    slots = signatures.shape[1]
    ranks, chosen = _orders(slots)
    rows = np.flatnonzero((signatures == _EMPTY).any(axis=1))
    step = max(1, _FILLED_AT_ONCE // slots)
    for begin in range(0, len(rows), step):
        some = rows[begin : begin + step]
        block = signatures[some]
        filled = block != _EMPTY
        cells = np.flatnonzero(filled)
        row_starts = np.searchsorted(cells, np.arange(0, block.size, slots))
        first = np.minimum.reduceat(ranks[cells % slots], row_starts, axis=0)
        donors = np.take(chosen, first * np.int64(slots) + np.arange(slots))
        donors += np.arange(0, block.size, slots)[:, np.newaxis]
        signatures[some] = np.where(filled, block, np.take(block, donors))
