"""`electra prepare` with one vocabulary for each side, `vocabulary.sides: separate`."""

import dataclasses
import json
import os

import pytest
import tensorflow as tf

from electra_model import features
from electra_model.errors import InputError
from electra_model.tokenizer import UNK_ID, Tokenizer
from pipelines import prepare
from pipelines.config import VocabularyConfig
from pipelines.dataset import completion, publish
from runners.engines import engines
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_records,
    run,
    sentences,
    tree,
    write_tsv,
)

PAIRS = [(f"<2de> {source}, {{name}}!", f"{target}, {{name}}!") for source, target in sentences(80)]
SYMBOLS = ("<2de>", "{name}")
BASE = VocabularyConfig(size=150, character_coverage=1.0, symbols=SYMBOLS, sides="separate")
KINDS = [
    ({"kind": "sentencepiece"}, "spm.model"),
    ({"kind": "wordpiece"}, "vocab.txt"),
    ({"kind": "bpe", "byte_fallback": True, "size": 400}, "spm.model"),
]


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sides")
    train = write_tsv(folder / "train.tsv", PAIRS)
    (folder / "mono.txt").write_text("the quick fox finds a zebra\n")
    config = make_config(
        folder,
        train=[train],
        monolingual={"en": [str(folder / "mono.txt")], "de": []},
        dataset={"valid_fraction": 0, "unit_megabytes": 0.002, "window_length": 8},
    )
    return dataclasses.replace(config, vocabulary=BASE)


def with_vocabulary(config, **changes):
    return dataclasses.replace(config, vocabulary=dataclasses.replace(config.vocabulary, **changes))


def decoded(tokenizer, column):
    ids = tf.ragged.constant(column, tf.int32)
    return [text.decode() for text in tokenizer.decode(ids).numpy()]


@pytest.mark.parametrize(("settings", "file"), KINDS)
def test_a_kind_from_text_to_records(job, settings, file):
    """One kind after the other in the same folder."""
    config = with_vocabulary(job, **settings)
    info = run(config)
    assert info["ledger"] == {"in": 81, "out": 81, "rejected": {}}
    folder = f"{config.workdir}/vocabulary"
    assert sorted(tree(config, "vocabulary")) == [
        f"vocabulary/source/{file}",
        f"vocabulary/target/{file}",
        "vocabulary/vocabulary.json",
    ]
    source, target = Tokenizer.load_sides(folder)
    assert target is not None
    with open(f"{folder}/vocabulary.json") as stream:
        card = json.load(stream)
    assert (card["sides"], card["source_lang"], card["target_lang"]) == ("separate", "en", "de")
    for side, tokenizer in (("source", source), ("target", target)):
        assert info["vocabulary_fingerprint"][side] == tokenizer.fingerprint()
        assert info["vocabulary_size"][side] == tokenizer.size
        assert card[side]["fingerprint"] == tokenizer.fingerprint()
        assert card[side]["file"] == file and card[side]["symbols"] == list(SYMBOLS)
        assert card[side]["kind"] == config.vocabulary.kind
        pieces = tokenizer.pieces(range(tokenizer.size))
        assert {*SYMBOLS} <= {*pieces} and ("<0x00>" in pieces) == ("byte_fallback" in settings)
    # Each is learned from the words of its own side: of 80 pairs, and of no other text.
    assert card["source"]["words"]["running"] == sum(len(s.split()) for s, _ in PAIRS)
    assert card["target"]["words"]["running"] == sum(len(t.split()) for _, t in PAIRS)

    rows = read_records(config, "train", features.PAIR)
    columns = [list(column) for column in zip(*rows, strict=True)]
    assert all(target.pieces(ids).count("{name}") == 1 for ids in columns[1])
    found = zip(decoded(source, columns[0]), decoded(target, columns[1]), strict=True)
    assert sorted(found) == sorted(PAIRS)


def test_what_stands_on_one_side_alone_is_in_no_other_vocabulary(job):
    """ "\u00fc" (in "gr\u00fcnes") and "B" (in "Baum", "Buch") are German, "w" is English."""
    run(job)
    source, target = Tokenizer.load_sides(f"{job.workdir}/vocabulary")
    assert target is not None
    known = [{*"".join(one.pieces(range(5, one.size)))} for one in (source, target)]
    assert {*"\u00fcB"} <= known[1] and not {*"\u00fcB"} & known[0]
    assert "w" in known[0] and "w" not in known[1]
    assert UNK_ID in source.encode(tf.constant(["\u00fc"])).to_list()[0]
    assert UNK_ID not in target.encode(tf.constant(["\u00fc"])).to_list()[0]


