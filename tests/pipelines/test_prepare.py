"""The whole prepare pipeline on small corpora, on Beam's in-process and multi-process runner."""

import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from electra_model import features
from electra_model.errors import InputError, WorkError
from electra_model.tokenizer import EOS_ID, Tokenizer
from pipelines import prepare
from pipelines.config import (
    CleanConfig,
    DataConfig,
    DatasetConfig,
    PrepareConfig,
    VocabularyConfig,
)

WORDS = {
    "the": "das", "red": "rote", "old": "alte", "house": "Haus", "tree": "Baum", "sees": "sieht",
    "finds": "findet", "a": "ein", "small": "kleines", "green": "grünes", "book": "Buch",
    "and": "und", "never": "nie", "often": "oft", "table": "Tisch", "window": "Fenster",
}  # fmt: skip


def sentences(count, seed=0):
    """Different (source, target) pairs."""
    draw = random.Random(seed)
    found = {}
    while len(found) < count:
        words = [draw.choice(list(WORDS)) for _ in range(draw.randint(3, 12))]
        found[" ".join(words)] = " ".join(WORDS[word] for word in words)
    return list(found.items())


def write_tsv(path, pairs):
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    return str(path)


def make_config(tmp_path, name="work", *, clean=None, size=120, dataset=None, **data):
    return PrepareConfig(
        workdir=str(tmp_path / name),
        source_lang="en",
        target_lang="de",
        data=DataConfig(**data),
        clean=CleanConfig(**(clean or {})),
        vocabulary=VocabularyConfig(size=size, character_coverage=1.0),
        dataset=DatasetConfig(**(dataset or {})),
    )


def run(config, runner=None, **options):
    plan = prepare.plan_prepare(config)
    pipeline_options = beam.options.pipeline_options.PipelineOptions([], **options)
    with beam.Pipeline(runner=runner or FnApiRunner(), options=pipeline_options) as pipeline:
        prepare.build_prepare(pipeline, config, plan)
    return read_info(config)


def read_info(config):
    with open(f"{config.workdir}/dataset/dataset_info.json") as stream:
        return json.load(stream)


def tree(config, *folders):
    """name -> sha256 of all files below `dataset` and `vocabulary`."""
    found = {}
    for folder in folders or ("dataset", "vocabulary"):
        for place, _, names in os.walk(os.path.join(config.workdir, folder)):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as stream:
                    digest = hashlib.sha256(stream.read()).hexdigest()
                found[os.path.relpath(path, config.workdir)] = digest
    return found


def read_records(config, split, names):
    import tensorflow as tf

    rows = []
    for shard in read_info(config)["splits"][split]["shards"]:
        path = f"{config.workdir}/dataset/{shard['file']}"
        packed = "GZIP" if path.endswith(".gz") else ""
        records = list(tf.data.TFRecordDataset(path, packed).as_numpy_iterator())
        assert len(records) == shard["records"]
        parsed = features.parse_examples(tf.constant(records, tf.string), names)
        rows += zip(*(parsed[name].to_list() for name in names), strict=True)
    return rows


def read_rejected(config, rule):
    with gzip.open(f"{config.workdir}/dataset/rejected/{rule}.jsonl.gz", "rt") as stream:
        return [json.loads(line) for line in stream]


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
    from runners import engines

    config, _ = prepared
    other = PrepareConfig(
        workdir=config.workdir + "-two",
        source_lang="en",
        target_lang="de",
        data=config.data,
        clean=config.clean,
        vocabulary=config.vocabulary,
        dataset=config.dataset,
    )
    two = engines.RunnerConfig(workers=2)
    with beam.Pipeline(
        runner=engines.pipeline_runner(two), options=engines.pipeline_options(two)
    ) as pipeline:
        prepare.build_prepare(pipeline, other, prepare.plan_prepare(other))
    assert tree(other) == tree(config)


def test_units_of_any_size_give_the_same_shards(prepared):
    import dataclasses

    config, _ = prepared
    dataset = dataclasses.replace(config.dataset, unit_megabytes=0.003)
    other = dataclasses.replace(config, workdir=config.workdir + "-small", dataset=dataset)
    assert len(prepare.plan_prepare(other).units) > 10
    run(other)
    same = {name: digest for name, digest in tree(config).items() if "rejected/" not in name}
    found = tree(other)
    for name, digest in same.items():
        if not name.startswith(("dataset/samples", "dataset/dataset_info")):
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


SCRIPT = """
import sys
sys.path[:0] = [{here!r}]
import test_prepare, pathlib
config = test_prepare.killed_config(pathlib.Path({folder!r}), "killed")
test_prepare.run(config)
"""


def killed_config(tmp_path, name):
    return make_config(
        tmp_path, name, train=[str(tmp_path / "train.tsv")],
        test=[str(tmp_path / "test.tsv")], dataset={"unit_megabytes": 0.002},
    )  # fmt: skip


