import json

import numpy as np
import pytest
import tensorflow as tf

from electra_model import features
from electra_model.errors import InputError
from runners.training.input_data import (
    BatchPlan,
    Columns,
    PairData,
    WindowData,
    dataset_identity,
    read_split,
)

LENGTHS = np.array([3, 9, 4, 16, 2, 17, 8, 5, 40, 4])


def plan(seed=1, lengths=LENGTHS):
    return BatchPlan(lengths, buckets=(4, 8, 16), batch_tokens=16, seed=seed)


def test_every_record_that_fits_is_used_once_in_every_epoch():
    batches = plan()
    fits = sorted(np.flatnonzero(LENGTHS <= 16).tolist())
    for epoch in range(3):
        first = epoch * batches.batches_per_epoch
        rows = [batches.batch(first + i).rows for i in range(batches.batches_per_epoch)]
        seen = [int(row) for part in rows for row in part if row >= 0]
        assert sorted(seen) == fits
    assert batches.left_out == 2


def test_batches_have_one_shape_per_bucket_and_records_fit_into_theirs():
    batches = plan()
    shapes = set()
    for step in range(batches.batches_per_epoch):
        batch = batches.batch(step)
        shapes.add((len(batch.rows), batch.length))
        assert all(LENGTHS[row] <= batch.length for row in batch.rows if row >= 0)
    assert shapes == {(4, 4), (2, 8), (1, 16)}


def test_a_batch_depends_on_seed_and_step_alone():
    steps = [7, 0, 12, 7]
    fresh = [plan().batch(step).rows.tolist() for step in steps]
    used = plan()
    assert [used.batch(step).rows.tolist() for step in steps] == fresh
    many = np.full(400, 4)
    assert plan(1, many).batch(0).rows.tolist() != plan(2, many).batch(0).rows.tolist()
    one = plan(1, many)
    assert one.batch(0).rows.tolist() != one.batch(one.batches_per_epoch).rows.tolist()


def test_rows_are_padded_and_empty_rows_are_all_padding():
    columns = Columns({"a": (np.array([5, 6, 7, 8, 9], np.uint16), np.array([0, 2, 5]))})
    rows = columns.rows("a", np.array([1, -1, 0]), 4)
    assert rows.tolist() == [[7, 8, 9, 0], [0, 0, 0, 0], [5, 6, 0, 0]]
    assert rows.dtype == np.int32


def write_dataset(folder, split, columns, compression="", **described):
    name = f"{split}-00000-of-00001.tfrecord" + (".gz" if compression else "")
    columns = {key: _column(values) for key, values in columns.items()}
    records = features.encode_examples(columns).to_pylist()
    with tf.io.TFRecordWriter(str(folder / name), compression or None) as writer:
        for record in records:
            writer.write(record)
    info = {
        "format_version": features.FORMAT_VERSION,
        "splits": {split: {"shards": [{"file": name, "records": len(records)}], **described}},
    }
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return folder / name


def _column(rows):
    offsets = np.cumsum([0] + [len(row) for row in rows])
    return np.array([value for row in rows for value in row]), offsets


PAIRS = {"source_ids": [[7, 8, 3], [9, 3]], "target_ids": [[70000, 3], [11, 12, 13, 3]]}


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_pairs_become_the_models_inputs(tmp_path, compression):
    write_dataset(tmp_path, "train", PAIRS, compression)
    data = PairData(str(tmp_path), "train", (4,), batch_tokens=8, seed=0)
    batch = data.plan.batch(0)
    source, shifted, target = data.arrays(batch)
    order = np.argsort(batch.rows)
    assert source[order].tolist() == [[7, 8, 3, 0], [9, 3, 0, 0]]
    assert target[order].tolist() == [[70000, 3, 0, 0], [11, 12, 13, 3]]
    assert shifted[order].tolist() == [[2, 70000, 0, 0], [2, 11, 12, 13]]


PACKED = {
    "source_ids": [[7, 8, 3, 5, 3], [9, 3]],
    "source_segment_ids": [[1, 1, 1, 2, 2], [1, 1]],
    "target_ids": [[9, 3, 6, 8, 3], [70000, 11, 3]],
    "target_segment_ids": [[1, 1, 2, 2, 2], [1, 1, 1]],
}


def test_packed_pairs_have_segments_and_a_start_token_each(tmp_path):
    packed = {"records": 2, "pairs": 3, "length": 6}
    write_dataset(tmp_path, "train", PACKED, packed=packed)
    data = PairData(str(tmp_path), "train", (4,), batch_tokens=18, seed=0)
    assert data.packed and data.pairs == 3 and len(data.columns) == 2
    assert data.plan.buckets == (6,) and data.plan.left_out == 0
    batch = data.plan.batch(0)
    order = np.argsort(batch.rows)  # the empty row first
    arrays = [array[order].tolist() for array in data.arrays(batch)]
    assert [array[1:] for array in arrays] == [
        [[7, 8, 3, 5, 3, 0], [9, 3, 0, 0, 0, 0]],
        [[2, 9, 2, 6, 8, 0], [2, 70000, 11, 0, 0, 0]],
        [[9, 3, 6, 8, 3, 0], [70000, 11, 3, 0, 0, 0]],
        [[1, 1, 1, 2, 2, 0], [1, 1, 0, 0, 0, 0]],
        [[1, 1, 2, 2, 2, 0], [1, 1, 1, 0, 0, 0]],
    ]
    assert all(arrays[index][0] == [0] * 6 for index in (0, 2, 3, 4))


