import numpy as np

from electra_model.initialization import initialize


def weights(model):
    return {v.path: np.asarray(v) for v in model.trainable_variables}


def test_the_same_seed_gives_the_same_model_whatever_was_made_before(make_model):
    first = weights(make_model(seed=4))
    make_model(seed=9, num_layers=3)
    again, other = weights(make_model(seed=4)), weights(make_model(seed=5))
    assert all(np.array_equal(first[path], again[path]) for path in first)
    assert not np.array_equal(first["embedding/table"], other["embedding/table"])


def test_a_tensor_does_not_depend_on_the_rest_of_the_model(make_model):
    small, large = weights(make_model()), weights(make_model(num_layers=3))
    name = "encoder/block_0/self_attention/query/kernel"
    assert np.array_equal(small[name], large[name])
    others = [large[name.replace("block_0", f"block_{n}")] for n in (1, 2)]
    assert not any(np.array_equal(small[name], other) for other in others)


def test_scales_and_constants(make_model):
    found = weights(make_model(d_model=64, dff=128, input_vocab_size=500, target_vocab_size=500))
    assert abs(found["embedding/table"].std() * 8 - 1) < 0.02, "width ** -0.5"
    inner = found["encoder/block_0/feed_forward/inner/kernel"]
    limit = np.sqrt(6 / (64 + 128))
    assert 0.98 * limit < inner.max() <= limit and -limit <= inner.min() < -0.98 * limit
    assert abs(inner.std() / (limit / np.sqrt(3)) - 1) < 0.02, "even between its limits"
    for path, value in found.items():
        if path.endswith(("bias", "beta")):
            assert not value.any(), path
        if path.endswith("gamma"):
            assert (value == 1).all(), path


def test_drawing_again_undoes_a_training(make_model):
    model = make_model(seed=4)
    before = weights(model)
    model.embedding.table.assign(model.embedding.table * 2)
    initialize(model, 4)
    assert np.array_equal(weights(model)["embedding/table"], before["embedding/table"])
