import math

import numpy as np
import pytest

from electra_model.heads import MaskedTokenHead, ReplacedTokenHead, VocabularyHead
from electra_model.initialization import initialize

X = np.random.default_rng(1).normal(size=(2, 3, 8)).astype("float32")


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def built(head):
    head.build()
    initialize(head, 0)
    return head


def test_masked_token_head_is_projection_gelu_and_norm():
    head = built(MaskedTokenHead(8, 12, vocabulary_size=30))
    x = gelu(X @ np.asarray(head.dense.kernel))
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(head(X), x, atol=1e-5)
    assert head.bias.shape == (30,)


def test_replaced_token_head_gives_one_logit_per_position():
    head = built(ReplacedTokenHead(8))
    expected = gelu(X @ np.asarray(head.dense.kernel)) @ np.asarray(head.prediction.kernel)
    assert head(X).shape == (2, 3)
    np.testing.assert_allclose(head(X), expected[..., 0], atol=1e-5)


@pytest.mark.parametrize(
    "head",
    [MaskedTokenHead(8, 12, 30, 1e-12), ReplacedTokenHead(8), VocabularyHead(9, 8, 4)],
)
def test_config_makes_the_same_head(head):
    assert type(head)(**head.get_config()).get_config() == head.get_config()
