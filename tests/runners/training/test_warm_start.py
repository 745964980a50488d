import numpy as np
import pytest

from electra_model import checkpoint
from electra_model.checkpoint import Checkpoint
from electra_model.config import ModelConfig, PretrainConfig
from electra_model.electra import Electra
from electra_model.pretraining import ReplacedTokenDetection
from runners.training import warm_start

SIZES = ModelConfig(
    num_layers=3, num_decoder_layers=1, d_model=16, num_heads=2, dff=16, max_length=16
)


@pytest.fixture(scope="module")
def network():
    pretrained = ReplacedTokenDetection(SIZES, PretrainConfig(), 30, seed=5)
    return Checkpoint(7, checkpoint.tensors_of(pretrained.variables), {})


@pytest.mark.parametrize(
    ("layers", "blocks", "normalised"),
    [(None, {0, 1, 2}, True), (0, set(), False), (2, {0, 1}, False), (3, {0, 1, 2}, False)],
)
def test_so_many_blocks_are_taken_over(network, layers, blocks, normalised):
    model = Electra.from_config_and_vocabulary(SIZES, 30, seed=1)
    weights = model.trainable_variables
    before = checkpoint.tensors_of(weights)
    report = warm_start.start(weights, network, layers)
    assert report["source"] == "pretrain step 7"
    after = checkpoint.tensors_of(weights)

    def is_pretrained(name):
        if name == "embedding/table":
            return True
        if name.startswith("encoder/final_norm/"):
            return normalised
        return name.startswith("encoder/") and int(name.split("/")[1].split("_")[1]) in blocks

    for name, value in after.items():
        expected = network.tensors[name] if is_pretrained(name) else before[name]
        assert np.array_equal(value, expected), name
    restored = {one["name"] for one in report["restored"]}
    fresh = {one["name"] for one in report["fresh"]}
    assert restored == {name for name in after if is_pretrained(name)}
    assert restored | fresh == set(after) and not restored & fresh
    skipped = [one["name"] for one in report["skipped"]]
    assert skipped == sorted(set(network.tensors) - restored), "each tensor once"
    reasons = {one["reason"] for one in report["skipped"] if one["name"].startswith("encoder/")}
    assert reasons <= {f"train.warm_start_layers is {layers}"}
