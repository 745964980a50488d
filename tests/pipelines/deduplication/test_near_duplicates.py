"""Near duplicates in small jobs of the whole prepare pipeline."""

import dataclasses
import json
import os
import random

import numpy as np
import pyarrow as pa
import pytest

from pipelines import prepare, records, stages
from pipelines.cleaning import clean
from pipelines.deduplication import dedup
from pipelines.deduplication.dedup import partition_of
from pipelines.deduplication.near_duplicates import _range_of
from pipelines.splitting import split
from runners.engines import engines
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_rejected,
    run,
    run_until,
    tree,
    write_tsv,
)

SYLLABLES = ["ba", "do", "ki", "lu", "me", "no", "pi", "ra", "su", "te"]
RULE = {"near_duplicate": 0.8, "near_duplicate_shingle": 2}


def text_of(seed, words=80):
    draw = random.Random(seed)
    return " ".join("".join(draw.choices(SYLLABLES, k=3)) for _ in range(words))


def near(text, place=3, count=1):
    """With other words: of 79 runs of two words 77 are the same if it is one, 0.95 of all in
    either text."""
    words = text.split()
    words[place : place + count] = ["changed"] * count
    return " ".join(words)


def half(text, other):
    return " ".join(text.split()[:40] + other.split()[40:])


