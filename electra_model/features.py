"""The record format: what one training record holds, how it is written and how it is read.

A record is a `tf.train.Example` whose features are variable-length lists of int64. Four kinds:

* `PAIR`, for training: `source_ids` and `target_ids`, the pieces of one sentence each. Both end
  with the end mark (id 3); nothing begins with a begin mark and nothing is padded.
* `PACKED`, for training (`dataset.pack_pairs`): several pairs, `source_ids` and `target_ids` of all
  of them laid end to end, and `source_segment_ids` and `target_segment_ids`, which count the pairs
  inside the record from 1. The pairs `[7 8 3]`, `[9 3]` and `[5 3]`, `[6 8 3]` give the sources
  `[7 8 3 5 3]` with segments `[1 1 1 2 2]` and the targets `[9 3 6 8 3]` with `[1 1 2 2 2]`.
* `WINDOW`, for pretraining: `token_ids`, several texts (each with its end mark) laid end to end
  and cut every `window_length` tokens, and `segment_ids`, which count the texts inside the window
  from 1. A text may be a pair, both sides with their end marks (`dataset.pair_windows`).
  Worked example with a window of 6: the texts `[7 8 3]`, `[9 3]` and `[5 6 3]` give the windows
  `[7 8 3 9 3 5]` with segments `[1 1 1 2 2 3]`, and `[6 3]` with segments `[1 1]`. Only the last
  window of a shard may be shorter than the others.
* `REPLACED`, a window for pretraining without a generator: `replaced_token_ids`, as many, are the
  same tokens with some of them replaced beforehand. A token is an original where both agree.

TensorFlow is imported only by `parse_examples`: writing records needs none of it.
"""

# pyarrow.compute makes its functions while it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from electra_model.word_columns import row_sums

if TYPE_CHECKING:
    import tensorflow as tf

FORMAT_VERSION = 1
PAIR = ("source_ids", "target_ids")
PACKED = (*PAIR, "source_segment_ids", "target_segment_ids")
WINDOW = ("token_ids", "segment_ids")
REPLACED = (*WINDOW, "replaced_token_ids")

# A column of ragged rows: all values laid end to end, and n + 1 rising offsets; row i is
# `values[offsets[i]:offsets[i + 1]]`.
Column = tuple[np.ndarray, np.ndarray]


def encode_examples(columns: Mapping[str, Column]) -> pa.LargeBinaryArray:
    """Ragged integer columns -> one serialized `tf.train.Example` per row.

    Works on whole columns, no row becomes a Python object. The bytes are a pure function of the
    values (feature names are written in sorted order).

    Args:
      columns: feature name -> (values int [m], offsets int [n + 1]); all with the same n.

    Raises:
      ValueError: no column, columns with different numbers of rows, offsets that do not fit the
        values, or a negative value.
    """
    if not columns:
        raise ValueError("encode_examples needs at least one column")
    rows = {name: len(offsets) - 1 for name, (_, offsets) in columns.items()}
    if len(set(rows.values())) != 1:
        raise ValueError(f"columns must have the same number of rows: got {rows}")
    if not all(rows.values()):
        return pa.array([], pa.large_binary())

    fields = [_feature(name, *columns[name]) for name in sorted(columns)]
    features_size = np.sum([size for _, size in fields], axis=0)
    # Example { Features features = 1; }
    return joined(
        b"\x0a", _varints(features_size), *(piece for some, _ in fields for piece in some)
    )


def joined(*pieces: bytes | pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """Row i of the result is row i of every piece, one after the other; bytes are in every row."""
    some = [
        pa.scalar(piece, pa.large_binary()) if isinstance(piece, bytes) else piece
        for piece in pieces
    ]
    return pc.binary_join_element_wise(*some, pa.scalar(b"", pa.large_binary()))


def parse_examples(serialized: tf.Tensor, names: Sequence[str]) -> dict[str, tf.RaggedTensor]:
    """Serialized records, string [n] -> name -> ragged int32 [n, (length)].

    Usable inside `tf.function` and `tf.data`. A feature that a record lacks gives an empty row.
    """
    import tensorflow as tf

    wanted = {
        name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.dtypes.int64) for name in names
    }
    parsed = tf.io.parse_example(serialized, wanted)
    return {name: tf.cast(parsed[name], tf.int32) for name in names}  # pyright: ignore


