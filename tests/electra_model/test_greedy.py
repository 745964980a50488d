import math

import numpy as np

from electra_model.tokenizer import EOS_ID
from tests.electra_model.table_model import (
    GARDEN_PATH,
    A,
    B,
    TableModel,
    run,
)


def test_greedy_and_beam_differ_where_the_garden_path_leads():
    model = TableModel(GARDEN_PATH)
    ids, scores = run(model, [0], beam_size=1)
    assert ids == [[A, EOS_ID, 0, 0]]
    np.testing.assert_allclose(scores, [math.log(0.24)], rtol=1e-5)
    ids, scores = run(model, [0], beam_size=2)
    assert ids == [[B, EOS_ID, 0, 0]]
    np.testing.assert_allclose(scores, [math.log(0.36)], rtol=1e-5)