def write_documents(path, texts):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return str(path)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Pairs and documents with near copies of each other and of test data, far apart."""
    tmp_path = tmp_path_factory.mktemp("near")
    texts = [text_of(seed) for seed in range(200)]
    test = [text_of(f"test {seed}") for seed in range(5)]
    chain = near(texts[1], 10, 4)  # 0.90 to the first
    chain_end = near(near(chain, 30, 2), 60, 2)  # 0.79 to the first, 0.88 to the one before
    train = [
        *texts[:100],
        near(texts[0]).upper() + "!",  # near duplicate
        half(texts[2], texts[3]),  # stays
        texts[4],  # the same source with another target: near duplicate
        chain,
        chain_end,
        near(test[0]),  # near leak
        near(near(test[0]), 30),  # near leak, through the one before or not
        *texts[100:],
        near(texts[150], 9),  # near duplicate
    ]
    pairs = [(source, f"ziel {number}") for number, source in enumerate(train)]
    documents = [text_of(f"document {seed}", 200) for seed in range(60)]
    documents += [near(documents[7], 100), texts[5], near(texts[6]), near(test[1]), "ab 7"]
    settings = dict(
        train=[write_tsv(tmp_path / "train.tsv", pairs)],
        test=[write_tsv(tmp_path / "test.tsv", [(source, "prüfung " * 9) for source in test])],
        monolingual={"en": [write_documents(tmp_path / "docs.jsonl", documents)]},
        dataset={"records_per_shard": 100, "window_length": 32, "max_tokens": 1024},
    )
    lengths = {"max_length_ratio": False}

    def config(name, **changes):
        made = dict(settings)
        made["clean"] = {**lengths, **RULE, **changes.pop("clean", {})}
        made["dataset"] = {**settings["dataset"], **changes.pop("dataset", {})}
        return make_config(tmp_path, name, **made, **changes)

    first = config("work")
    run(first)
    return first, config, dict(train=train, test=test, documents=documents, texts=texts)


def test_near_copies_are_dropped_but_for_the_first(corpus):
    config, _, made = corpus
    train, documents = made["train"], made["documents"]
    found = [(row["source"], row["row"]) for row in read_rejected(config, "near_duplicate")]
    assert sorted(found) == sorted(
        [(train[row], row) for row in (100, 102, 103, 104, 207)] + [(documents[60], 60)]
    )
    assert all(row.get("target") for row in read_rejected(config, "near_duplicate")[:5])
    because = {row["row"]: row["of"]["row"] for row in read_rejected(config, "near_duplicate")}
    # The end of the chain by what lies between.
    assert because == {100: 0, 102: 4, 103: 1, 104: 1, 207: 157, 60: 7}


def test_near_copies_of_test_data_are_dropped(corpus):
    config, _, made = corpus
    found = read_rejected(config, "near_leak")
    assert [(row["source"], row["row"]) for row in found] == [
        (made["train"][row], row) for row in (105, 106)
    ]
    test = {"path": config.data.test[0], "unit": "00001-00000", "row": 0}
    assert [row["of"] for row in found] == [test, test]


def test_books_balance(corpus):
    info = read_info(corpus[0])
    splits = {name: described["ledger"] for name, described in info["splits"].items()}
    assert splits["test"] == {"in": 5, "out": 5, "rejected": {}}
    assert splits["pretrain"] == {"in": 65, "out": 64, "rejected": {"near_duplicate": 1}}
    assert splits["train"] == {
        "in": 208 - 3,
        "out": 201 - 3,
        "rejected": {"near_duplicate": 5, "near_leak": 2},
    }
    # 0.01 of what is left, 201 records: three.
    assert splits["valid"] == {"in": 3, "out": 3, "rejected": {}}
    assert info["ledger"]["in"] == info["ledger"]["out"] + 8
    assert info["samples"]["near_leak"] == "samples/near_leak.jsonl"


@pytest.mark.slow
def test_without_leak_test_data_take_no_part(corpus):
    config = corpus[1]("no-leak", clean={"leak": False})
    info = run(config)
    # One of the two near copies of a test source is one of the other.
    assert info["splits"]["train"]["ledger"]["rejected"] == {"near_duplicate": 6}
    roles = [one.facts["role"] for one in stages.load_index(config, "signatures").receipts]
    assert sorted(roles) == ["monolingual:en", "train"]


@pytest.mark.parametrize(
    "rule, dropped",
    [
        ({"near_duplicate": 0.6}, {"near_duplicate": 5, "near_leak": 2}),
        ({"near_duplicate": 1.0}, {"near_duplicate": 1}),
        # A word near the beginning is in few runs of thirty, one further on in many.
        (
            {"near_duplicate": 0.8, "near_duplicate_shingle": 30},
            {"near_duplicate": 2, "near_leak": 1},
        ),
        ({"near_duplicate": False}, {}),
    ],
)
def test_the_bound_decides(corpus, rule, dropped):
    # The copy with another target is one at any bound.
    info = run(corpus[1]("bound", clean=rule))
    assert info["splits"]["train"]["ledger"]["rejected"] == dropped


@pytest.mark.slow
def test_exact_copies_are_the_other_rule_s(corpus, tmp_path):
    text = text_of(1)
    texts = [text, near(text), text, text_of(2), near(text, 9)]
    path = write_documents(tmp_path / "docs.jsonl", texts)
    settings = dict(monolingual={"en": [path]}, size=64)
    info = run(make_config(tmp_path, clean=RULE, **settings))
    assert info["ledger"] == {
        "in": 5, "out": 2, "rejected": {"duplicate": 1, "near_duplicate": 2},
    }  # fmt: skip
    info = run(make_config(tmp_path, clean={**RULE, "duplicate": False}, **settings))
    assert info["ledger"] == {"in": 5, "out": 2, "rejected": {"near_duplicate": 3}}


@pytest.mark.slow  # `test_prepare` has one for all options at once
def test_the_same_bytes_in_two_processes(corpus):
    config, make, _ = corpus
    two = engines.RunnerConfig(workers=2)
    other = make("two")
    run(other, engines.pipeline_runner(two), engines.pipeline_options(two))
    assert tree(other) == tree(config)


@pytest.mark.parametrize("renamed", ["train", "test"])
@pytest.mark.slow
def test_after_a_file_is_renamed_its_new_name_is_what_others_were_dropped_because_of(
    tmp_path, renamed
):
    texts = [text_of(seed) for seed in range(40)]
    train = [*texts, near(texts[0]), near(text_of("test"))]

    def config(name, path):
        paths = {"train": tmp_path / "train.tsv", "test": tmp_path / "test.tsv", renamed: path}
        data = {key: [str(path)] for key, path in paths.items()}
        rules = {**RULE, "max_length_ratio": False}
        dataset = {"valid_fraction": 0, "max_tokens": 1024}
        # Where data are split off, this is done again in any case.
        return make_config(tmp_path, name, clean=rules, dataset=dataset, **data)

    for name, some in (("train", train), ("test", [text_of("test")])):
        write_tsv(tmp_path / f"{name}.tsv", [(text, f"ziel {text[:80]}") for text in some])
    before, after = tmp_path / f"{renamed}.tsv", tmp_path / f"{renamed}-2.tsv"
    run(config("work", before))
    os.rename(before, after)
    again, fresh = config("work", after), config("fresh", after)
    run(again)
    run(fresh)
    rule = {"train": "near_duplicate", "test": "near_leak"}[renamed]
    assert [row["of"]["path"] for row in read_rejected(again, rule)] == [str(after)]
    assert tree(again) == tree(fresh)


@pytest.mark.slow
def test_units_of_any_size_drop_the_same(corpus):
    config, make, _ = corpus
    other = make("units", dataset={"unit_megabytes": 0.004})
    assert len(prepare.plan_prepare(other).units) > 10
    run(other)
    shards = {name: one for name, one in tree(config).items() if name.endswith(".tfrecord")}
    assert shards.items() <= tree(other).items()
    assert read_info(other)["ledger"] == read_info(config)["ledger"]
    for rule in ("near_duplicate", "near_leak"):
        # Units have ids and rows of their own.
        texts = [[row["source"] for row in read_rejected(one, rule)] for one in (config, other)]
        assert texts[0] == texts[1]


@pytest.mark.slow
def test_partitions_of_any_number_drop_the_same(corpus, monkeypatch):
    config, make, _ = corpus
    monkeypatch.setattr(clean, "_PARTITION_BYTES", 20_000)
    other = make("partitions")
    assert clean.partition_count(prepare.plan_prepare(other).units) > 3
    run(other)
    for folder in ("dataset/rejected", "dataset/samples"):
        assert tree(other, folder) == tree(config, folder)


@pytest.mark.slow
def test_off_costs_nothing_and_switching_it_reads_nothing_again(corpus):
    config = corpus[1]("switch", clean={"near_duplicate": False})
    run(config)
    assert not {"signatures", "bands", "near"} & set(os.listdir(f"{config.workdir}/prepare"))
    receipts = [f"{config.workdir}/prepare/{n}" for n in ("clean/00001-00000", "dedup/00000")]

    def written():
        return [os.stat(f"{path}.receipt.json").st_mtime_ns for path in receipts]

    before = written()
    on = dataclasses.replace(config, clean=dataclasses.replace(config.clean, near_duplicate=0.8))
    assert run(on)["ledger"] == read_info(corpus[0])["ledger"]
    # Of what will be split off, `dedup` has to list more.
    after = written()
    assert after[0] == before[0] and after[1] != before[1]
    lower = dataclasses.replace(config, clean=dataclasses.replace(config.clean, near_duplicate=0.7))
    run_until(lower, "dedup")
    assert written() == after
    assert "near_duplicate" not in run(config)["ledger"]["rejected"]
    assert not os.path.exists(f"{config.workdir}/dataset/rejected/near_duplicate.jsonl.gz")


def test_validation_data_are_split_off_what_is_left(tmp_path):
    """Where most of the corpus is near copies, validation data are there all the same, and no copy
    of theirs is in the training data."""
    texts = [text_of(seed) for seed in range(30)]
    copies = [near(text, place) for place in range(0, 40, 4) for text in texts]
    train = write_tsv(tmp_path / "train.tsv", [(text, "ziel " * 20) for text in texts + copies])
    config = make_config(
        tmp_path, train=[train], size=64,
        clean={**RULE, "near_duplicate": 0.7, "max_rejected_fraction": 0.95,
               "max_length_ratio": False},
        dataset={"valid_fraction": 0.2, "max_tokens": 1024},
    )  # fmt: skip
    info = run(config)
    assert info["ledger"]["rejected"] == {"near_duplicate": 300}
    assert info["splits"]["valid"]["records"] == 6
    assert info["splits"]["train"]["records"] == 24


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Jobs on 40 texts and seven near copies of each, of which some are split off; and the places
    of the 40, rising."""
    folder = tmp_path_factory.mktemp("copied")
    texts = [text_of(seed) for seed in range(40)]
    copies = [near(text, place) for place in range(0, 70, 10) for text in texts]
    train = [write_tsv(folder / "train.tsv", [(text, "ziel " * 20) for text in texts + copies])]

    def config(name, most, clean=None, **dataset):
        return make_config(
            folder, name, train=train, size=64,
            clean={**RULE, "near_duplicate": 0.7, "max_rejected_fraction": 0.95,
                   "max_length_ratio": False, **(clean or {})},
            dataset={"valid_fraction": 0.2, "valid_max_records": most, "max_tokens": 1024,
                     **dataset},
        )  # fmt: skip

    first = config("work", 5)
    run(first)
    places = [
        batch.filter(pa.array(batch.column("row").to_numpy() < len(texts))).column("place")
        for batch in (clean.read_kept(first, chunk) for chunk in clean.chunks(first))
    ]
    return config, first, np.sort(pa.concat_arrays(places).to_numpy())


