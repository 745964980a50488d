"""Near copies among texts that share most of their wording."""

import random

import numpy as np
import pyarrow as pa
import pytest

from pipelines.deduplication import banding, large_bands, minhash, shingle_sets

SIMILARITY = 0.8
COPIES = 150


def made_texts(template, own, changed, count):
    """Texts of `template` words that all have and `own` words of their own, and behind them
    `COPIES` of some in which so many of their own words are others."""
    draw = random.Random(1)
    shared = [f"shared{n}" for n in range(template)]
    texts = [[*shared, *draw.sample(range(1000), own)] for _ in range(count)]
    for words in draw.sample(texts, COPIES):
        copy = [*words]
        for place in draw.sample(range(template, template + own), changed):
            copy[place] = f"other{draw.randrange(1000)}"
        texts.append(copy)
    return pa.array([" ".join(map(str, words)) for words in texts])


def true_pairs(texts):
    """All pairs that are similar, int64 [2, m]: what each has in common with each is counted."""
    words = [set(text.split()) for text in texts.to_pylist()]
    number = {word: n for n, word in enumerate(sorted(set().union(*words)))}
    holds = np.zeros((len(words), len(number)), np.float32)
    for row, some in enumerate(words):
        holds[row, [number[word] for word in some]] = 1
    both = holds @ holds.T
    sizes = holds.sum(axis=1)
    index = both / (sizes[:, np.newaxis] + sizes - both)
    return np.stack(np.nonzero(np.triu(index >= SIMILARITY - 1e-6, 1)))


class Signed:
    """What the stage `signatures` makes of texts, and links of it."""

    def __init__(self, texts):
        shingles = minhash.shingle(texts, 1)
        signatures = minhash.sign(shingles, 128)
        self.bands, rows = banding.choose_bands(SIMILARITY, 128)
        self.keys = banding.band_keys(signatures, self.bands, rows, "pair").ravel()
        self.ids = np.repeat(np.arange(len(texts)), self.bands)
        self._signatures = signatures.astype(np.uint8)
        self._sets = shingle_sets.to_sets(shingles)

    def link(self, some=slice(None)):
        lengths = self._sets.value_lengths().to_numpy()
        return banding.link(
            self.keys[some],
            self.ids[some],
            lambda ids: (self._signatures[ids], lengths[ids]),
            lambda ids: self._sets.take(pa.array(ids)),
            SIMILARITY,
        )

    def roots(self, first, second):
        return banding.join(np.arange(len(self._sets)), first, second)


def missed(signed, pairs):
    """The share of the pairs that are not connected."""
    roots = signed.roots(*signed.link())
    # Nothing but what is similar is connected.
    assert (signed.roots(*pairs)[roots] == signed.roots(*pairs)).all()
    return (roots[pairs[0]] != roots[pairs[1]]).mean()


def test_near_copies_in_template_text_are_found(monkeypatch):
    """Where any two texts have 0.74 in common or more, and a text and its copy 0.82."""
    texts = made_texts(template=68, own=12, changed=8, count=900)
    signed, pairs = Signed(texts), true_pairs(texts)
    assert pairs.shape[1] >= COPIES
    assert missed(signed, pairs) <= 0.05
    monkeypatch.setattr(large_bands, "candidates", lambda *_: iter(()))
    assert missed(signed, pairs) > 0.1  # by the order of the input alone


@pytest.mark.parametrize("template, own, changed", [(64, 16, 7), (48, 32, 8), (96, 24, 11)])
def test_hardly_any_is_missed_where_less_is_shared(template, own, changed):
    texts = made_texts(template, own, changed, count=600)
    assert missed(Signed(texts), true_pairs(texts)) <= 0.01


def test_a_crowd_of_near_copies_among_others_is_one_cluster():
    """Although what the copies have in common is no rarer than many a template."""
    draw = random.Random(3)
    texts = made_texts(48, 32, 4, count=600).to_pylist()
    crowd = texts[5].split()
    for _ in range(140):
        copy = [*crowd]
        copy[draw.randrange(len(copy))] = f"other{draw.randrange(500)}"
        texts.append(" ".join(copy))
    draw.shuffle(texts)
    texts = pa.array(texts)
    signed = Signed(texts)
    pairs = true_pairs(texts)
    sizes = [np.bincount(signed.roots(*found)).max() for found in (signed.link(), pairs)]
    assert sizes[0] == sizes[1] >= 141


def test_neither_the_order_of_rows_nor_partitions_matter():
    signed = Signed(made_texts(60, 20, 8, count=400))
    whole = banding.forest(*signed.link())
    order = np.random.default_rng(1).permutation(len(signed.keys))
    found = [signed.link(order)]
    part = signed.keys % np.uint64(5)
    parts = [signed.link(part == number) for number in range(5)]
    found.append(banding.forest(*(np.concatenate(ends) for ends in zip(*parts, strict=True))))
    for some in found:
        assert [side.tolist() for side in some] == [side.tolist() for side in whole]


def pairs_of(keys, signatures, window=4):
    keys = np.array(keys, np.uint64)
    found = list(large_bands.candidates(keys, np.arange(len(keys)), signatures, window))
    assert all(len(left) == len(right) <= len(keys) for left, right in found)
    return found


def drawn(count, values=256):
    return np.random.default_rng(2).integers(0, values, (count, 16), np.uint8, endpoint=False)


def test_bands_within_the_window_are_left_alone():
    assert pairs_of([], drawn(0)) == []
    assert pairs_of([3, 3, 3, 3, 3, 5, 6, 6], drawn(8)) == []


def test_pairs_are_of_one_band_further_apart_and_bounded():
    keys = [2, *[5] * 300, 6, *[7] * 40, *[8] * 5]
    found = pairs_of(keys, drawn(len(keys)))
    assert len(found) == large_bands.ORDERS * large_bands.NEIGHBOURS
    left, right = (np.concatenate(side) for side in zip(*found, strict=True))
    key = np.array(keys)
    assert (key[left] == key[right]).all() and set(key[left]) == {5, 7}
    assert (right - left > 4).all()
    assert not {1, 302} & set(left.tolist())  # the first of a band is compared with all


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32])
@pytest.mark.parametrize("at_once", [16, 100, 1 << 12])
def test_equal_signatures_stand_together(at_once, dtype, monkeypatch):
    """Whatever the portions; of wider slots the lowest bits count."""
    monkeypatch.setattr(large_bands, "_AT_ONCE", at_once)
    keys = np.repeat(np.array([4, 5, 6], np.uint64), [50, 300, 20])
    signatures = drawn(len(keys)).astype(dtype)
    signatures[:, :9] = 7  # what all have
    signatures[340] = signatures[60]
    signatures[45] = signatures[5]
    if dtype is np.uint32:
        signatures += (np.arange(len(keys)) << 8).astype(np.uint32)[:, np.newaxis]
    found = pairs_of(keys, signatures)
    for pair in [(60, 340), (5, 45)]:
        first = [order for order, sides in enumerate(found) if pair in zip(*sides, strict=True)]
        assert len(first) >= large_bands.ORDERS


def test_members_without_anything_of_their_own_stand_together():
    keys = np.full(100, 9, np.uint64)
    signatures = drawn(100)
    signatures[[10, 90]] = 3
    signatures[20:80, :] = 3
    found = pairs_of(keys, signatures)
    assert sum((79, 90) in zip(*sides, strict=True) for sides in found) == large_bands.ORDERS