def _feature(
    name: str, values: np.ndarray, offsets: np.ndarray
) -> tuple[list[bytes | pa.LargeBinaryArray], np.ndarray]:
    """The pieces and the size, in every row, of one entry of `Features`.

    Features { map<string, Feature> feature = 1; }   entry { key = 1; value = 2; }
    Feature { Int64List int64_list = 3; }            Int64List { repeated int64 value = 1; }
    """
    values = np.asarray(values)
    offsets = np.asarray(offsets, np.int64)
    if offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 0).any():
        raise ValueError(f"{name}: offsets must rise from 0 to {len(values)}, the number of values")
    if len(values) and values.min() < 0:
        raise ValueError(f"{name}: values must not be negative: got {values.min()}")
    payload = _varints(values, offsets)
    payload_size = np.diff(_ends(payload))

    key = name.encode()
    key_field = b"\x0a" + bytes([len(key)]) + key
    list_size = 1 + _varint_size(payload_size) + payload_size
    feature_size = 1 + _varint_size(list_size) + list_size
    entry_size = len(key_field) + 1 + _varint_size(feature_size) + feature_size
    pieces = [
        b"\x0a",
        _varints(entry_size),
        key_field + b"\x12",
        _varints(feature_size),
        b"\x1a",
        _varints(list_size),
        b"\x0a",
        _varints(payload_size),
        payload,
    ]
    return pieces, 1 + _varint_size(entry_size) + entry_size


def _varint_size(numbers: np.ndarray) -> np.ndarray:
    """Bytes that each number takes: one per started group of seven bits."""
    sizes = np.ones(len(numbers), np.int64)
    bound = 1 << 7
    largest = int(numbers.max(initial=0))
    while largest >= bound:
        sizes += numbers >= bound
        bound <<= 7
    return sizes


def _varints(numbers: np.ndarray, offsets: np.ndarray | None = None) -> pa.LargeBinaryArray:
    """Base-128 encoding, least significant group first; the high bit says that more follow.

    Args:
      numbers: int [m], none negative. offsets: int64 [n + 1], of rows of them; each number is a row
        where there are none.
    """
    ends = np.arange(len(numbers) + 1) if offsets is None else offsets
    largest = int(numbers.max(initial=0))
    if largest < 1 << 7:
        return _rows(numbers.astype(np.uint8), ends)
    if largest < 1 << 28:
        data, sizes = _in_words(numbers, np.uint16 if largest < 1 << 14 else np.uint32)
    else:
        sizes = _varint_size(numbers)
        width = int(sizes.max(initial=1))
        groups = np.empty((len(numbers), width), np.uint8)
        for group in range(width):
            groups[:, group] = (numbers >> (7 * group)) & 0x7F
            groups[:, group] |= (sizes > group + 1).view(np.uint8) << 7
        data = groups[np.arange(width) < sizes[:, None]]
    return _rows(data, np.append(0, np.cumsum(row_sums(sizes, ends), dtype=np.int64)))


def _in_words(
    numbers: np.ndarray, kind: type[np.uint16] | type[np.uint32]
) -> tuple[np.ndarray, np.ndarray]:
    """Bytes and sizes, for numbers whose bytes fit into such a word: some of its bytes are kept."""
    numbers = numbers.astype(kind, copy=False)
    words = numbers & kind(0x7F)
    kept = np.ones(len(numbers), kind)
    sizes = np.ones(len(numbers), np.uint8)
    for group in range(1, np.dtype(kind).itemsize):
        more = numbers >= kind(1 << (7 * group))
        sizes += more
        more = more.astype(kind)
        words |= more << kind(8 * group - 1)
        words |= (numbers >> kind(7 * group) & kind(0x7F)) << kind(8 * group)
        kept |= more << kind(8 * group)
    order = np.dtype(kind).newbyteorder("<")
    data = words.astype(order, copy=False).view(np.uint8)
    return np.compress(kept.astype(order, copy=False).view(bool), data), sizes


def _rows(data: np.ndarray, ends: np.ndarray) -> pa.LargeBinaryArray:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(ends, np.int64)), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends) - 1, buffers)


def _ends(rows: pa.LargeBinaryArray) -> np.ndarray:
    return np.frombuffer(rows.buffers()[1], np.int64)