def places_split_off(config):
    """The places of all records in the range that is split off and not dropped, rising."""
    found = []
    for chunk in clean.chunks(config):
        batch = clean.read_kept(config, chunk)
        place = batch.column("place").to_numpy()
        gone = dedup.dropped_of(config, "near", chunk)["row"].to_numpy()
        left = ~np.isin(batch.column("row").to_numpy(), gone)
        found.append(place[left & split.is_split_off(place, split.choose_places(config))])
    return np.sort(np.concatenate(found)).tolist()


@pytest.mark.slow
def test_as_many_are_split_off_where_most_of_the_first_are_near_copies(copied, monkeypatch):
    """In each of the partitions nearly all groups of the smallest places are dropped."""
    make, config, places = copied
    assert read_info(config)["splits"]["valid"]["records"] == 5
    assert places_split_off(config) == places[:5].tolist()
    chosen = split.choose_places(config)
    assert chosen == (places[0], places[5])

    other = make("units", 5, unit_megabytes=0.01)
    assert len(prepare.plan_prepare(other).units) > 10
    run_until(other, "near")
    assert split.choose_places(other) == chosen

    monkeypatch.setattr(clean, "_PARTITION_BYTES", 20_000)
    other = make("partitions", 5)
    run_until(other, "near")
    assert len(stages.load_index(other, "dedup").receipts) > 5
    assert split.choose_places(other) == chosen


