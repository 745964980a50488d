"""What goes wrong while preparing: kills, damaged and wrong inputs, nothing left to train on."""

import dataclasses
import gzip
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from electra_model.errors import InputError, WorkError
from pipelines import prepare
from pipelines.cleaning import remedies
from pipelines.dataset import failure
from pipelines.foresight import foresight
from tests.pipelines.small_jobs import (
    killed_config,
    make_config,
    read_rejected,
    run,
    sentences,
    tree,
    write_tsv,
)

SCRIPT = """
import pathlib
from tests.pipelines import small_jobs
small_jobs.run(small_jobs.killed_config(pathlib.Path({folder!r}), "killed"))
"""


def test_kill_at_any_moment_and_run_again(tmp_path):
    pairs = sentences(600)
    write_tsv(tmp_path / "train.tsv", pairs[:550] + pairs[:20])
    write_tsv(tmp_path / "test.tsv", pairs[500:])
    script = SCRIPT.format(folder=str(tmp_path))
    config = killed_config(tmp_path, "killed")
    for moment in ("clean/00000-00004", "encode/00000-00002"):
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
        ({"train": ["{}/mark.csv", "{}/empty.tsv"]}, r"data\.train: the files are empty"),
        ({"train": ["{}/a.doc"]}, r"a\.doc: unknown kind of file; known for pairs are \.tsv"),
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
    (tmp_path / "mark.csv").write_bytes(b"\xef\xbb\xbf")
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


def test_a_single_record_that_is_rejected(tmp_path):
    config = make_config(tmp_path, train=[write_tsv(tmp_path / "train.tsv", [("same", "same")])])
    with pytest.raises(WorkError, match=r"^the only record for train was rejected \(identical 1\)"):
        run(config)


def test_a_job_none_of_whose_records_has_its_fields_is_told_where_the_text_is(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"doc": {"body": "ein Satz"}, "n": 1}\n' * 3)
    train = write_tsv(tmp_path / "train.tsv", sentences(30))
    config = make_config(tmp_path, train=[train], monolingual={"de": [str(tmp_path / "a.jsonl")]})
    with pytest.raises(
        WorkError,
        match=r"all of the 3 records for pretrain .*\(missing_field 3\); they have no text in "
        "'text', but in doc.body; say which it is in data.text_field, which holds .*; there is no "
        "dataset now",
    ):
        run(config)


def test_a_header_that_is_none(tmp_path):
    train = write_tsv(tmp_path / "train.tsv", [("yes", "ja"), ("no", "nein")])
    with pytest.raises(InputError) as raised:
        prepare.plan_prepare(make_config(tmp_path, train=[train], tsv_header=True))
    assert str(raised.value) == (
        f"{train}: has no column 'source'; it has yes, ja; say which it is in data.source_field "
        "and data.target_field, which hold for all files of pairs of the job; if that row is a "
        "pair already, leave out data.tsv_header"
    )


@pytest.mark.parametrize(
    "lengths, megabytes",
    [([100_000] * 3, 64), ([6_000_000, 1_500_000], 64), ([6_000_000, 10], 4)],
)
def test_long_records_without_the_fields_are_told_of_too(tmp_path, lengths, megabytes):
    """Or those behind them, in another chunk or unit: of more than 4 MiB none is looked at."""
    lines = [json.dumps({"body": "x" * length}) + "\n" for length in lengths]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    train = write_tsv(tmp_path / "train.tsv", sentences(30))
    config = make_config(
        tmp_path, train=[train], monolingual={"de": [str(tmp_path / "a.jsonl")]},
        dataset={"unit_megabytes": megabytes},
    )  # fmt: skip
    with pytest.raises(WorkError, match="no text in 'text', but in body; say which it is in data"):
        run(config)


def test_too_many_rejections_fail_the_work(tmp_path):
    pairs = sentences(30)
    train = write_tsv(tmp_path / "train.tsv", pairs + [(source, source) for source, _ in pairs])
    config = make_config(
        tmp_path, train=[train], clean={"max_rejected_fraction": 0.4}, dataset={"valid_fraction": 0}
    )
    with pytest.raises(WorkError) as raised:
        run(config)
    assert str(raised.value).startswith(
        "50.0% of the 60 records for train were rejected (identical 30); clean.identical is on: "
        "off switches it off; or raise clean.max_rejected_fraction (0.4); there is no dataset now, "
        f"change that and prepare again; what was rejected is in {config.workdir}/dataset/rejected,"
        " and on the page that `electra report` makes"
    )
    assert run(make_config(tmp_path, train=[train]))["ledger"]["out"] == 30


@pytest.mark.parametrize(
    "clean, hint", [({"wrong_language": 0.2}, True), ({"min_characters": 1000}, False)]
)
def test_rules_of_languages_tell_of_swapped_sides(tmp_path, clean, hint):
    english = "All human beings are born free and equal in dignity and rights, number {}."
    german = "Alle Menschen sind frei und gleich an Würde und Rechten geboren, Nummer {}."
    pairs = [(german.format(n), english.format(n)) for n in range(30)]
    config = make_config(
        tmp_path, train=[write_tsv(tmp_path / "train.tsv", pairs)], clean={"leak": False, **clean}
    )
    with pytest.raises(WorkError, match="all of the 30 records for train") as raised:
        run(config)
    assert ("sides are swapped, exchange source_lang and target_lang" in str(raised.value)) == hint


def test_all_too_long(tmp_path):
    train = write_tsv(tmp_path / "train.tsv", sentences(30))
    config = make_config(tmp_path, train=[train], dataset={"max_tokens": 2})
    with pytest.raises(
        WorkError,
        match=r"all of the 29 records for train .*max_tokens 29\); dataset.max_tokens is 2: raise",
    ):
        run(config)


