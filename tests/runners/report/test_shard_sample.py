import gzip
import io

import numpy as np
import pyarrow as pa
import pytest

from electra_model import features
from electra_model.tokenizer import SPECIAL_PIECES
from pipelines.dataset import shards
from runners.report import shard_sample

COLUMNS = {
    "source_ids": (np.array([7, 300, 3, 3, 70_000, 3]), np.array([0, 3, 4, 6])),
    "target_ids": (np.array([5, 3, 6, 7, 3, 9, 3]), np.array([0, 2, 5, 7])),
}
ROWS = [
    {"source_ids": [7, 300, 3], "target_ids": [5, 3]},
    {"source_ids": [3], "target_ids": [6, 7, 3]},
    {"source_ids": [70_000, 3], "target_ids": [9, 3]},
]


def written(tmp_path, data, name="train-00000-of-00001.tfrecord", records=3):
    (tmp_path / "dataset").mkdir(exist_ok=True)
    (tmp_path / "dataset" / name).write_bytes(data)
    return {"shards": [{"file": name, "records": records}]}


def test_records_are_read_as_they_were_written():
    serialized = features.encode_examples(COLUMNS)
    found = list(shard_sample.read_frames(io.BytesIO(shards.frames(serialized))))
    assert found == serialized.to_pylist()
    assert [shard_sample.decode_example(record) for record in found] == ROWS


@pytest.mark.parametrize("packed", [False, True])
def test_sample_of_a_small_shard_is_all_of_it(tmp_path, packed):
    data = shards.frames(features.encode_examples(COLUMNS))
    name = "train-00000-of-00001.tfrecord" + ".gz" * packed
    split = written(tmp_path, gzip.compress(data) if packed else data, name)
    assert shard_sample.sample(str(tmp_path), split) == {
        "source_ids": [[7, 300], [70_000]],  # without end marks; an empty text is none
        "target_ids": [[5], [6, 7], [9]],
    }


def test_sample_is_spread_over_the_whole_shard(tmp_path):
    count = 10 * shard_sample.RECORDS
    ids = np.stack([np.arange(count) + 5, np.full(count, 3)], axis=1).ravel()
    column = ids, np.arange(0, 2 * count + 1, 2)
    data = shards.frames(features.encode_examples({"token_ids": column}))
    split = written(tmp_path, data, records=count)
    found = [text[0] - 5 for text in shard_sample.sample(str(tmp_path), split)["token_ids"]]
    assert len(found) == shard_sample.RECORDS
    assert found[0] == 0 and found[-1] == count - 1
    assert set(np.diff(found)) <= {10, 11}
    assert shard_sample.sample(str(tmp_path), split)["token_ids"][7] == [found[7] + 5]


def test_texts_end_to_end_are_told_apart(tmp_path):
    column = np.array([8, 9, 3, 7, 3, 6]), np.array([0, 6])
    split = written(tmp_path, shards.frames(features.encode_examples({"token_ids": column})))
    assert shard_sample.sample(str(tmp_path), split) == {"token_ids": [[8, 9], [7], [6]]}


WHOLE = shards.frames(features.encode_examples(COLUMNS))


@pytest.mark.parametrize(
    "name, data",
    [
        ("x.tfrecord", WHOLE[:-3]),
        ("x.tfrecord", WHOLE[:7]),
        ("x.tfrecord", b"no records at all, but text"),
        ("x.tfrecord", shards.frames(pa.array([b"neither is this"], pa.large_binary()))),
        ("x.tfrecord", shards.frames(pa.array([b"\x0a\xff"], pa.large_binary()))),
        ("x.tfrecord.gz", gzip.compress(WHOLE)[:-20]),
        ("x.tfrecord.gz", WHOLE),
    ],
)
def test_damaged_shards_give_no_sample(tmp_path, name, data):
    assert shard_sample.sample(str(tmp_path), written(tmp_path, data, name)) is None


def test_shards_that_are_not_there_give_no_sample(tmp_path):
    assert shard_sample.sample(str(tmp_path), {"shards": [{"file": "x", "records": 3}]}) is None
    assert shard_sample.sample(str(tmp_path), {"shards": [{"bytes": 3}]}) is None
    assert shard_sample.sample(str(tmp_path), {}) is None


def word_pieces(*pieces):
    return "".join(f"{piece}\n" for piece in (*SPECIAL_PIECES, "▁", *pieces)).encode()


def test_vocabularies_of_both_sides_or_of_each(tmp_path):
    folder = tmp_path / "vocabulary"
    folder.mkdir()
    assert shard_sample.vocabularies(str(tmp_path)) == {}
    (folder / "vocab.txt").write_bytes(word_pieces("a", "b"))
    joint = shard_sample.vocabularies(str(tmp_path))
    assert {name: one.size for name, one in joint.items()} == {
        "source_ids": 8, "target_ids": 8, "token_ids": 8,
    }  # fmt: skip
    (folder / "vocab.txt").unlink()
    for side, pieces in (("source", "abc"), ("target", "d")):
        (folder / side).mkdir()
        (folder / side / "vocab.txt").write_bytes(word_pieces(*pieces))
    apart = shard_sample.vocabularies(str(tmp_path))
    assert {name: one.size for name, one in apart.items()} == {
        "source_ids": 9, "target_ids": 7, "token_ids": 9,
    }  # fmt: skip
    (folder / "target" / "vocab.txt").write_bytes(b"\xff")
    assert set(shard_sample.vocabularies(str(tmp_path))) == {"source_ids", "token_ids"}


@pytest.mark.parametrize(
    "pieces, text",
    [
        (["▁the", "▁ho", "use", "s"], "the houses"),
        (["▁", "a", "▁b"], "a b"),
        (["▁x", "<0xE2>", "<0x82>", "<0xAC>"], "x€"),
        (["▁x", "<unk>"], "x\ufffd"),
        (["<0xE2>", "▁y"], "\ufffd y"),
        ([], ""),
    ],
)
def test_text_of_pieces(pieces, text):
    assert shard_sample.text_of(pieces) == text
