import dataclasses
import json
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from pipelines import files, stages
from pipelines.cleaning import clean
from pipelines.deduplication import dedup
from pipelines.deduplication.dedup import DUPLICATE, LEAK, find_rejected, hash_texts, partition_of
from pipelines.units import Parts
from tests.pipelines.small_jobs import make_config


def strings(*texts):
    return pa.array(texts, pa.string())


def find(rows, leak=True, duplicate=True):
    """rows: (group, equal, is it a validation or test record)."""
    keys = np.array([[group, group, equal, equal] for group, equal, _ in rows], np.uint64)
    measure = np.array([row[2] for row in rows], bool)
    found, _ = find_rejected(keys.reshape(-1, 4), measure, leak=leak, duplicate=duplicate)
    return found.tolist()


def because(rows, **rules):
    """Dropped record -> the record that it is dropped because of."""
    keys = np.array([[group, group, equal, equal] for group, equal, _ in rows], np.uint64)
    measure = np.array([row[2] for row in rows], bool)
    found, of = find_rejected(keys, measure, **{"leak": True, "duplicate": True, **rules})
    return dict(zip(np.flatnonzero(found >= 0).tolist(), of.tolist(), strict=True))


def test_what_each_is_dropped_because_of():
    equal = [(2, 6, False), (1, 5, False), (1, 7, False), (1, 5, False), (2, 6, False)]
    assert because([*equal, (1, 5, False)]) == {3: 1, 4: 0, 5: 1}
    # Of test records an equal one, or else the first of the group in the order of the hashes.
    rows = [(1, 5, False), (1, 7, False), (1, 7, True), (1, 6, True), (0, 9, False), (1, 7, True)]
    assert because(rows) == {0: 3, 1: 2}
    assert because(rows, leak=False) == {1: 2}
    assert because([(1, 9, False), (2, 1, True), (1, 8, True), (3, 3, False)]) == {0: 2}


def test_the_first_of_equal_records_stays():
    assert find([(1, 5, False), (2, 6, False), (1, 5, False), (1, 7, False), (1, 5, False)]) == [
        -1,
        -1,
        DUPLICATE,
        -1,
        DUPLICATE,
    ]


def test_test_records_come_first_and_lose_nothing():
    rows = [(1, 5, False), (1, 5, True), (1, 5, True), (2, 6, False)]
    assert find(rows) == [LEAK, -1, -1, -1]
    assert find(rows, leak=False) == [DUPLICATE, -1, -1, -1]
    assert find(rows, leak=False, duplicate=False) == [-1, -1, -1, -1]


def test_a_leak_is_of_the_group_and_not_of_the_record():
    assert find([(1, 5, False), (1, 9, True), (2, 7, False)]) == [LEAK, -1, -1]


def test_halves_are_compared_both():
    keys = np.array([[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 4], [9, 2, 3, 4]], np.uint64)
    found, _ = find_rejected(keys, np.zeros(4, bool), leak=True, duplicate=True)
    assert found.tolist() == [-1, -1, DUPLICATE, -1]


def test_nothing():
    assert find([]) == []


def test_hashes_are_of_kind_and_text():
    pair = hash_texts("pair", strings("a", "b", "a"))
    assert pair.shape == (3, 2) and pair.dtype == np.uint64
    assert (pair[0] == pair[2]).all() and (pair[0] != pair[1]).all()
    assert (hash_texts("text", strings("a"))[0] != pair[0]).all()
    assert hash_texts("pair", strings()).shape == (0, 2)
    # The same on every machine.
    assert f"{pair[0, 0]:016x}{pair[0, 1]:016x}" == "79f80f36b81c734972430d611e0a2b4c"


def test_partitions_are_even_and_cover_the_range():
    hashes = hash_texts("pair", strings(*map(str, range(10_000))))[:, 0]
    counts = np.bincount(partition_of(hashes, 7), minlength=7)
    assert len(counts) == 7 and counts.min() > 1200 and counts.max() < 1700
    extremes = np.array([0, 2**64 - 1], np.uint64)
    assert partition_of(extremes, 7).tolist() == [0, 6]


ROWS = 2000


def hashed(folder, chunks, partitions, near=False):
    """A job whose first stage has made that many chunks of `ROWS` different records each."""
    config = make_config(
        folder, f"{chunks}-{partitions}", train=["train.tsv"], clean={"near_duplicate": near}
    )
    draw = np.random.default_rng(1)
    receipts = []
    for number in range(chunks):
        parts = Parts(stages.folder_of(config, "clean"), f"{number:05d}", "made")
        keys = draw.integers(0, 2**64 - 1, (ROWS, 4), np.uint64)
        parts.add("kept-00000", b"not read")
        clean._write_keys(parts, 0, np.arange(ROWS), keys, partitions)
        facts = {"role": "train", "path": "train.tsv", "chunks": [{}]}
        receipts.append(dataclasses.asdict(parts.commit(facts)))
    index = json.dumps({"digest": "made", "receipts": receipts})
    path = files.join(config.workdir, "prepare", "clean.index.json")
    files.write_atomic(path, index.encode())
    return config


def peak_of_a_task(config):
    """(records in the first task, the most memory that was in use, in bytes)."""
    (task, *_) = dedup.plan(config)
    parts = Parts(stages.folder_of(config, "dedup"), task.id, "made")
    clean.chunks(config)  # the index is parsed once a process
    tracemalloc.start()
    facts = dedup.work(config, task, parts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return facts["records"], peak


@pytest.mark.parametrize("near", [False, 0.8])
def test_memory_of_a_task_grows_with_its_partition_and_not_with_the_corpus(tmp_path, near):
    found = {
        (chunks, partitions): peak_of_a_task(hashed(tmp_path, chunks, partitions, near))
        for chunks, partitions in [(5, 1), (50, 10), (50, 1)]
    }
    records, peak = found[5, 1]
    assert records == 10_000
    # What the docstring says, and what does not grow with records.
    assert peak < 135 * records + 200_000
    assert found[50, 10][0] == pytest.approx(10_000, rel=0.05)
    assert found[50, 10][1] < 1.2 * peak
    assert found[50, 1][0] == 100_000
    assert 8 * peak < found[50, 1][1] < 12 * peak