def test_the_size_of_what_is_split_off_can_be_changed(copied):
    make = copied[0]
    for most, expected in [(2, 2), (7, 7), (2000, 8)]:  # 8 are a fifth of 40
        config = make("changed", most)
        run_until(config, "near")
        assert places_split_off(config) == copied[2][:expected].tolist()


def test_groups_are_all_listed_only_where_they_have_to_be(copied):
    def groups(config, last):
        run_until(config, last)
        (receipt,) = stages.load_index(config, "dedup").receipts
        return records.open_table(stages.part_path(config, "dedup", receipt, "groups"))

    make, config, _ = copied
    assert groups(config, "dedup").get_batch(0).num_rows == 320
    off = make("off", 5, {"near_duplicate": False})
    assert groups(off, "dedup").get_batch(0).num_rows == 6
    none = make("none", 5, valid_fraction=0)
    assert groups(none, "near").get_batch(0).num_rows == 1
    (receipt,) = stages.load_index(none, "near").receipts
    assert list(receipt.parts) == ["dropped"]


@pytest.mark.parametrize("partitions", [1, 3, 7, 16, 1000])
def test_ranges_of_keys_are_those_of_the_partitions(partitions):
    keys = np.random.default_rng(1).integers(0, 2**64 - 1, 5000, np.uint64, endpoint=True)
    keys = np.sort(np.append(keys, np.array([0, 2**63, 2**64 - 1], np.uint64)))
    number = partition_of(keys, partitions)
    for partition in range(partitions):
        start, stop = _range_of(keys, partition, partitions)
        assert (number[start:stop] == partition).all()
        assert stop - start == (number == partition).sum()
