"""Whole jobs whose training pairs are texts of the pretraining windows."""

import pytest

from electra_model import features
from electra_model.tokenizer import EOS_ID, Tokenizer
from pipelines import prepare
from runners.engines import engines
from tests.pipelines.small_jobs import (
    make_config,
    read_info,
    read_records,
    run,
    sentences,
    write_tsv,
)

PAIRS = sentences(60)
ALONE = ["the small green tree never sees a window"]


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


def checksums(info, split):
    return [shard["sha256"] for shard in info["splits"][split]["shards"]]


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


def test_the_pairs_to_train_on_are_what_they_are_without(folder, config):
    off = run(job(folder, "off", pair_windows=False))
    assert checksums(off, "train") == checksums(read_info(config), "train")
    assert checksums(off, "pretrain") != checksums(read_info(config), "pretrain")
    assert off["splits"]["pretrain"]["tokens"] == read_info(config)["splits"]["pretrain"]["tokens"]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_two_processes_and_small_units_give_the_same_bytes(folder, config, workers):
    small = job(folder, f"small-{workers}", unit_megabytes=0.002)
    runner = engines.RunnerConfig(workers=workers)
    run(small, engines.pipeline_runner(runner), engines.pipeline_options(runner))
    assert len(prepare.plan_prepare(small).units) > 2
    assert checksums(read_info(small), "pretrain") == checksums(read_info(config), "pretrain")
