"""Batches of windows with replacements: a function of the step, by falling temperature."""

import collections
import json

import numpy as np
import pytest
import tensorflow as tf

from electra_model import features
from electra_model.errors import InputError
from runners.training.input_data import dataset_identity
from runners.training.replaced_data import FallingPlan, ReplacedData, has_replacements

RECORDS = [5, 8, 1]  # with 4 rows: 2, 2 and 1 batches


def plan(updates, last_copy=0, seed=1):
    return FallingPlan(RECORDS, last_copy, 4, updates, seed)


@pytest.mark.parametrize(
    "updates, expected",
    [
        (5, [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (2, 0, 0)]),
        (3, [(0, 0, 0), (1, 0, 0), (2, 0, 0)]),
        (1, [(2, 0, 0)]),
        (
            10,
            [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0)]
            + [(1, 1, 1), (2, 0, 0), (2, 1, 0)],
        ),
    ],
)
def test_every_file_has_its_share_of_the_updates(updates, expected):
    """(file, pass, batch) of each step; the first file comes first and the last one last."""
    assert [plan(updates).place(step) for step in range(updates)] == expected
    assert plan(updates).passes == updates / 5


def test_by_the_clock_each_file_is_read_once_and_then_the_last_copy_again():
    places = [plan(None, last_copy=1).place(step) for step in range(11)]
    once = [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (2, 0, 0)]
    again = [(1, 1, 0), (1, 1, 1), (2, 1, 0), (1, 2, 0), (1, 2, 1), (2, 2, 0)]
    assert places == once + again
    assert plan(None).passes is None


def test_a_pass_uses_each_record_once_and_each_pass_has_its_own_order():
    whole = plan(10)
    seen = collections.Counter()
    for step in range(10):
        file, rows = whole.batch(step)
        assert len(rows) == 4
        seen.update((file, row) for row in rows.tolist() if row >= 0)
    assert seen == {(file, row): 2 for file, count in enumerate(RECORDS) for row in range(count)}
    assert [whole.batch(step)[1].tolist() for step in (4, 5)] != [
        whole.batch(step)[1].tolist() for step in (6, 7)
    ]


def test_the_batch_of_a_step_does_not_depend_on_what_was_asked_before():
    forwards = [plan(10).batch(step) for step in range(10)]
    asked = plan(10)
    for step in (9, 0, 5, 3, 9, 4):
        file, rows = asked.batch(step)
        assert file == forwards[step][0] and rows.tolist() == forwards[step][1].tolist()
    assert any(
        plan(10, seed=2).batch(step)[1].tolist() != forwards[step][1].tolist() for step in range(10)
    )


def write(folder, copies=2):
    """Two shards of windows in `copies` copies; the first token of a replaced row is the number of
    its file, counted from 40."""
    windows = [[[7, 8, 3, 9], [5, 3]], [[11, 12, 13, 3]]]
    shards = []
    for number in range(copies * len(windows)):
        copy, shard = divmod(number, len(windows))
        tokens = windows[shard]
        offsets = np.cumsum([0] + [len(row) for row in tokens])
        flat = np.concatenate(tokens)
        replaced = flat.copy()
        replaced[offsets[:-1]] = 40 + number
        columns = {
            "token_ids": (flat, offsets),
            "segment_ids": (np.ones_like(flat), offsets),
            "replaced_token_ids": (replaced, offsets),
        }
        name = f"replaced-{number:05d}-of-{copies * len(windows):05d}.tfrecord"
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for record in features.encode_examples(columns).to_pylist():
                writer.write(record)
        shards.append(
            {
                "file": name,
                "records": len(tokens),
                "sha256": name,
                "temperature": 4.0 - number,
                "copy": copy,
            }
        )
    info = {
        "format_version": features.FORMAT_VERSION,
        "vocabulary_fingerprint": "v",
        "splits": {"pretrain": {"shards": [{"sha256": "p"}]}, "train": {"shards": []}},
        "replacements": {"copies": copies, "shards": shards},
    }
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return info


def test_arrays_hold_the_windows_and_their_replacements(tmp_path):
    write(tmp_path)
    data = ReplacedData(str(tmp_path), 4, batch_tokens=8, updates=4, seed=1)
    assert (data.windows, data.copies) == (3, 2)
    for step in range(4):
        tokens, replaced, segments = data.arrays(step)
        assert tokens.shape == replaced.shape == segments.shape == (2, 4)
        assert data.temperature(step) == 4.0 - step
        real = tokens != 0
        assert np.array_equal(real, segments == 1)
        assert set(replaced[real & (tokens != replaced)].tolist()) == {40 + step}
        assert ((tokens != replaced).sum(axis=1) <= 1).all()
    tokens, replaced, _ = data.arrays(1)
    order = np.argsort(-tokens[:, 0])
    assert tokens[order].tolist() == [[11, 12, 13, 3], [0, 0, 0, 0]]
    assert replaced[order].tolist() == [[41, 12, 13, 3], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    "updates, words",
    [
        (4, "2 copies of 3 windows, temperature 4 to 1"),
        (12, "each read 3.0 times; set dataset.replacements.copies to 6"),
        (None, "read once, then the last copy again and again until the time is over"),
    ],
)
def test_the_way_through_the_files_is_told(tmp_path, updates, words):
    write(tmp_path)
    data = ReplacedData(str(tmp_path), 4, batch_tokens=8, updates=updates, seed=1)
    assert data.summary().endswith(words)


def test_a_damaged_file_is_named(tmp_path):
    name = write(tmp_path)["replacements"]["shards"][2]["file"]
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-3])
    data = ReplacedData(str(tmp_path), 4, batch_tokens=8, updates=4, seed=1)
    data.arrays(0)
    with pytest.raises(InputError, match=f"{name}: cannot be read"):
        data.arrays(2)


def test_pretraining_depends_on_the_replacements_and_training_does_not(tmp_path):
    info = write(tmp_path)
    assert has_replacements(str(tmp_path))
    before = [dataset_identity(str(tmp_path), stage) for stage in ("pretrain", "train")]
    info["replacements"]["shards"][1]["sha256"] = "other"
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    after = [dataset_identity(str(tmp_path), stage) for stage in ("pretrain", "train")]
    assert after[0] != before[0] and after[1] == before[1]
    del info["replacements"]
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    assert not has_replacements(str(tmp_path))
    assert dataset_identity(str(tmp_path), "pretrain") not in (before[0], after[0])
