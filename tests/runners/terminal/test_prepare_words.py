import json
import subprocess
import sys

import pytest

from runners.terminal import prepare_words
from runners.terminal.progress import counted
from tests.runners.conftest import toy_job, toy_pairs

NONE = {"in": 0, "out": 0, "rejected": {}}


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs"), (1200, "1,200 pairs")]
)
def test_numbers_of_things(number, words):
    assert counted(number, "pair") == words


@pytest.mark.parametrize(
    ("pairs", "texts", "words"),
    [
        ({"in": 1, "out": 1, "rejected": {}}, NONE, "1 pair in = 1 out + 0 rejected"),
        (
            {"in": 1200, "out": 1000, "rejected": {"empty": 150, "leak": 50, "identical": 0}},
            {"in": 2, "out": 1, "rejected": {"duplicate": 1}},
            "1,200 pairs in = 1,000 out + 200 rejected (empty 150, leak 50); "
            "2 texts in = 1 out + 1 rejected (duplicate 1)",
        ),
        (NONE, {"in": 3, "out": 3, "rejected": {}}, "3 texts in = 3 out + 0 rejected"),
    ],
)
def test_sums_of_pairs_and_texts_stand_apart(pairs, texts, words):
    assert prepare_words.sums({"pairs": pairs, "texts": texts}) == words


def test_what_there_is_now():
    assert prepare_words.dataset("work/dataset", {"train": 1200, "valid": 1, "pretrain": 30}) == (
        "the dataset is in work/dataset: 1,200 pairs to train on, 1 pair to validate on, "
        "30 windows to pretrain on"
    )


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({}, "electra pretrain a.yaml; or electra run a.yaml, for all that is left"),
        ({"pretrain": {"steps": 0}}, "electra train a.yaml; or electra run a.yaml, for all that"),
        ({"pretrain": {"steps": 0}, "train": {"steps": 0}}, "electra run a.yaml"),
    ],
)
def test_what_comes_next(tmp_path, sections, words):
    job = toy_job(tmp_path, **sections)
    assert prepare_words.what_next(job, ["a.yaml"]).startswith(words)


@pytest.mark.slow
def test_the_last_lines_of_prepare(tmp_path):
    rows = [*toy_pairs(), *toy_pairs()[:3]]
    (tmp_path / "train.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in rows))
    (tmp_path / "text.txt").write_text("the red house is here and there\n\nthe old window\n")
    (tmp_path / "a job.yaml").write_text(
        "workdir: work\nsource_lang: en\ntarget_lang: de\n"
        "data: {train: train.tsv, monolingual: {en: text.txt}}\nvocabulary: {size: 100}\n"
    )
    # In a process of its own: the command takes over the signals of the one that it runs in.
    told = subprocess.run(
        [sys.executable, "-m", "runners", "prepare", "a job.yaml"]
        + ["--set", "dataset.valid_max_records=4"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    counts = json.loads(told.stdout.splitlines()[-1])
    assert counts["pairs"] == {"in": 103, "out": 100, "rejected": {"duplicate": 3}}
    assert counts["texts"] == {"in": 3, "out": 2, "rejected": {"empty": 1}}
    assert (counts["in"], counts["out"]) == (106, 102)
    done, dataset, after = told.stderr.splitlines()[-3:]
    assert done.endswith(
        "; 103 pairs in = 100 out + 3 rejected (duplicate 3); "
        "3 texts in = 2 out + 1 rejected (empty 1)"
    )
    assert dataset.startswith("prepare: the dataset is in work/dataset: 99 pairs to train on, ")
    assert "1 pair to validate on" in dataset and dataset.endswith(" to pretrain on")
    given = "'a job.yaml' --set dataset.valid_max_records=4"
    assert after == (
        f"prepare: next: electra pretrain {given}; or electra run {given}, for all that is left"
    )
