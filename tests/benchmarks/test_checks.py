"""Errors that are planted in translations."""

from tests.benchmarks import checks

PAIRS = [
    ("Take {a} of 7 steps", "Nimm {a} von 7 Schritten"),
    ("All is well today", "Alles ist gut heute"),
    ("Two", "Zwei"),
]


def test_each_error_is_one():
    found = checks.planted(PAIRS)
    assert [*map(len, found.values())] == [3, 1, 1, 1, 3, 2, 2, 3, 2, 0, 3, 3]
    assert found["nothing: human translations"] == PAIRS
    assert found["a protected span is gone"] == [(PAIRS[0][0], "Nimm  von 7 Schritten")]
    (changed,) = found["a letter of a span is another one"]
    assert len(changed[1]) == len(PAIRS[0][1]) and changed != PAIRS[0]
    assert found["a number is another one"] == [(PAIRS[0][0], "Nimm {a} von 8 Schritten")]
    assert found["half of the words are missing"][1] == (PAIRS[1][0], "Alles ist")
    assert found["the source, copied"][2] == ("Two", "Two")
    for source, target in found["two words are said twice"]:
        assert len(target.split()) == len(dict(PAIRS)[source].split()) + 2
