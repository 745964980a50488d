"""`clean.overlap` with validation data that are split off the training data."""

import os
import random

import pyarrow as pa
import pytest

from pipelines import stages
from pipelines.cleaning import clean
from pipelines.splitting import held_out, split
from tests.pipelines.small_jobs import make_config, read_info, read_rejected, run, write_tsv


def text_of(seed):
    """Ten words that no other text has: no two share a run of four."""
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abdeiklmnoprstu", k=5)) for _ in range(10))


def close(text):
    """Of seven runs of four words five are the same."""
    return " ".join([*text.split()[:8], "quite", "other"])


def make(folder, name, sources, test=(), overlap=0.5, **dataset):
    pairs = [[(text, "ziel") for text in texts] for texts in (sources, test)]
    train, held = (
        [write_tsv(folder / f"{name}-{number}.tsv", some)] if some else []
        for number, some in enumerate(pairs)
    )
    return make_config(
        folder, name, train=train, test=held,
        clean={"overlap": overlap, "overlap_words": 4, "max_length_ratio": False},
        dataset={"valid_fraction": 0.4, "valid_max_records": 4, **dataset},
    )  # fmt: skip


def split_off(config):
    """The sources whose places are split off."""
    found = []
    for chunk in clean.chunks(config):
        if chunk.role == "train":
            kept = clean.read_kept(config, chunk)
            inside = split.is_split_off(
                kept.column("place").to_numpy(), split.choose_places(config)
            )
            found += kept.column("source").filter(pa.array(inside)).to_pylist()
    return sorted(found)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A job without the rule, and what it splits off."""
    folder = tmp_path_factory.mktemp("held-out")
    texts = [text_of(seed) for seed in range(60)]
    config = make(folder, "off", texts, overlap=False)
    info = run(config)
    valid = split_off(config)
    assert len(valid) == info["splits"]["valid"]["records"] == 4
    return folder, texts, valid, config


def test_without_the_rule_there_is_no_such_stage(made):
    assert not os.path.exists(f"{made[3].workdir}/prepare/held_out.index.json")
    assert not held_out.wanted(made[3])


def test_training_sources_are_compared_with_what_is_split_off(made):
    folder, texts, valid, _ = made
    sources = [close(valid[1]), *texts, close(valid[0])]
    # Units of a line or a few, so that what is split off is in other chunks than what is like it.
    config = make(folder, "on", sources, unit_megabytes=0.0005)
    info = run(config)
    assert len(clean.chunks(config)) > 5
    found = [row["source"] for row in read_rejected(config, "overlap")]
    assert found == [close(valid[1]), close(valid[0])]
    assert split_off(config) == valid
    assert info["splits"]["valid"]["ledger"] == {"in": 4, "out": 4, "rejected": {}}
    assert info["splits"]["train"]["ledger"] == {"in": 58, "out": 56, "rejected": {"overlap": 2}}


def test_what_is_split_off_is_compared_with_files(made):
    """And what a file makes go holds nothing out."""
    folder, texts, valid, _ = made
    lost, kept = valid[0], valid[1]
    # Of its seven runs four are in `lost`, and two in the test source.
    shared = " ".join([*lost.split()[3:], *text_of("other").split()[:3]])
    test = [" ".join(lost.split()[:8] + ["not", "here"])]
    copies = [shared, close(kept)]
    config = make(folder, "test", [*texts, *copies], test)
    info = run(config)
    assert {row["source"] for row in read_rejected(config, "overlap")} == {lost, close(kept)}
    assert info["splits"]["valid"]["records"] == 3
    records = [one.facts["records"] for one in stages.load_index(config, "held_out").receipts]
    assert records == [3]
    assert info["ledger"]["in"] == info["ledger"]["out"] + 2 == 63
    assert read_info(config)["splits"]["test"]["records"] == 1


def test_files_of_validation_data_need_no_such_stage(made):
    folder, texts, *_ = made
    path = write_tsv(folder / "valid.tsv", [(texts[0], "ziel")])
    config = make_config(folder, train=["t.tsv"], valid=[path], clean={"overlap": 0.5})
    assert not held_out.wanted(config)
    config = make_config(folder, train=["t.tsv"], clean={"overlap": 0.5})
    assert held_out.wanted(config)