@pytest.mark.parametrize("pairs, columns", [(4, PACKED), (3, PAIRS)], ids=["lost", "not packed"])
def test_packed_records_without_their_pairs_are_named(tmp_path, pairs, columns):
    write_dataset(tmp_path, "train", columns, packed={"records": 2, "pairs": pairs, "length": 6})
    with pytest.raises(InputError, match=f"pairs in the records of train, .* says {pairs}; run"):
        PairData(str(tmp_path), "train", (4,), batch_tokens=18, seed=0)


def test_pairs_alone_are_not_packed(tmp_path):
    write_dataset(tmp_path, "train", PAIRS)
    data = PairData(str(tmp_path), "train", (4,), batch_tokens=8, seed=0)
    assert not data.packed and data.pairs == 2 and len(data.arrays(data.plan.batch(0))) == 3


def test_windows(tmp_path):
    columns = {"token_ids": [[7, 3, 8, 3], [9, 3]], "segment_ids": [[1, 1, 2, 2], [1, 1]]}
    write_dataset(tmp_path, "pretrain", columns)
    data = WindowData(str(tmp_path), "pretrain", 4, batch_tokens=8, seed=0)
    batch = data.plan.batch(0)
    tokens, segments = data.arrays(batch)
    order = np.argsort(batch.rows)
    assert tokens[order].tolist() == [[7, 3, 8, 3], [9, 3, 0, 0]]
    assert segments[order].tolist() == [[1, 1, 2, 2], [1, 1, 0, 0]]


def test_an_unknown_split_is_empty(tmp_path):
    write_dataset(tmp_path, "train", PAIRS)
    assert len(read_split(str(tmp_path), "valid", features.PAIR)) == 0


def test_a_missing_dataset_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="does not exist; run `electra prepare` first"):
        read_split(str(tmp_path), "train", features.PAIR)


def test_a_cut_shard_is_named(tmp_path):
    shard = write_dataset(tmp_path, "train", PAIRS)
    shard.write_bytes(shard.read_bytes()[:-3])
    with pytest.raises(InputError, match=f"{shard.name}: cannot be read"):
        read_split(str(tmp_path), "train", features.PAIR)


def test_a_shard_with_fewer_records_is_named(tmp_path):
    shard = write_dataset(tmp_path, "train", PAIRS)
    shard.write_bytes(b"")
    with pytest.raises(InputError, match="0 records, dataset_info.json says 2"):
        read_split(str(tmp_path), "train", features.PAIR)


def test_another_record_format_is_refused(tmp_path):
    write_dataset(tmp_path, "train", PAIRS)
    path = tmp_path / "dataset_info.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 99'))
    with pytest.raises(InputError, match="record format 99"):
        read_split(str(tmp_path), "train", features.PAIR)


def test_a_training_depends_on_what_it_reads_alone(tmp_path):
    """Other test data, or more rejected records, cost no second training."""
    shards = {
        name: {"shards": [{"sha256": name}]} for name in ("train", "valid", "test", "pretrain")
    }
    info = {
        "format_version": features.FORMAT_VERSION,
        "vocabulary_fingerprint": "v",
        "ledger": {"in": 4},
        "splits": shards,
    }

    def identities(**changes):
        (tmp_path / "dataset_info.json").write_text(json.dumps(info | changes))
        return [dataset_identity(str(tmp_path), stage) for stage in ("pretrain", "train")]

    def with_other(name):
        return identities(splits=shards | {name: {"shards": [{"sha256": "other"}]}})

    pretrain, train = identities()
    assert pretrain != train
    assert with_other("test") == [pretrain, train] == identities(ledger={"in": 5})
    assert with_other("train")[0] == pretrain and with_other("train")[1] != train
    assert with_other("valid")[1] != train
    assert with_other("pretrain")[0] != pretrain
    assert all(new not in (pretrain, train) for new in identities(vocabulary_fingerprint="w"))
    # Pretraining sees the source's vocabulary only.
    both = {"source": "s", "target": "t"}
    first, second = (
        identities(vocabulary_fingerprint=both | changed) for changed in ({}, {"target": "u"})
    )
    assert first[0] == second[0] and first[1] != second[1]
    assert identities(vocabulary_fingerprint=both | {"source": "r"})[0] != first[0]