def test_kill_at_any_moment_and_run_again(tmp_path):
    pairs = sentences(600)
    write_tsv(tmp_path / "train.tsv", pairs[:550] + pairs[:20])
    write_tsv(tmp_path / "test.tsv", pairs[500:])
    script = SCRIPT.format(here=os.path.dirname(__file__), folder=str(tmp_path))
    config = killed_config(tmp_path, "killed")
    for moment in ("clean/00000-00004", "split/00000-00003", "encode/00000-00002", "shards/"):
        process = subprocess.Popen(
            [sys.executable, "-c", script], cwd=os.getcwd(), stderr=subprocess.DEVNULL
        )
        stage, _, name = moment.partition("/")
        folder = f"{config.workdir}/prepare/{stage}"
        while process.poll() is None:
            if os.path.isdir(folder) and any(
                found.startswith(name) and "receipt" in found for found in os.listdir(folder)
            ):
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        process.wait()
        assert not os.path.exists(f"{config.workdir}/dataset/dataset_info.json")
    run(config)
    undisturbed = killed_config(tmp_path, "undisturbed")
    run(undisturbed)
    assert tree(config) == tree(undisturbed)
    assert not [name for name in tree(config, "dataset", "prepare") if ".tmp-" in name]


@pytest.mark.parametrize(
    "data, message",
    [
        ({}, r"data\.train: names no file"),
        ({"train": ["{}/none*.tsv"]}, r"data\.train: no file matches .*none\*\.tsv"),
        ({"train": ["{}/a.tsv"], "valid": ["{}/v.tsv"]}, r"data\.valid: no file matches"),
        ({"train": ["{}/empty.tsv"]}, r"data\.train: the files are empty"),
        ({"train": ["{}/a.doc"]}, r"a\.doc: unknown kind of file; known are \.tsv"),
        (
            {"train": ["{}/a.tsv"], "test": ["{}/./a.tsv"]},
            r"data\.test: .*a\.tsv is also in data\.",
        ),
        ({"train": ["{}/a.txt"]}, r"a\.txt: a text file has one column"),
        ({"train": ["{}/a.csv"]}, r"a\.csv: has no column 'source'; it has en, de"),
        (
            {"train": ["{}/fake.tsv.gz"]},
            r"fake\.tsv\.gz: its name says gzip, its content is someth",
        ),
    ],
)
def test_wrong_inputs_are_known_before_the_work(tmp_path, data, message):
    (tmp_path / "a.tsv").write_text("a b\tc d\n")
    for name in ("empty.tsv",):
        (tmp_path / name).write_text("")
    (tmp_path / "a.doc").write_text("x")
    (tmp_path / "a.txt").write_text("x\n")
    (tmp_path / "a.csv").write_text("en,de\na,b\n")
    (tmp_path / "fake.tsv.gz").write_text("a\tb\n")
    data = {key: [pattern.format(tmp_path) for pattern in value] for key, value in data.items()}
    with pytest.raises(InputError, match=message) as raised:
        prepare.plan_prepare(make_config(tmp_path, **data))
    assert "\n" not in str(raised.value)


def test_one_file_by_two_names_is_read_once(tmp_path):
    path = write_tsv(tmp_path / "a.tsv", sentences(5))
    os.symlink(path, tmp_path / "b.tsv")
    config = make_config(tmp_path, train=[path, f"{tmp_path}/*.tsv", f"{tmp_path}/./a.tsv"])
    assert [unit.path for unit in prepare.plan_prepare(config).units] == [path]


def test_a_cut_off_file_fails_the_work(tmp_path):
    text = "".join(f"{source}\t{target}\n" for source, target in sentences(300)).encode()
    data = gzip.compress(text)
    (tmp_path / "train.tsv.gz").write_bytes(data[: len(data) // 2])
    config = make_config(tmp_path, train=[str(tmp_path / "train.tsv.gz")])
    with pytest.raises(InputError, match=r"train\.tsv\.gz: the gzip data ends in the middle"):
        run(config)
    assert not os.path.exists(f"{config.workdir}/dataset/dataset_info.json")
    (tmp_path / "train.tsv.gz").write_bytes(data)
    assert run(config)["ledger"] == {"in": 300, "out": 300, "rejected": {}}


def test_files_of_blank_lines_hold_no_record_to_train_on(tmp_path):
    (tmp_path / "train.tsv").write_text("\n\n\n")
    config = make_config(tmp_path, train=[str(tmp_path / "train.tsv")])
    with pytest.raises(WorkError, match=r"all of the 3 records for train .*\(empty_line 3\)"):
        run(config)
    assert len(read_rejected(config, "empty_line")) == 3


def test_too_many_rejections_fail_the_work(tmp_path):
    pairs = sentences(30)
    train = write_tsv(tmp_path / "train.tsv", pairs + [(source, source) for source, _ in pairs])
    config = make_config(
        tmp_path, train=[train], clean={"max_rejected_fraction": 0.4}, dataset={"valid_fraction": 0}
    )
    with pytest.raises(WorkError, match=r"50% of the 60 records for train .*\(identical 30\)"):
        run(config)
    assert run(make_config(tmp_path, train=[train]))["ledger"]["out"] == 30


def test_all_too_long(tmp_path):
    train = write_tsv(tmp_path / "train.tsv", sentences(30))
    config = make_config(tmp_path, train=[train], dataset={"max_tokens": 2})
    with pytest.raises(WorkError, match=r"all of the 29 records for train .*max_tokens 29"):
        run(config)
