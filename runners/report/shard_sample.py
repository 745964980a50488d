"""Texts of a dataset as a model meets them: a sample of records, read from the shards alone.

The shuffle is global, so that any shard is a sample of the corpus by itself; within it pairs stand
by length, so that the sample is spread evenly over the whole shard. It is always the same one.
Nothing but the dataset and its vocabulary is needed, and no TensorFlow.
"""

from __future__ import annotations

import contextlib
import gzip
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import numpy as np

from electra_model import features
from electra_model.errors import InputError
from electra_model.tokenizer import EOS_ID, FILES, SIDES, WORD_START, Tokenizer
from electra_model.wire_format import read_varint
from pipelines import files

RECORDS = 500

# A record of the greatest length that can be set is far smaller: what claims more is damaged.
_LARGEST_RECORD = 1 << 20


def sample(workdir: str, split: dict[str, Any]) -> dict[str, list[list[int]]] | None:
    """Texts of some `RECORDS` records of a split's first shard; None where that cannot be read.

    Args:
      split: its entry in `dataset_info.json`.

    Returns:
      feature -> token ids of each text, without the end mark. A feature that holds several texts
      end to end gives several, the cut ones at the ends of a window too.
    """
    if not split.get("shards"):
        return None
    shard = split["shards"][0]
    count = shard.get("records", 0)
    chosen = set(np.linspace(0, count - 1, min(count, RECORDS)).astype(int).tolist())
    found: dict[str, list[list[int]]] = {}
    try:
        with unpacked(files.join(workdir, "dataset", shard["file"])) as stream:
            for position, record in enumerate(read_frames(stream)):
                if position in chosen:
                    for name, ids in decode_example(record).items():
                        found.setdefault(name, []).extend(_texts_of(ids))
    except (OSError, EOFError, KeyError, ValueError, IndexError, zlib.error):
        return None
    return found


@contextlib.contextmanager
def unpacked(path: str) -> Iterator[BinaryIO]:
    """A file of a dataset, decompressed where its name says gzip."""
    with files.open_read(path) as stream:
        yield cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if path.endswith(".gz") else stream


def read_frames(stream: BinaryIO) -> Iterator[bytes]:
    """The records of a TFRecord file.

    Raises:
      ValueError: the file is cut off, or is none.
    """
    while head := stream.read(12):
        (size,) = struct.unpack("<Q", head[:8].ljust(8, b"\xff"))
        if size > _LARGEST_RECORD:
            raise ValueError(f"a record of {size} bytes")
        data = stream.read(size + 4)
        if len(data) < size + 4:
            raise ValueError("the file is cut off")
        yield data[:size]


def decode_example(record: bytes) -> dict[str, list[int]]:
    """A serialized `tf.train.Example` of lists of int64, as of `features.encode_examples`, by name.

    Raises:
      ValueError, IndexError: it is none.
    """
    found = {}
    for example in _fields(record, 1):
        for entry in _fields(example, 1):
            (name,) = _fields(entry, 1)
            ids: list[int] = []
            for feature in _fields(entry, 2):
                for int64_list in _fields(feature, 3):
                    for packed in _fields(int64_list, 1):
                        ids += _varints(packed)
            found[name.decode()] = ids
    return found


def _fields(message: bytes, wanted: int) -> list[bytes]:
    """The fields of a protocol buffer with one number, all of which hold bytes."""
    found, place = [], 0
    while place < len(message):
        tag = message[place]
        size, place = read_varint(message, place + 1)
        if tag & 7 != 2 or place + size > len(message):
            raise ValueError("not a record of lists of numbers")
        if tag >> 3 == wanted:
            found.append(message[place : place + size])
        place += size
    return found


def _varints(data: bytes) -> list[int]:
    numbers, place = [], 0
    while place < len(data):
        number, place = read_varint(data, place)
        numbers.append(number)
    return numbers


def _texts_of(ids: list[int]) -> list[list[int]]:
    """Texts laid end to end, one by one, without their end marks; empty ones are left out."""
    texts: list[list[int]] = [[]]
    for number in ids:
        if number == EOS_ID:
            texts.append([])
        else:
            texts[-1].append(number)
    return [text for text in texts if text]


def vocabularies(workdir: str) -> dict[str, Tokenizer]:
    """Feature of a record -> the vocabulary its ids are of; without those that cannot be read."""
    folder = files.join(workdir, "vocabulary")
    joint = _vocabulary_in(folder)
    of_side = {side: joint or _vocabulary_in(files.join(folder, side)) for side in SIDES}
    names: dict[str, str] = dict(zip(features.PAIR, SIDES, strict=True))
    names[features.WINDOW[0]] = SIDES[0]  # windows are of both, or of the source alone
    return {name: found for name, side in names.items() if (found := of_side[side]) is not None}


def _vocabulary_in(folder: str) -> Tokenizer | None:
    for name in FILES:
        path = files.join(folder, name)
        if files.exists(path):
            try:
                return Tokenizer.of(name, files.read_bytes(path))
            except (OSError, InputError):
                return None
    return None


def is_byte(piece: str) -> bool:
    """Whether a piece is one byte of a character that has no piece, such as `<0xE2>`."""
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")


def text_of(pieces: list[str]) -> str:
    """Pieces as the normalised text that they stand for; unknown ones read U+FFFD."""
    data = b""
    for piece in pieces:
        if is_byte(piece):
            data += bytes([int(piece[3:5], 16)])
        else:
            data += ("\ufffd" if piece == "<unk>" else piece).encode()
    return data.decode("utf-8", errors="replace").replace(WORD_START, " ").strip()
