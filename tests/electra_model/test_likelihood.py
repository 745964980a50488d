import numpy as np
import pytest

from electra_model.likelihood import log_likelihoods
from electra_model.tokenizer import BOS_ID, EOS_ID

SOURCE = np.array([[7, 8, 9, EOS_ID, 0], [11, EOS_ID, 0, 0, 0]], np.int32)
TARGET = np.array([[12, 13, EOS_ID, 0], [14, 15, 16, EOS_ID]], np.int32)


def test_it_is_the_sum_over_the_tokens(make_model):
    """Token by token, each given those before it, one pair at a time and without padding."""
    model = make_model()
    found = log_likelihoods(model, SOURCE, TARGET).numpy()
    for row, (source, target) in enumerate(zip(SOURCE, TARGET, strict=True)):
        expected, so_far = 0.0, [BOS_ID]
        for token in target[target != 0].tolist():
            ids = source[source != 0][None], np.array([so_far], np.int32)
            logits = np.asarray(model(ids))[0, -1].astype(np.float64)
            expected += logits[token] - np.log(np.exp(logits).sum())
            so_far.append(token)
        assert found[row] == pytest.approx(expected, rel=1e-4) and expected < -1