def test_advice_on_what_reading_rejects_is_about_the_file(tmp_path):
    rows = [f"{source}\t{target}\tx\n" for source, target in sentences(40)]
    rows[0] = "the\tdas\n"
    (tmp_path / "train.tsv").write_text("".join(rows))
    config = make_config(tmp_path, train=[str(tmp_path / "train.tsv")])
    with pytest.raises(WorkError) as raised:
        run(config)
    assert "(wrong_columns 39); they have 3 columns, and source TAB" in str(raised.value)
    assert "max_rejected_fraction" not in str(raised.value)


@pytest.mark.parametrize(
    "clean, rule, says",
    [
        ({"max_characters": 9}, "max_characters", "clean.max_characters is 9: raise it"),
        ({"max_characters": False}, "max_characters", ""),
        ({"wrong_language": 0.5}, "wrong_language", "clean.wrong_language is 0.5: lower it"),
        ({"near_duplicate": 0.8}, "near_leak", "clean.near_duplicate is 0.8: raise it"),
        ({}, "duplicate", "clean.duplicate is pair: off switches it off"),
        ({"documents": {"preset": "published"}}, "min_stop_words",
         "clean.documents.min_stop_words is 2: lower it"),
        ({}, "not_utf8", ""),
    ],
)  # fmt: skip
def test_the_setting_of_a_rule(tmp_path, clean, rule, says):
    assert remedies.of_setting(make_config(tmp_path, clean=clean), rule) == says


def test_a_job_is_not_complete_once_another_has_begun_to_publish(tmp_path):
    """Vocabularies of 100 and 101 pieces have files of one size: nothing but the books can tell."""
    train = write_tsv(tmp_path / "train.tsv", sentences(60))
    first = make_config(tmp_path, size=100, train=[train])
    run(first)
    made = tree(first)
    second = dataclasses.replace(first, vocabulary=dataclasses.replace(first.vocabulary, size=101))
    place = f"{first.workdir}/dataset/valid.jsonl"
    os.rename(place, f"{place}.kept")
    os.mkdir(place)  # it gets as far as that, behind the vocabulary
    with pytest.raises(Exception, match=r"valid\.jsonl"):
        run(second)
    os.rmdir(place)
    os.rename(f"{place}.kept", place)
    assert prepare.completed(first, prepare.plan_prepare(first)) is None
    run(first)
    assert tree(first) == made


@pytest.fixture
def failed_after_good(tmp_path):
    """A job that was complete, what it had made, and the same with a rule that then failed it."""
    train = write_tsv(tmp_path / "train.tsv", sentences(60))
    good = make_config(tmp_path, train=[train])
    run(good)
    made = tree(good)
    bad = dataclasses.replace(good, clean=dataclasses.replace(good.clean, min_characters=1000))
    with pytest.raises(WorkError, match="min_characters"):
        run(bad)
    return good, made, bad


def test_rejections_of_a_job_that_failed_do_not_stay_with_one_that_was_complete(failed_after_good):
    good, made, _ = failed_after_good
    assert os.path.exists(f"{good.workdir}/dataset/rejected/min_characters.jsonl.gz")
    assert prepare.completed(good, prepare.plan_prepare(good)) is None
    run(good)
    assert tree(good) == made


def test_nothing_of_an_earlier_run_stays_beside_what_was_rejected(failed_after_good):
    good, made, bad = failed_after_good
    assert set(tree(bad)) == {
        "dataset/rejected/min_characters.jsonl.gz", "dataset/samples/min_characters.jsonl",
        "dataset/units.jsonl",
    }  # fmt: skip
    with open(f"{bad.workdir}/prepare/failed.json") as stream:
        said = json.load(stream)
    assert said["message"] == (
        "all of the 60 records for train were rejected (min_characters 60); clean.min_characters "
        "is 1000: lower it"
    )
    ledger = {"in": 60, "out": 0, "rejected": {"min_characters": 60}}
    assert said["ledger"] == ledger and said["splits"] == {"train": {"ledger": ledger}}
    failure.clear(bad)  # as the next run begins
    assert tree(bad) == {} and not os.path.exists(f"{bad.workdir}/prepare/failed.json")
    run(good)
    assert tree(good) == made
    failure.clear(good)
    assert tree(good) == made


def test_a_kill_while_a_failed_run_is_cleared_away_leaves_the_rest_to_the_next(failed_after_good):
    _, _, bad = failed_after_good
    place = f"{bad.workdir}/vocabulary/spm.model"
    os.mkdir(place)  # it gets as far as that
    with pytest.raises(OSError, match=r"spm\.model"):
        failure.clear(bad)
    os.rmdir(place)
    with open(f"{bad.workdir}/vocabulary/vocabulary.json", "w") as stream:
        stream.write("of an earlier run")
    failure.clear(bad)
    assert tree(bad) == {} and not os.path.exists(f"{bad.workdir}/prepare/failed.json")


def test_replaced_tokens_outlive_a_run_that_failed(failed_after_good):
    """They cost a generator's hours; the stage that has made them knows which are still right."""
    _, _, bad = failed_after_good
    name = f"{bad.workdir}/dataset/replaced-00000-of-00001.tfrecord"
    with open(name, "w") as stream:
        stream.write("windows")
    with pytest.raises(WorkError, match="min_characters"):
        run(bad)
    assert os.path.exists(name)


def test_looking_ahead_publishes_no_rejections(failed_after_good):
    good, made, bad = failed_after_good
    run(good)
    foresight.foresee(bad, prepare.plan_prepare(bad))
    assert tree(good) == made and prepare.completed(good, prepare.plan_prepare(good)) is not None
