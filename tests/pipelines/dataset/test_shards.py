import numpy as np
import pyarrow as pa
import tensorflow as tf

from pipelines.dataset.shards import frames, pack_windows


def windows(texts, window_length):
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    ids = np.array([token for text in texts for token in text], np.int32)
    found = pack_windows(ids, offsets, window_length)
    return {
        name: [values[start:stop].tolist() for start, stop in zip(ends[:-1], ends[1:], strict=True)]
        for name, (values, ends) in found.items()
    }


def test_windows_as_in_the_documentation_of_the_format():
    assert windows([[7, 8, 3], [9, 3], [5, 6, 3]], 6) == {
        "token_ids": [[7, 8, 3, 9, 3, 5], [6, 3]],
        "segment_ids": [[1, 1, 1, 2, 2, 3], [1, 1]],
    }


def test_windows_that_come_out_even_and_none():
    assert windows([[1, 3], [2, 3]], 2) == {
        "token_ids": [[1, 3], [2, 3]],
        "segment_ids": [[1, 1], [1, 1]],
    }
    assert windows([], 2) == {"token_ids": [], "segment_ids": []}


def test_frames_are_read_by_tensorflow(tmp_path):
    records = [b"one", b"", b"x" * 100_000, b"two"]
    assert frames(pa.array([], pa.large_binary())) == b""
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frames(pa.array(records, pa.large_binary())))
    assert list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()) == records


def test_frames_are_those_of_tensorflow(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "a")) as writer:
        writer.write(b"hello")
    assert frames(pa.array([b"hello"], pa.large_binary())) == (tmp_path / "a").read_bytes()
