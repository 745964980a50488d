import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.deduplication.minhash import MOST_SLOTS, hash_words, mix, shingle, sign, similarity


def words_of(*texts):
    """The hashes of each text's words."""
    hashes, first = hash_words(pa.array(texts, pa.string()))
    return [hashes[first[i] : first[i + 1]].tolist() for i in range(len(texts))]


def shingles_of(*texts, width=2):
    found = shingle(pa.array(texts, pa.string()), width)
    return [found.hashes[a:b].tolist() for a, b in zip(found.offsets, found.offsets[1:])]  # noqa: B905


def signatures_of(*texts, width=1, slots=128):
    return sign(shingle(pa.array(texts, pa.string()), width), slots)


@pytest.mark.parametrize(
    "text, same",
    [
        ("The red house.", "the RED house"),
        ("  (red)--house,7! ", "red house 7"),
        ("Über„Größe“ – ja", "über größe ja"),
        ("it's a_b", "it s a b"),
        ("日本語のテキスト", "日 本 語 の テ キ ス ト"),
        ("ไทย", "ไ ท ย"),
        ("Ελλάδα, АБВ", "ελλάδα абв"),
        ("नमस्ते दुनिया!", "नमस्ते दुनिया"),
    ],
)
def test_what_a_word_is(text, same):
    first, second = words_of(text, same)
    assert first == second
    assert len(first) == len(same.split()) == len(set(first)) > 1


@pytest.mark.parametrize("text", ["", "...", "→ © —", " "])
def test_texts_without_words_have_no_shingles(text):
    assert words_of("a", text, "b") == [*words_of("a"), [], *words_of("b")]
    found = shingle(pa.array(["a", text, "b b"]), 1)
    assert found.counts.tolist() == [1, 0, 2]
    assert signatures_of("a", text)[1].tolist() == [0] * 128


def test_neighbouring_texts_do_not_run_together():
    assert words_of("ab", "", "", "cd", "e f") == [
        *words_of("ab"), [], [], *words_of("cd"), *words_of("e f"),
    ]  # fmt: skip
    assert words_of("ab", "cd") != words_of("abcd", "")


def test_shingles_are_runs_of_words():
    (abcd,) = shingles_of("a b c d")
    assert len(abcd) == 3
    assert shingles_of("a b", "b c", "c d") == [[one] for one in abcd]
    assert shingles_of("b a")[0] != abcd[:1]
    assert shingles_of("ab c")[0] != shingles_of("a bc")[0]
    # A text of fewer words is one shingle, and not the same as one of more.
    assert [len(one) for one in shingles_of("a", "a b", "a b c", width=3)] == [1, 1, 1]
    assert shingles_of("a", width=3) == shingles_of("a", width=1)


def test_hashes_are_the_same_on_every_machine():
    # Worked out with whole numbers, term by term.
    assert [f"{one:016x}" for one in words_of("red House")[0]] == [
        "3012d20da6b072a1",
        "b4e220faf25cb1c8",
    ]
    assert f"{shingles_of('red House')[0][0]:016x}" == "646a1891776a3a2d"
    red, tree = 1621104106, 2159612124
    assert signatures_of("red house tree", slots=8)[0].tolist() == [
        red, red, tree, tree, red, tree, tree, red,
    ]  # fmt: skip


def test_long_words_and_texts_cross_blocks():
    long = "x" * 40_000
    text = " ".join(f"w{number}" for number in range(30_000))
    first, second, third = words_of(long, f"a {text} {long} b", text)
    assert second[1:30_001] == third and second[30_001] == first[0] and len(second) == 30_003
    assert len(set(third)) == 30_000
    assert words_of("y" + long, long + "y")[0] != words_of(long + "y")[0]


# Letters of several scripts, separators of one and more bytes.
TEXTS = st.text("abAB7é中ж .,-–\u00a0", max_size=60)


@given(st.lists(TEXTS, min_size=1, max_size=8), st.integers(1, 4), st.sampled_from([1, 16, 100]))
def test_a_signature_is_of_its_text_alone(texts, width, slots):
    together = signatures_of(*texts, width=width, slots=slots)
    assert together.shape == (len(texts), slots) and together.dtype == np.uint32
    for text, signature in zip(texts, together, strict=True):
        assert signatures_of(text, width=width, slots=slots)[0].tolist() == signature.tolist()
    column = pa.array(["before", *texts, "after"]).slice(1, len(texts))
    assert (sign(shingle(column, width), slots) == together).all()


@given(TEXTS)
def test_ascii_and_other_texts_have_the_same_words(text):
    ascii_text = text.encode("ascii", "ignore").decode()
    # The last word makes the column go the way of texts beyond ASCII.
    assert words_of(ascii_text + " é")[0][:-1] == words_of(ascii_text)[0]


def sets_with(jaccard, size, draw):
    """Two texts of `size` different words, and their similarity, as near to `jaccard` as can be."""
    shared = round(2 * size * jaccard / (1 + jaccard))
    words = [f"w{draw.getrandbits(48)}" for _ in range(2 * size - shared)]
    return (
        " ".join(words[:size]),
        " ".join(words[size - shared :]),
        shared / (2 * size - shared),
    )


@pytest.mark.parametrize("dtype", [np.uint32, np.uint8])
@pytest.mark.parametrize("size", [20, 60, 2000])
@pytest.mark.parametrize("jaccard", [0.2, 0.5, 0.8, 0.95])
def test_estimates_are_near_the_truth(jaccard, size, dtype):
    pairs = [sets_with(jaccard, size, random.Random(seed)) for seed in range(100)]
    first, second = (signatures_of(*side).astype(dtype) for side in list(zip(*pairs))[:2])  # noqa: B905
    truth = pairs[0][2]
    errors = similarity(first, second) - truth
    one = np.sqrt(truth * (1 - truth) / 128)
    # Few shingles fall into the same slots now and then, which adds to the error.
    spread = one * (1.6 if size <= 128 else 1.25)
    assert abs(errors.mean()) < 4 * spread / np.sqrt(len(pairs)) + 1e-9
    assert one * 0.7 < errors.std() < spread


def test_equal_and_unlike_texts():
    same = signatures_of("a b c", "A, b. C!", "d e f").astype(np.uint8)
    assert similarity(same[:2], same[1:]).tolist() == [1.0, 0.0]


def test_one_shingle_fills_every_slot():
    signature = signatures_of("alone", slots=MOST_SLOTS)
    assert len(set(signature[0].tolist())) == 1


def test_mix_is_one_to_one():
    values = mix(np.arange(100_000, dtype=np.uint64))
    assert len(np.unique(values)) == 100_000
    ones = np.unpackbits(values.view(np.uint8)).mean()
    assert abs(ones - 0.5) < 0.002