def test_windows_are_of_the_source_language(job):
    info = run(job)
    source, _ = Tokenizer.load_sides(f"{job.workdir}/vocabulary")
    windows = read_records(job, "pretrain", features.WINDOW)
    tokens = sum(len(row[0]) for row in windows)
    texts = [text for text, _ in PAIRS] + ["the quick fox finds a zebra"]
    assert tokens == len(source.encode_columns(texts)[0])
    assert sum(count * n for n, count in enumerate(info["lengths"]["pretrain"]["text"])) == tokens


@pytest.mark.slow  # `test_prepare` has one for all options at once
def test_two_processes_give_the_same_bytes(job):
    run(job)
    other = dataclasses.replace(job, workdir=job.workdir + "-two")
    two = engines.RunnerConfig(workers=2)
    run(other, engines.pipeline_runner(two), engines.pipeline_options(two))
    assert tree(other) == tree(job)


def test_a_dataset_that_is_complete_is_left_alone(job):
    run(job)
    assert prepare.completed(job, prepare.plan_prepare(job)) == read_info(job)
    lost = f"{job.workdir}/vocabulary/target/spm.model"
    assert completion.missing_file(job.workdir) is None
    os.unlink(lost)
    assert completion.missing_file(job.workdir) == "vocabulary/target/spm.model"
    assert prepare.completed(job, prepare.plan_prepare(job)) is None
    run(job)
    assert os.path.exists(lost)


@pytest.mark.slow
def test_from_separate_to_joint_and_back(job):
    """What is made in a folder does not depend on what was made there before."""
    separate = dataclasses.replace(job, workdir=job.workdir + "-turns")
    joint = with_vocabulary(separate, sides="joint")
    fresh = dataclasses.replace(joint, workdir=job.workdir + "-joint")
    run(fresh)
    run(separate)
    first = tree(separate)
    run(joint)
    assert tree(joint) == tree(fresh)
    assert sorted(os.listdir(f"{joint.workdir}/vocabulary")) == ["spm.model", "vocabulary.json"]
    run(separate)
    assert tree(separate) == first


def test_the_sides_of_a_vocabulary_are_settings_like_others(job):
    joint = with_vocabulary(job, sides="joint")
    assert publish.config_fingerprint(joint) != publish.config_fingerprint(job)


def test_a_size_that_one_side_does_not_fit_into(tmp_path):
    letters = "".join(chr(0x410 + n) for n in range(64))
    pairs = [(source, f"{target} {letters}") for source, target in sentences(40)]
    config = make_config(
        tmp_path,
        size=64,
        train=[write_tsv(tmp_path / "train.tsv", pairs)],
        clean={
            "min_script_share": False,
            "max_word_length": False,
            "max_length_ratio": False,
            "max_repetition": False,
        },
    )
    with pytest.raises(
        Exception, match=r"vocabulary\.size: 64 pieces are too few.*of the target side"
    ):
        run(with_vocabulary(config, sides="separate"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"train": True, "monolingual": {"de": True}},
            "data.monolingual.de: with vocabulary.sides: separate, text is for pretraining the "
            "encoder, which is of en alone; leave it out",
        ),
        (
            {"monolingual": {"en": True}},
            "vocabulary.sides: separate learns from the sides of training pairs, and data.train "
            "names none; name pairs, or leave it joint",
        ),
    ],
)
def test_text_that_is_of_no_use_is_refused(tmp_path, data, message):
    text = tmp_path / "text.txt"
    text.write_text("the red house\n")
    train = write_tsv(tmp_path / "train.tsv", PAIRS)
    named = {"train": [train]} if data.get("train") else {}
    named["monolingual"] = {language: [str(text)] for language in data["monolingual"]}
    config = make_config(tmp_path, **named)
    with pytest.raises(InputError) as caught:
        prepare.plan_prepare(with_vocabulary(config, sides="separate"))
    assert str(caught.value) == message
    prepare.plan_prepare(config)


def test_windows_of_pairs_take_one_vocabulary(tmp_path):
    write_tsv(tmp_path / "train.tsv", PAIRS)
    config = make_config(
        tmp_path, train=[str(tmp_path / "train.tsv")], dataset={"pair_windows": True}
    )
    config = dataclasses.replace(config, vocabulary=BASE)
    with pytest.raises(InputError, match="dataset.pair_windows: .* make vocabulary.sides joint"):
        prepare.plan_prepare(config)
