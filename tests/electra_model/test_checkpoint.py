import numpy as np
import pytest

from electra_model import checkpoint
from electra_model.checkpoint import Checkpoint
from electra_model.errors import WorkError

TENSORS = {
    "encoder/block_0/kernel": np.arange(6, dtype="float32").reshape(2, 3),
    "optimizer/iteration": np.array(7, "int64"),
}


def names(folder):
    return [path.name for path in sorted(folder.iterdir())]


def equal(found, tensors):
    return set(found) == set(tensors) and all(
        found[name].dtype == tensors[name].dtype and np.array_equal(found[name], tensors[name])
        for name in tensors
    )


def test_round_trip(tmp_path):
    path = checkpoint.save(tmp_path / "new", Checkpoint(12, TENSORS, {"elapsed": 1.5}))
    assert path.name == "step-000000012.npz"
    found = checkpoint.load(path)
    assert (found.step, found.state) == (12, {"elapsed": 1.5})
    assert equal(found.tensors, TENSORS)


def test_some_tensors_of_a_files_bytes(tmp_path):
    path = checkpoint.save(tmp_path / "new", Checkpoint(12, TENSORS, {}))
    found = checkpoint.read_tensors(path.read_bytes(), {"encoder/block_0/kernel", "not/there"})
    assert equal(found, {"encoder/block_0/kernel": TENSORS["encoder/block_0/kernel"]})
    with pytest.raises(WorkError, match="the checkpoint is damaged"):
        checkpoint.read_tensors(path.read_bytes()[:-40], {"encoder/block_0/kernel"})


def test_the_newest_are_kept(tmp_path):
    for step in range(1, 6):
        checkpoint.save(tmp_path, Checkpoint(step, TENSORS, {}), keep=2)
    assert names(tmp_path) == ["step-000000004.npz", "step-000000005.npz"]
    assert checkpoint.load_newest(tmp_path).step == 5


def test_no_checkpoint_yet(tmp_path):
    assert checkpoint.load_newest(tmp_path / "missing") is None
    assert checkpoint.load_newest(tmp_path) is None


def test_a_half_written_one_is_no_checkpoint(tmp_path):
    checkpoint.save(tmp_path, Checkpoint(1, TENSORS, {}))
    (tmp_path / "step-000000002.npz.tmp-123").write_bytes(b"half")
    assert checkpoint.load_newest(tmp_path).step == 1
    checkpoint.save(tmp_path, Checkpoint(2, TENSORS, {}))
    assert names(tmp_path) == ["step-000000001.npz", "step-000000002.npz"], "left-overs go"


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "not an archive"])
def test_a_damaged_one_is_passed_over_with_a_word(tmp_path, damage):
    checkpoint.save(tmp_path, Checkpoint(1, TENSORS, {}))
    path = checkpoint.save(tmp_path, Checkpoint(2, TENSORS, {}))
    data = bytearray(path.read_bytes())
    data[data.index(TENSORS["encoder/block_0/kernel"].tobytes())] ^= 1
    contents = {"cut": data[:-30], "flipped": data, "empty": b"", "not an archive": b"text" * 99}
    path.write_bytes(contents[damage])
    said = []
    assert checkpoint.load_newest(tmp_path, warn=said.append).step == 1
    assert len(said) == 1
    assert said[0].startswith(f"{path}: the checkpoint is damaged (")
    assert said[0].endswith("remove it to go on without it; using the one before")


def test_one_made_after_a_damaged_one_is_kept(tmp_path):
    for step in (1, 9):
        damaged = checkpoint.save(tmp_path, Checkpoint(step, TENSORS, {}), keep=2)
    damaged.write_bytes(b"")
    checkpoint.save(tmp_path, Checkpoint(3, TENSORS, {}), keep=1)
    assert names(tmp_path) == ["step-000000003.npz"]


def test_any_flipped_bit_is_noticed_or_harmless(tmp_path):
    path = checkpoint.save(tmp_path, Checkpoint(1, TENSORS, {"a": 1}))
    data = path.read_bytes()
    noticed = 0
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = checkpoint.load(path)
        except WorkError:
            noticed += 1
        else:
            assert equal(found.tensors, TENSORS) and found.state == {"a": 1}
    assert noticed > len(data) / 2


def test_variables_to_tensors_and_back(make_model):
    model, other = make_model(seed=1), make_model(seed=2)
    tensors = checkpoint.tensors_of(model.trainable_variables)
    assert list(tensors) == [variable.path for variable in model.trainable_variables]
    checkpoint.restore(other.trainable_variables, tensors)
    assert equal(checkpoint.tensors_of(other.trainable_variables), tensors)


def test_two_variables_of_one_path_are_refused(make_model):
    variables = make_model().trainable_variables
    with pytest.raises(ValueError, match="two variables have the same path"):
        checkpoint.tensors_of([*variables, variables[0]])


def test_what_does_not_fit_is_not_restored(make_model):
    model = make_model()
    tensors = checkpoint.tensors_of(model.trainable_variables)
    wider = tensors | {"vocabulary_head/bias": np.zeros(31)}
    with pytest.raises(WorkError, match=r"vocabulary_head/bias is of shape \(31,\).* \(30,\)"):
        checkpoint.restore(model.trainable_variables, wider)
    del tensors["vocabulary_head/bias"]
    with pytest.raises(WorkError, match="vocabulary_head/bias is missing"):
        checkpoint.restore(model.trainable_variables, tensors)


def test_a_warm_start_names_every_tensor_once(make_model):
    model, donor = make_model(num_layers=2, num_decoder_layers=1), make_model(seed=8)
    tensors = checkpoint.tensors_of(donor.trainable_variables)
    tensors["generator/kernel"] = np.ones((2, 2), "float32")
    tensors["vocabulary_head/bias"] = np.ones(31, "float32")
    before = checkpoint.tensors_of(model.trainable_variables)
    report = checkpoint.warm_start(model.trainable_variables, tensors, "the donor")
    assert report["source"] == "the donor"

    listed = {key: [e["name"] for e in report[key]] for key in ("restored", "fresh", "skipped")}
    everything = [name for listed_names in listed.values() for name in listed_names]
    assert len(everything) == len(set(everything))
    assert set(everything) == set(before) | set(tensors)
    assert all(name.startswith("encoder/block_1/") for name in listed["fresh"])
    assert len(listed["fresh"]) == 14
    assert report["skipped"] == [
        {
            "name": "vocabulary_head/bias",
            "shape": [31],
            "reason": "shape [31] in the checkpoint, [30] in the model",
        },
        {
            "name": "generator/kernel",
            "shape": [2, 2],
            "reason": "the model has no tensor of this name",
        },
    ]
    after = checkpoint.tensors_of(model.trainable_variables)
    for name in after:
        expected = tensors if name in listed["restored"] else before
        assert np.array_equal(after[name], expected[name]), name
