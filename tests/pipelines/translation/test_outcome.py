from pipelines.translation.outcome import mean_score


def test_mean_score():
    assert mean_score([-0.12342, -0.12344, None, float("-inf")]) == -0.1234
    assert mean_score([]) is None
