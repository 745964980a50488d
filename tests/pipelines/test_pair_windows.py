"""Pairs as texts of the pretraining windows: on columns, and through a whole job."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from electra_model import features
from electra_model.errors import InputError
from electra_model.tokenizer import EOS_ID, Tokenizer
from pipelines import prepare
from pipelines.config import VocabularyConfig
from pipelines.examples import mix
from pipelines.pair_windows import join_sides, target_first
from runners import engines
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_records,
    run,
    sentences,
    tree,
    write_tsv,
)

PAIRS = sentences(60)
ALONE = ["the small green tree never sees a window"]


def lists(rows):
    return pa.array(rows, pa.list_(pa.int32()))


@pytest.mark.parametrize(
    ("swapped", "expected"),
    [
        ([False, False, False], [[1, 2, 3, 11, 3], [4, 3, 3], [3, 12, 3]]),
        ([True, False, True], [[11, 3, 1, 2, 3], [4, 3, 3], [12, 3, 3]]),
    ],
)
def test_sides_are_laid_together(swapped, expected):
    source, target = lists([[1, 2, 3], [4, 3], [3]]), lists([[11, 3], [3], [12, 3]])
    assert join_sides(source, target, np.array(swapped)).to_pylist() == expected


def test_slices_are_joined_by_what_is_in_them():
    source, target = lists([[9, 3], [1, 3], [2, 3]]), lists([[8, 3], [7, 3], [6, 3]])
    joined = join_sides(source[1:], target[1:], np.array([False, True]))
    assert joined.to_pylist() == [[1, 3, 7, 3], [6, 3, 2, 3]]


def test_nothing_to_join():
    joined = join_sides(lists([]), lists([]), np.zeros(0, bool))
    assert joined.to_pylist() == [] and joined.type == pa.list_(pa.int32())


def test_half_of_the_pairs_begin_with_the_target():
    first = target_first(mix(np.arange(4000, dtype=np.uint64), 5))
    assert first.dtype == bool and 1900 < first.sum() < 2100


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair-windows")
    write_tsv(folder / "train.tsv", PAIRS)
    (folder / "docs.txt").write_text("".join(f"{text}\n" for text in ALONE))
    return folder


def job(folder, name="work", **dataset):
    settings = {"valid_fraction": 0, "pair_windows": True, "window_length": 128, **dataset}
    return make_config(
        folder,
        name,
        train=[str(folder / "train.tsv")],
        monolingual={"en": [str(folder / "docs.txt")]},
        dataset=settings,
    )


@pytest.fixture(scope="module")
def config(folder):
    config = job(folder)
    run(config)
    return config


def texts_of(config):
    """The texts of a job's only window, each as its sides' decoded texts."""
    ((ids, segments),) = read_records(config, "pretrain", features.WINDOW)
    tokenizer = Tokenizer.load(f"{config.workdir}/vocabulary")
    texts, side = {}, []
    for token, segment in zip(ids, segments, strict=True):
        side.append(token)
        if token == EOS_ID:
            decoded = tokenizer.decode(tf.ragged.constant([side], tf.int32)).numpy()[0].decode()
            texts.setdefault(segment, []).append(decoded)
            side = []
    assert not side
    return [tuple(text) for text in texts.values()]


def test_every_pair_is_one_segment(folder):
    # The window is long enough for all, so that every text is whole.
    config = job(folder, "whole", window_length=4096)
    run(config)
    found = texts_of(config)
    swapped = [text[::-1] in PAIRS for text in found]
    straight = [text in PAIRS for text in found]
    assert sum(swapped) + sum(straight) == len(PAIRS)
    assert 15 < sum(swapped) < 45
    back = [text[::-1] if turned else text for text, turned in zip(found, swapped, strict=True)]
    assert sorted(back) == sorted([*PAIRS, *((text,) for text in ALONE)])


def test_tokens_and_lengths_are_those_of_pairs(folder, config):
    info = read_info(config)
    windows = read_records(config, "pretrain", features.WINDOW)
    tokens = sum(len(ids) for ids, _ in windows)
    pairs = read_records(config, "train", features.PAIR)
    tokenizer = Tokenizer.load(f"{config.workdir}/vocabulary")
    alone = len(tokenizer.encode_columns(ALONE)[0])
    assert info["splits"]["pretrain"]["tokens"] == {"text": tokens}
    assert tokens == sum(len(source) + len(target) for source, target in pairs) + alone
    lengths = info["lengths"]["pretrain"]["text"]
    both = [len(source) + len(target) for source, target in pairs] + [alone]
    assert max(both) <= 128  # none is cut
    assert lengths == [both.count(n) for n in range(max(both) + 1)]
    assert info["splits"]["pretrain"]["records"] == len(windows) == -(-tokens // 128)


def test_pairs_longer_than_a_window_are_cut_into_pieces(folder):
    config = job(folder, "short", window_length=16)
    info = run(config)
    pairs = read_records(config, "train", features.PAIR)
    both = [len(source) + len(target) for source, target in pairs]
    lengths = info["lengths"]["pretrain"]["text"]
    assert len(lengths) == 17 and lengths[16] >= sum(size // 16 for size in both) > 50
    tokens = [
        token for ids, _ in read_records(config, "pretrain", features.WINDOW) for token in ids
    ]
    assert tokens.count(EOS_ID) == 2 * len(PAIRS) + len(ALONE)
    assert len(tokens) == sum(n * count for n, count in enumerate(lengths))


def test_off_gives_both_sides_as_texts_and_the_same_pairs(folder, config):
    off = job(folder, "off", pair_windows=False, window_length=4096)
    info = run(off)
    found = texts_of(off)
    assert sorted(found) == sorted([(text,) for pair in PAIRS for text in pair] + [(ALONE[0],)])
    on = read_info(config)["splits"]["train"]["shards"]
    assert [one["sha256"] for one in info["splits"]["train"]["shards"]] == [
        one["sha256"] for one in on
    ]


def test_two_processes_give_the_same_bytes(folder, config):
    small = job(folder, "two", unit_megabytes=0.002)
    two = engines.RunnerConfig(workers=2)
    run(small, engines.pipeline_runner(two), engines.pipeline_options(two))
    assert len(prepare.plan_prepare(small).units) > 2
    shards = [shard["sha256"] for shard in read_info(config)["splits"]["pretrain"]["shards"]]
    assert [shard["sha256"] for shard in read_info(small)["splits"]["pretrain"]["shards"]] == shards


@pytest.mark.parametrize(
    ("sides", "train", "message"),
    [
        (
            "separate",
            True,
            "dataset.pair_windows: true puts both sides of a pair into one window, and with "
            "vocabulary.sides: separate their ids mean different pieces; choose joint, or false",
        ),
        (
            "joint",
            False,
            "dataset.pair_windows: true is for training pairs, and data.train names none; name "
            "pairs, or leave it false",
        ),
    ],
)
def test_what_cannot_be_paired_is_refused(folder, sides, train, message):
    config = job(folder, "refused")
    config = dataclasses.replace(config, vocabulary=VocabularyConfig(size=120, sides=sides))
    if not train:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, train=()))
    with pytest.raises(InputError) as caught:
        prepare.plan_prepare(config)
    assert str(caught.value) == message
    assert not tree(config)
    off = dataclasses.replace(config.dataset, pair_windows=False)
    prepare.plan_prepare(dataclasses.replace(config, dataset=off))
