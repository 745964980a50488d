"""The whole prepare pipeline on small corpora, on Beam's in-process and multi-process runner."""

import dataclasses
import json
import os
import time

import pytest

from electra_model import features
from electra_model.tokenizer import EOS_ID, Tokenizer
from pipelines import prepare
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


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A job with one record for each reason to reject it, in several formats."""
    tmp_path = tmp_path_factory.mktemp("prepare")
    pairs = sentences(420)
    train, valid, test = pairs[:300], pairs[300:340], pairs[340:380]
    bad = [
        ("no target", "empty", ""),
        ("1234 5678", "min_letters_share", "1234 5678 x"),
        ("the same", "identical", "the  same "),
        (train[0][0], "duplicate", train[0][1]),
        (test[0][0].upper() + " 7!", "leak", "irgendetwas anderes"),
        ("short", "max_length_ratio", "sehr " * 10 + "lang"),
        ("the " * 600, "max_characters", "das " * 600),
        ("the " * 90, "max_tokens", "das " * 90),
    ]
    write_tsv(tmp_path / "train.tsv", train[:200] + [(source, target) for source, _, target in bad])
    with open(tmp_path / "train.tsv", "ab") as stream:
        stream.write(b"one column\na\tb\tc\n\nbad \xff\tx\r\nfine\tschlie\xc3\x9flich")
    with open(tmp_path / "more.jsonl", "w") as stream:
        for source, target in train[200:]:
            stream.write(json.dumps({"source": source, "target": target}) + "\n")
        stream.write('{"source": "x"}\n{"source": 1, "target": "y"}\n{oops\n')
    write_tsv(tmp_path / "valid.tsv", valid)
    (tmp_path / "test.csv").write_text(
        "source,target\n" + "".join(f'"{source}",{target}\n' for source, target in test)
    )
    with open(tmp_path / "docs.jsonl", "w") as stream:
        for number in range(6):
            text = " ".join(source for source, _ in sentences(40, seed=number))
            stream.write(json.dumps({"id": number, "text": text}) + "\n")
        stream.write('{"id": 9, "text": "12 34"}\n')
    config = make_config(
        tmp_path,
        train=[str(tmp_path / "train.tsv"), str(tmp_path / "more.*")],
        valid=[str(tmp_path / "valid.tsv")],
        test=[str(tmp_path / "test.csv")],
        monolingual={"en": [str(tmp_path / "docs.jsonl")]},
        dataset={"records_per_shard": 150, "window_length": 32, "max_tokens": 64},
    )
    run(config)
    return config, dict(train=train, valid=valid, test=test, bad=bad)


def test_books_balance(prepared):
    config, _ = prepared
    info = read_info(config)
    assert info["splits"]["train"]["ledger"] == {
        "in": 200 + 8 + 5 + 100 + 3,
        "out": 301,
        "rejected": {
            "duplicate": 1, "empty": 1, "empty_line": 1, "identical": 1, "leak": 1,
            "malformed_json": 1, "max_characters": 1, "max_length_ratio": 1, "max_tokens": 1,
            "min_letters_share": 1, "missing_field": 1, "not_text": 1, "not_utf8": 1,
            "wrong_columns": 2,
        },
    }  # fmt: skip
    assert info["splits"]["valid"]["ledger"] == {"in": 40, "out": 40, "rejected": {}}
    assert info["splits"]["test"]["ledger"] == {"in": 40, "out": 40, "rejected": {}}
    assert info["splits"]["pretrain"]["ledger"] == {
        "in": 7,
        "out": 6,
        "rejected": {"min_letters_share": 1},
    }
    ledger = info["ledger"]
    assert ledger["in"] == 316 + 40 + 40 + 7
    assert ledger["in"] == ledger["out"] + sum(ledger["rejected"].values())
    assert ledger["rejected"]["min_letters_share"] == 2


def test_rejected_records_are_kept_with_their_reason(prepared):
    config, made = prepared
    info = read_info(config)
    for rule, count in info["ledger"]["rejected"].items():
        rows = read_rejected(config, rule)
        assert len(rows) == count and {row["rule"] for row in rows} == {rule}
        assert info["samples"][rule] == f"samples/{rule}.jsonl"
    for source, rule, _ in made["bad"]:
        assert source.strip() in [row.get("source") for row in read_rejected(config, rule)]
    (unreadable,) = read_rejected(config, "not_utf8")
    assert unreadable["raw"] == "bad \\xff\tx\r\n" and unreadable["path"].endswith("train.tsv")


def test_records_dropped_because_of_another_name_it(prepared):
    config, made = prepared
    (duplicate,) = read_rejected(config, "duplicate")
    assert duplicate["row"] == 203
    assert duplicate["of"] == {"path": f"{config.data.train[0]}", "unit": "00000-00000", "row": 0}
    (leak,) = read_rejected(config, "leak")
    assert leak["of"] == {"path": f"{config.data.test[0]}", "unit": "00003-00000", "row": 0}


def test_training_records_are_the_pairs_shuffled(prepared):
    config, made = prepared
    import tensorflow as tf

    tokenizer = Tokenizer.load(f"{config.workdir}/vocabulary")
    rows = read_records(config, "train", features.PAIR)
    assert all(side[-1] == EOS_ID and len(side) <= 64 for row in rows for side in row)
    found = []
    for column in zip(*rows, strict=True):
        ids = tf.ragged.constant(list(column), tf.int32)
        found.append([text.decode() for text in tokenizer.decode(ids).numpy()])
    decoded = list(zip(*found, strict=True))
    assert sorted(decoded) == sorted([*made["train"], ("fine", "schließlich")])
    assert decoded[:20] != made["train"][:20]

    info = read_info(config)
    described = info["splits"]["train"]
    assert [shard["file"] for shard in described["shards"]] == [
        f"train-0000{number}-of-00003.tfrecord" for number in range(3)
    ]
    assert described["records"] == 301
    assert described["tokens"]["source"] == sum(len(source) for source, _ in rows)
    lengths = info["lengths"]["train"]["source"]
    assert lengths == [sum(len(s) == n for s, _ in rows) for n in range(len(lengths))]
    assert sum(lengths) == 301


def test_pairs_stand_in_their_shards_by_length_bucket(prepared):
    config, _ = prepared
    longest = [max(map(len, pair)) for pair in read_records(config, "train", features.PAIR)]
    first = 0
    for shard in read_info(config)["splits"]["train"]["shards"]:
        stop = 0
        for length, (start, end) in shard["buckets"].items():
            assert start == stop and end > start  # side by side, none empty
            below = {16: 0, 32: 16, 64: 32}[int(length)]
            found = longest[first + start : first + end]
            assert all(below < size <= int(length) for size in found)
            stop = end
        assert stop == shard["records"]
        first += shard["records"]
    assert all("buckets" not in s for s in read_info(config)["splits"]["pretrain"]["shards"])


def test_checksums_are_those_of_the_files(prepared):
    config, _ = prepared
    digests = tree(config)
    for described in read_info(config)["splits"].values():
        for shard in described["shards"]:
            assert digests[f"dataset/{shard['file']}"] == shard["sha256"]
            path = f"{config.workdir}/dataset/{shard['file']}"
            assert os.path.getsize(path) == shard["bytes"]


def test_texts_to_evaluate_on_are_in_the_order_of_the_input(prepared):
    config, made = prepared
    for split in ("valid", "test"):
        with open(f"{config.workdir}/dataset/{split}.jsonl") as stream:
            rows = [json.loads(line) for line in stream]
        assert [(row["source"], row["target"]) for row in rows] == made[split]


def test_pretraining_windows(prepared):
    config, _ = prepared
    info = read_info(config)["splits"]["pretrain"]
    rows = read_records(config, "pretrain", features.WINDOW)
    assert len(rows) == info["records"] > 100
    assert sum(len(ids) for ids, _ in rows) == info["tokens"]["text"]
    for ids, segments in rows:
        assert len(ids) == len(segments)
        assert segments[0] == 1
        for before, after in zip(segments[:-1], segments[1:], strict=True):
            assert after - before in (0, 1)
        for place in range(len(ids) - 1):
            if ids[place] == EOS_ID:
                assert segments[place + 1] == segments[place] + 1
    short = [ids for ids, _ in rows if len(ids) != 32]
    assert len(short) <= len(info["shards"])


def test_vocabulary_card(prepared):
    config, _ = prepared
    with open(f"{config.workdir}/vocabulary/vocabulary.json") as stream:
        card = json.load(stream)
    tokenizer = Tokenizer.load(f"{config.workdir}/vocabulary")
    assert card["size"] == tokenizer.size < card["size_requested"] == 120
    assert "supports no more than" in card["note"]
    assert card["fingerprint"] == tokenizer.fingerprint()
    assert read_info(config)["vocabulary_fingerprint"] == tokenizer.fingerprint()


def test_a_second_run_does_nothing(prepared):
    config, _ = prepared
    path = f"{config.workdir}/dataset/dataset_info.json"
    before = os.stat(path).st_mtime_ns
    plan = prepare.plan_prepare(config)
    assert prepare.completed(config, plan) == read_info(config)
    run(config)
    assert os.stat(path).st_mtime_ns == before


def test_two_processes_give_the_same_bytes(prepared):
    """With everything switched on that writes other bytes or drops other records."""
    config, _ = prepared
    config = dataclasses.replace(
        config,
        workdir=config.workdir + "-one",
        clean=dataclasses.replace(config.clean, near_duplicate=0.8, overlap=0.9),
        dataset=dataclasses.replace(
            config.dataset, provenance=True, pack_pairs=True, pair_windows=True
        ),
    )
    run(config)
    other = dataclasses.replace(config, workdir=config.workdir + "-two")
    two = engines.RunnerConfig(workers=2)
    run(other, engines.pipeline_runner(two), engines.pipeline_options(two))
    assert tree(other) == tree(config)
    assert any("/provenance/" in name for name in tree(config))


def test_units_of_any_size_give_the_same_shards(prepared):
    config, _ = prepared
    dataset = dataclasses.replace(config.dataset, unit_megabytes=0.003)
    other = dataclasses.replace(config, workdir=config.workdir + "-small", dataset=dataset)
    assert len(prepare.plan_prepare(other).units) > 10
    run(other)
    same = {name: digest for name, digest in tree(config).items() if "rejected/" not in name}
    found = tree(other)
    for name, digest in same.items():
        if not name.startswith(("dataset/samples", "dataset/dataset_info", "dataset/units")):
            assert found[name] == digest, name
    assert read_info(other)["ledger"] == read_info(config)["ledger"]
    assert read_info(other)["lengths"] == read_info(config)["lengths"]


def test_what_is_lost_is_made_again(prepared):
    config, _ = prepared
    before = tree(config)
    os.unlink(f"{config.workdir}/dataset/train-00001-of-00003.tfrecord")
    os.unlink(f"{config.workdir}/vocabulary/spm.model")
    os.unlink(f"{config.workdir}/prepare/encode/00000-00000-00000.pairs")
    run(config)
    assert tree(config) == before


@pytest.mark.slow
def test_changed_settings_redo_what_depends_on_them(tmp_path):
    train = write_tsv(tmp_path / "train.tsv", sentences(90))
    first = make_config(tmp_path, train=[train], dataset={"records_per_shard": 30})
    run(first)
    clean = tree(first, "prepare/clean")
    receipt = f"{first.workdir}/prepare/clean/00000-00000.receipt.json"
    before = os.stat(receipt).st_mtime_ns
    second = make_config(
        tmp_path, train=[train], dataset={"records_per_shard": 60, "compression": "gzip", "seed": 2}
    )
    run(second)
    assert tree(second, "prepare/clean") == clean and os.stat(receipt).st_mtime_ns == before
    names = sorted(name for name in os.listdir(f"{second.workdir}/dataset") if name[:5] == "train")
    assert names == ["train-00000-of-00002.tfrecord.gz", "train-00001-of-00002.tfrecord.gz"]
    assert len(read_records(second, "train", features.PAIR)) == 89
    # A changed input file is read again.
    time.sleep(0.01)
    write_tsv(tmp_path / "train.tsv", sentences(95))
    assert run(second)["ledger"]["in"] == 95


def test_validation_data_split_off(tmp_path):
    pairs = sentences(200)
    # Sources that differ in digits and case only must not be on both sides.
    pairs += [(f"{source} {n}", target) for n in range(3) for source, target in pairs[:100]]
    train = write_tsv(tmp_path / "train.tsv", pairs)
    config = make_config(
        tmp_path, train=[train], size=90, clean={"min_letters_share": False},
        dataset={"valid_fraction": 0.1},
    )  # fmt: skip
    info = run(config)
    with open(f"{config.workdir}/dataset/valid.jsonl") as stream:
        valid = {json.loads(line)["source"].rstrip("0123456789 ") for line in stream}
    assert 40 <= info["splits"]["valid"]["records"] <= 50
    assert info["splits"]["valid"]["ledger"]["in"] == info["splits"]["valid"]["records"]
    assert info["splits"]["train"]["records"] + info["splits"]["valid"]["records"] == 500
    ungrouped = {source.rstrip("0123456789 ") for source, _ in pairs}
    per_source = {key: sum(s.rstrip("0123456789 ") == key for s, _ in pairs) for key in ungrouped}
    assert sum(per_source[key] for key in valid) == info["splits"]["valid"]["records"]


@pytest.mark.slow
def test_more_validation_data_than_before_are_split_off(tmp_path):
    """Groups beyond those that an earlier run had to know of are asked for again."""
    config = make_config(
        tmp_path, train=[write_tsv(tmp_path / "train.tsv", sentences(300))],
        dataset={"valid_fraction": 0.4, "valid_max_records": 5},
    )  # fmt: skip
    assert run(config)["splits"]["valid"]["records"] == 5
    dataset = dataclasses.replace(config.dataset, valid_max_records=60)
    assert run(dataclasses.replace(config, dataset=dataset))["splits"]["valid"]["records"] == 60


@pytest.mark.parametrize("count", [2, 20])
def test_tiny_corpora(tmp_path, count):
    train = write_tsv(tmp_path / "train.tsv", sentences(count))
    info = run(make_config(tmp_path, train=[train], size=8000))
    assert info["splits"]["train"]["records"] == count - 1
    assert info["splits"]["valid"]["records"] == 1
    assert info["vocabulary_size"] < 200


def test_monolingual_text_alone(tmp_path):
    (tmp_path / "docs.txt").write_text("".join(f"{source}\n" for source, _ in sentences(50)))
    config = make_config(tmp_path, monolingual={"en": [str(tmp_path / "docs.txt")]}, size=64)
    info = run(config)
    assert list(info["splits"]) == ["pretrain"]
    assert info["splits"]["pretrain"]["ledger"] == {"in": 50, "out": 50, "rejected": {}}


def test_windows_of_pairs(tmp_path):
    """Every pair is one segment, both ways round about equally often."""
    import tensorflow as tf

    pairs = sentences(50)
    write_tsv(tmp_path / "train.tsv", pairs)
    config = make_config(
        tmp_path,
        train=[str(tmp_path / "train.tsv")],
        dataset={"pair_windows": True, "window_length": 4096, "valid_fraction": 0.0},
    )
    info = run(config)
    segments = []
    for ids, numbers in read_records(config, "pretrain", features.WINDOW):
        for number in sorted(set(numbers)):
            segments.append([i for i, n in zip(ids, numbers, strict=True) if n == number])
    assert all(ids[-1] == EOS_ID and ids.count(EOS_ID) == 2 for ids in segments)
    tokenizer = Tokenizer.load(f"{config.workdir}/vocabulary")
    first, second = (
        [text.decode() for text in tokenizer.decode(tf.ragged.constant(some, tf.int32)).numpy()]
        for some in (
            [ids[: ids.index(EOS_ID)] for ids in segments],
            [ids[ids.index(EOS_ID) :] for ids in segments],
        )
    )
    found = list(zip(first, second, strict=True))
    forwards = [pair for pair in found if pair in pairs]
    backwards = [pair[::-1] for pair in found if pair not in pairs]
    assert sorted(forwards + backwards) == sorted(pairs)
    assert 10 < len(forwards) < 40
    assert info["splits"]["pretrain"]["tokens"] == {"text": sum(map(len, segments))}
