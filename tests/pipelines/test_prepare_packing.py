"""Whole jobs whose training pairs are packed."""

import collections
import os

import pyarrow.parquet as pq
import pytest

from electra_model import features
from electra_model.errors import InputError, WorkError
from pipelines import prepare
from pipelines.dataset import completion, ledgers
from pipelines.records import Ledger
from runners.engines import engines
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_records,
    read_rejected,
    run,
    sentences,
    tree,
    write_tsv,
)

PAIRS = sentences(300)
LONG = ("the " * 60, "das " * 60)  # more than max_tokens
SETTINGS = {
    "valid_fraction": 0.2,
    "max_tokens": 90,
    "records_per_shard": 100,
    "provenance": True,
    "pack_pairs": True,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packing")
    write_tsv(folder / "train.tsv", [*PAIRS[:200], LONG, *PAIRS[200:]])
    return folder


def job(folder, name="work", **dataset):
    train = [str(folder / "train.tsv")]
    return make_config(folder, name, train=train, dataset={**SETTINGS, **dataset})


@pytest.fixture(scope="module")
def packed(folder):
    config = job(folder)
    run(config)
    return config


@pytest.fixture(scope="module")
def plain(folder):
    config = job(folder, "plain", pack_pairs=False)
    run(config)
    return config


def segments(ids, segment_ids):
    """The texts of one side of a record."""
    assert len(ids) == len(segment_ids)
    assert segment_ids == sorted(segment_ids)
    assert sorted(set(segment_ids)) == list(range(1, segment_ids[-1] + 1))
    return [
        [token for token, number in zip(ids, segment_ids, strict=True) if number == segment]
        for segment in range(1, segment_ids[-1] + 1)
    ]


def pairs_of(record):
    source_ids, target_ids, source_segments, target_segments = record
    sides = segments(source_ids, source_segments), segments(target_ids, target_segments)
    return [*zip(*sides, strict=True)]


def checksums(info, split):
    return [shard["sha256"] for shard in info["splits"][split]["shards"]]


def test_the_pairs_are_those_that_stand_alone_without(packed, plain):
    records = read_records(packed, "train", features.PACKED)
    found = [pair for record in records for pair in pairs_of(record)]
    expected = read_records(plain, "train", features.PAIR)
    assert sorted(found) == sorted(expected) and len(found) > 200
    sizes = [len(side) for record in records for side in record[:2]]
    assert max(sizes) <= 90 and len(records) < len(found) / 2


def test_other_splits_are_what_they_are_without(packed, plain):
    one, other = read_info(packed), read_info(plain)
    assert checksums(one, "train") != checksums(other, "train")
    for split in ("valid", "pretrain"):
        assert checksums(one, split) == checksums(other, split)
        assert "packed" not in one["splits"][split]
    assert "packed" not in other["splits"]["train"]
    assert one["lengths"] == other["lengths"] and one["ledger"] == other["ledger"]


def test_the_info_counts_records_and_pairs(packed, plain):
    info, train = read_info(packed), read_info(packed)["splits"]["train"]
    records = read_records(packed, "train", features.PACKED)
    pairs = read_info(plain)["splits"]["train"]["records"]
    assert train["packed"] == {"records": len(records), "pairs": pairs, "length": 90}
    assert train["records"] == len(records)
    assert train["tokens"] == read_info(plain)["splits"]["train"]["tokens"]
    assert len(train["shards"]) == 3
    assert sum(shard["pairs"] for shard in train["shards"]) == pairs
    assert all("buckets" not in shard for shard in train["shards"])
    # In = out + rejected, in pairs, down to the shards.
    assert train["ledger"] == {"in": pairs + 1, "out": pairs, "rejected": {"max_tokens": 1}}
    valid = info["splits"]["valid"]["records"]
    assert info["ledger"] == {"in": 301, "out": pairs + valid, "rejected": {"max_tokens": 1}}
    assert pairs + valid == 300
    (rejected,) = read_rejected(packed, "max_tokens")
    assert rejected["row"] == 200
    assert [*rejected["found"]] == ["source", "target"]
    assert max(rejected["found"].values()) > info["max_tokens"]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_two_processes_and_small_units_give_the_same_bytes(folder, packed, workers):
    small = job(folder, f"small-{workers}", unit_megabytes=0.002, provenance=False)
    runner = engines.RunnerConfig(workers=workers)
    run(small, engines.pipeline_runner(runner), engines.pipeline_options(runner))
    assert len(prepare.plan_prepare(small).units) > 2
    for split in ("train", "valid"):
        assert checksums(read_info(small), split) == checksums(read_info(packed), split)


def test_another_seed_lays_other_pairs_together(folder, packed):
    other = run(job(folder, "seed", seed=2, provenance=False))
    assert other["splits"]["train"]["packed"]["pairs"] > 200
    assert checksums(other, "train") != checksums(read_info(packed), "train")


def test_every_pair_is_found_at_its_place_in_the_record(packed, plain):
    """Provenance names the row of each piece; and plain records of that row have the same ids."""

    def pieces(config, names):
        found = collections.defaultdict(list)
        for shard in read_info(config)["splits"]["train"]["shards"]:
            rows = read_shard(config, shard, names)
            table = pq.read_table(f"{config.workdir}/dataset/{shard['provenance']['file']}")
            place = collections.Counter()
            for line in table.to_pylist():
                key = line["record"], line["side"]
                assert line["start"] == place[key], "side by side, and by record"
                place[key] += line["length"]
                ids = rows[line["record"]][names.index(f"{line['side']}_ids")]
                piece = ids[line["start"] : line["start"] + line["length"]]
                found[line["file"], line["unit"], line["row"], line["side"]].append(piece)
            assert place == {
                (number, side): len(row[names.index(f"{side}_ids")])
                for number, row in enumerate(rows)
                for side in ("source", "target")
            }
        return found

    found, expected = pieces(packed, features.PACKED), pieces(plain, features.PAIR)
    assert found == expected and len(found) > 400
    assert all(len(some) == 1 for some in found.values())


def read_shard(config, shard, names):
    import tensorflow as tf

    path = f"{config.workdir}/dataset/{shard['file']}"
    records = list(tf.data.TFRecordDataset(path).as_numpy_iterator())
    parsed = features.parse_examples(tf.constant(records, tf.string), names)
    return [*zip(*(parsed[name].to_list() for name in names), strict=True)]


def test_switched_off_again_it_is_what_it_was(folder, plain):
    before = tree(plain)
    run(job(folder, "plain"))
    assert read_info(plain)["splits"]["train"]["packed"]["pairs"] > 200
    run(plain)
    assert tree(plain) == before


def test_a_shard_that_is_lost_is_made_again(folder, packed):
    before = tree(packed)
    name = "dataset/train-00001-of-00003.tfrecord"
    os.unlink(f"{packed.workdir}/{name}")
    assert completion.missing_file(packed.workdir) == name
    run(packed)
    assert tree(packed) == before


def test_nothing_to_pack_is_refused(tmp_path):
    (tmp_path / "docs.txt").write_text("the red house\n")
    config = make_config(
        tmp_path,
        monolingual={"en": [str(tmp_path / "docs.txt")]},
        dataset={"pack_pairs": True},
    )
    with pytest.raises(InputError, match="dataset.pack_pairs: .* data.train names none; name"):
        prepare.plan_prepare(config)


@pytest.mark.parametrize(
    "facts",
    [
        [{"records": 2, "pairs": 4}],
        [{"records": 5, "pairs": 6}],
        [{"records": 2}, {"records": 2}],
        [],
    ],
    ids=["one is lost", "one too many", "lost without packing", "no shards"],
)
def test_shards_that_do_not_hold_what_went_out_stop_the_work(facts):
    message = "the books of the split train do not balance: 5 pairs went out"
    with pytest.raises(WorkError, match=message):
        ledgers.check_written({"train": Ledger(7, 5, {"max_tokens": 2})}, {"train": facts})


def test_shards_that_hold_what_went_out_pass():
    books = {"train": Ledger(7, 5, {"max_tokens": 2}), "valid": Ledger(2, 2, {})}
    facts = {"train": [{"records": 1, "pairs": 3}, {"records": 1, "pairs": 2}]}
    ledgers.check_written(books, {**facts, "valid": [{"records": 2}], "pretrain": [{"records": 9}]})
