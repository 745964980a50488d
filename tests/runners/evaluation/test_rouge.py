import itertools
import random

import pytest

from runners.evaluation.rouge import corpus_rouge, longest_common, text_rouge

# As `rouge-score` 0.1.2 gives them without its stemmer (100 times the F-measure).
PUBLISHED = [
    (
        "The cat sat on the mat.",
        "A cat was sitting on the mat, the old mat.",
        {"rouge1": 62.5, "rouge2": 28.57142857142857, "rougeL": 50.0},
    ),
    (
        "The model's 2nd run took 3.5 hours, file_name.txt (and more).",
        "A second run of the model took 3 hours: file_name.txt, and no more.",
        {"rouge1": 75.86206896551724, "rouge2": 44.44444444444445, "rougeL": 68.9655172413793},
    ),
]


@pytest.mark.parametrize(("hypothesis", "reference", "scores"), PUBLISHED)
def test_english_is_scored_as_by_the_usual_package(hypothesis, reference, scores):
    assert text_rouge(hypothesis, reference) == pytest.approx(scores, abs=1e-9)


def test_the_mean_over_texts():
    hypotheses, references, scores = zip(*PUBLISHED, strict=True)
    found = corpus_rouge(hypotheses, references)
    assert found["rougeL"] == pytest.approx((scores[0]["rougeL"] + scores[1]["rougeL"]) / 2)
    with pytest.raises(ValueError):
        corpus_rouge(["one"], [])


def test_nothing_shared_and_nothing_there():
    for pair in (("a b", "c d"), ("", "a"), ("a", ""), ("", "")):
        assert set(text_rouge(*pair).values()) == {0.0}


def test_letters_of_all_scripts_count():
    assert text_rouge("Über die Straße", "über die Straße")["rouge2"] == 100
    found = text_rouge("无法连接网络", "无法连接到网络")
    assert found["rouge1"] == pytest.approx(200 * 6 / 13)
    assert found["rougeL"] == pytest.approx(200 * 6 / 13)


def test_the_longest_common_sequence_is_that_of_the_table():
    draw = random.Random(1)
    for _ in range(100):
        first, second = (draw.choices("abcd", k=draw.randint(0, 80)) for _ in range(2))
        table = {}
        for i, j in itertools.product(range(len(first) + 1), range(len(second) + 1)):
            if not i or not j:
                table[i, j] = 0
            elif first[i - 1] == second[j - 1]:
                table[i, j] = table[i - 1, j - 1] + 1
            else:
                table[i, j] = max(table[i - 1, j], table[i, j - 1])
        assert longest_common(first, second) == table[len(first), len(second)]
