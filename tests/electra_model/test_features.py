import numpy as np
import pytest
import tensorflow as tf

from electra_model import features


def column(rows):
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return np.array([value for row in rows for value in row], np.int64), offsets


def as_example(record):
    found = tf.train.Example.FromString(record).features.feature
    return {name: list(found[name].int64_list.value) for name in found}


def test_bytes_of_one_record():
    # Worked out by hand from the protocol buffer's definition: 300 is AC 02.
    (record,) = features.encode_examples({"a": column([[1, 300]])}).to_pylist()
    assert record == bytes.fromhex("0a0e 0a0c 0a01 61 1207 1a05 0a03 01ac02")


def test_records_are_those_that_tensorflow_writes():
    rows = [[5, 127, 128, 3], [], [16_383, 16_384, 2**31 - 1, 2**62], [0]]
    other = [[1], [2, 3], [], list(range(1000))]
    columns = {"target_ids": column(other), "source_ids": column(rows)}
    records = features.encode_examples(columns).to_pylist()
    for record, source, target in zip(records, rows, other, strict=True):
        assert as_example(record) == {"source_ids": source, "target_ids": target}
    # Values without an empty list: TensorFlow's own bytes, feature names in order.
    example = tf.train.Example()
    for name, values in (("source_ids", [0]), ("target_ids", list(range(1000)))):
        example.features.feature[name].int64_list.value.extend(values)
    assert records[3] == example.SerializeToString(deterministic=True)


@pytest.mark.parametrize("bits", [1, 7, 8, 14, 15, 21, 22, 28, 29, 40])
def test_numbers_of_every_length(bits):
    """Each number of bits takes a way of its own through the encoder."""
    random = np.random.default_rng(bits)
    row = [*random.integers(0, 1 << bits, 200).tolist(), (1 << bits) - 1, 0, 1]
    rows = [row, row[:7], [], [(1 << bits) - 1]]
    records = features.encode_examples({"a": column(rows)}).to_pylist()
    assert [as_example(record)["a"] for record in records] == rows


def test_random_rows_come_back():
    random = np.random.default_rng(3)
    lengths = random.integers(0, 40, 500)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = random.integers(0, 70_000, offsets[-1]).astype(np.int32)
    records = features.encode_examples(
        {"source_ids": (values, offsets), "target_ids": (values, offsets)}
    )
    parsed = features.parse_examples(tf.constant(records.to_pylist()), features.PAIR)
    for name in features.PAIR:
        assert parsed[name].dtype == tf.int32
        np.testing.assert_array_equal(parsed[name].values, values)
        np.testing.assert_array_equal(parsed[name].row_splits, offsets)


def test_parse_within_a_dataset():
    records = features.encode_examples({"source_ids": column([[5, 3], [3]])}).to_pylist()
    dataset = tf.data.Dataset.from_tensor_slices(records).batch(2)
    dataset = dataset.map(lambda batch: features.parse_examples(batch, features.PAIR))
    (parsed,) = list(dataset)
    assert parsed["source_ids"].to_list() == [[5, 3], [3]]
    assert parsed["target_ids"].to_list() == [[], []]


def test_no_rows_give_no_records():
    empty = {"a": (np.empty(0, np.int32), np.zeros(1, np.int64))}
    assert features.encode_examples(empty).to_pylist() == []


@pytest.mark.parametrize(
    "columns, message",
    [
        ({}, "at least one column"),
        (
            {"a": column([[1]]), "b": column([[1], [2]])},
            "same number of rows: got {'a': 1, 'b': 2}",
        ),
        ({"a": (np.array([1, 2]), np.array([0, 1]))}, "a: offsets must rise from 0 to 2"),
        ({"a": column([[-1]])}, "a: values must not be negative: got -1"),
    ],
)
def test_wrong_columns(columns, message):
    with pytest.raises(ValueError, match=message):
        features.encode_examples(columns)
