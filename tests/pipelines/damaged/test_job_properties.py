"""What holds for whole jobs whatever the text: books balance, order and units change nothing."""

import os
import pathlib
import tempfile

import hypothesis
import pytest
from hypothesis import strategies

from tests.pipelines.damaged.test_reader_properties import CHARACTERS
from tests.pipelines.small_jobs import make_config, read_info, read_rejected, run, sentences, tree

SOUND = sentences(30)
# Any characters but the null byte, which makes a file no text, among words, so that rules let some
# rows through and reject others.
TEXTS = strategies.lists(
    strategies.one_of(
        strategies.text(CHARACTERS.filter(lambda c: c not in "\0\t\n"), max_size=6),
        strategies.sampled_from(
            ["the house", "das Haus", "1234", "▁", "<s>", "", "Ⅷ", "Å", "A\u030a"]
        ),
    ),
    max_size=4,
).map(" ".join)
ROWS = strategies.lists(
    strategies.one_of(
        strategies.tuples(TEXTS, TEXTS).map("\t".join),
        strategies.sampled_from(["\t".join(pair) for pair in SOUND[:5]]),  # equal records
        TEXTS,  # too few columns
    ),
    min_size=5,
    max_size=25,
)


def prepare(folder, name, rows, **options):
    path = pathlib.Path(folder, f"{name}.tsv")
    path.write_bytes("".join(f"{row}\n" for row in rows).encode())
    config = make_config(
        pathlib.Path(folder), name, train=[str(path)], size=8000,
        clean={"max_rejected_fraction": 1.0}, dataset={"valid_fraction": 0.1, **options},
    )  # fmt: skip
    run(config)
    return config


def made(config):
    """The bytes that the text alone decides: shards, vocabulary, counts."""
    info = read_info(config)
    shards = {name: split["shards"] for name, split in info["splits"].items()}
    return shards, tree(config, "vocabulary"), info["ledger"], info["lengths"]


@hypothesis.settings(
    deadline=None,
    max_examples=2,
    derandomize=True,
    database=None,
    phases=[hypothesis.Phase.generate],  # to shrink what fails would take an hour
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(rows=ROWS, draw=strategies.randoms(use_true_random=False))
@pytest.mark.slow
def test_jobs(rows, draw):
    rows = ["\t".join(pair) for pair in SOUND] + rows
    with tempfile.TemporaryDirectory() as folder:
        config = prepare(folder, "first", rows)
        ledger = read_info(config)["ledger"]
        assert ledger["in"] == len(rows)
        assert ledger["in"] == ledger["out"] + sum(ledger["rejected"].values())
        for rule, count in ledger["rejected"].items():
            assert len(read_rejected(config, rule)) == count

        # The first of equal records stays, whichever it is: they read the same.
        shuffled = rows[:]
        draw.shuffle(shuffled)
        assert made(prepare(folder, "shuffled", shuffled)) == made(config)

        # Units of a line or two. Their number is in the names of rejected records' files only.
        assert made(prepare(folder, "units", rows, unit_megabytes=0.0002)) == made(config)

        before = tree(config, "dataset", "vocabulary", "prepare")
        stamps = {name: os.stat(f"{config.workdir}/{name}").st_mtime_ns for name in before}
        run(config)
        assert tree(config, "dataset", "vocabulary", "prepare") == before
        assert all(os.stat(f"{config.workdir}/{n}").st_mtime_ns == t for n, t in stamps.items())
