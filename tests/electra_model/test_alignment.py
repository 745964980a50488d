import numpy as np

from electra_model.alignment import WordAttention, word_attention

SOURCE = [(7, "\u2581the"), (8, "\u2581hou"), (9, "se"), (3, "</s>")]
TARGET = [(11, "\u2581Ha"), (12, "us"), (13, "\u2581da"), (3, "</s>")]
SCORES = np.array(
    [
        [0.1, 0.3, 0.4, 0.2],
        [0.1, 0.1, 0.1, 0.7],
        [0.6, 0.1, 0.1, 0.2],
        [0.0, 0.0, 0.0, 1.0],
    ],
    np.float32,
)


def test_scores_of_words_are_worked_out_by_hand():
    """A source word gets the sum of its pieces, a target word has the mean of its own."""
    found = word_attention(SOURCE, TARGET, SCORES)
    assert found.source_words == ("the", "house")
    assert found.target_words == ("Haus", "da")
    np.testing.assert_allclose(found.scores, [[0.1, 0.45], [0.6, 0.2]], atol=1e-6)
    assert found.pairs() == [(1, 0), (0, 1)]


def test_words_are_spelled_as_in_the_text():
    found = word_attention([(7, "\u2581the"), (1, "<unk>")], TARGET, SCORES[:, :2])
    assert found.source_words == ("the<unk>",)
    assert found.spelled("the\u2603", "Haus DA").source_words == ("the\u2603",)
    assert found.spelled("the \u2603", "Haus DA").source_words == ("the<unk>",)
    assert found.spelled("the \u2603", "Haus DA").target_words == ("Haus", "DA")


def test_a_piece_at_the_beginning_needs_no_mark():
    found = word_attention(SOURCE[2:], TARGET[3:], SCORES[3:, 2:])
    assert found.source_words == ("se",) and found.target_words == ()
    assert found.pairs() == []


def test_nothing_to_look_at():
    assert WordAttention((), ("a",), np.zeros((1, 0), np.float32)).pairs() == []
