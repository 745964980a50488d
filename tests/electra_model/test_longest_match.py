import numpy as np
import pytest

from electra_model.longest_match import LongestMatch

PIECES = ["a", "b", "c", "ab", "abc", "bca", "ä"]


def cut(trie, words):
    encoded = [word.encode() for word in words]
    offsets = np.concatenate([[0], np.cumsum([len(word) for word in encoded])]).astype(np.int64)
    ids, bounds = trie.cut(np.frombuffer(b"".join(encoded), np.uint8), offsets)
    return [ids[a:b].tolist() for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def by_hand(word):
    """The longest piece that fits, again and again."""
    found = []
    while word:
        piece = max((p for p in PIECES if word.startswith(p)), key=len)
        found.append(PIECES.index(piece))
        word = word[len(piece) :]
    return found


def test_words_are_cut_into_the_longest_pieces():
    random = np.random.default_rng(5)
    words = ["".join(random.choice(list("abcä"), random.integers(0, 12))) for _ in range(400)]
    trie = LongestMatch((piece, number) for number, piece in enumerate(PIECES))
    assert cut(trie, words) == [by_hand(word) for word in words]
    assert cut(trie, ["", "abca", ""]) == [[], [4, 0], []]
    assert cut(trie, []) == []


def test_a_piece_that_was_begun_is_given_up():
    trie = LongestMatch([("a", 1), ("b", 2), ("abbbb", 3)])
    assert cut(trie, ["abbba", "abbbb"]) == [[1, 2, 2, 2, 1], [3]]


def test_words_that_cannot_be_cut():
    with pytest.raises(ValueError, match="no piece begins"):
        cut(LongestMatch([("a", 1)]), ["ax"])


def test_the_size_is_bounded():
    with pytest.raises(ValueError, match="5 states, 4 allowed"):
        LongestMatch([("ab", 1), ("ac", 2), ("x", 3)], most_states=4)
