import dataclasses
import re

import pytest

from electra_model.errors import InputError, WorkError
from runners.jobs.job import make_job
from runners.report import report, report_corpus
from tests.pipelines.small_jobs import make_config, run, sentences, write_tsv
from tests.runners.report_pages import Page, Tables, write

FRENCH = "la maison rouge se trouve au bord de la rivière numéro {} de la ville"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A job whose rules drop a third of its pairs, with everything that a report tells of."""
    folder = tmp_path_factory.mktemp("job")
    pairs = [(f"{source}.", f"{target}.") for source, target in sentences(300)]
    test = [(f"{source}.", f"{target}.") for source, target in sentences(20, seed=5)]
    near = [
        (
            "one two three four five six seven eight nine ten" + end,
            "eins zwei drei vier fünf sechs sieben acht neun zehn",
        )
        for end in ("", " now")
    ]
    bad = [(source, source) for source, _ in sentences(250, seed=3)]
    rows = [*pairs, *pairs[:7], *near, *bad, *test[:3], (FRENCH.format(1), "das Haus am Fluss")]
    (folder / "text.txt").write_text("the old house\nthe old house\nthe red tree\n")
    config = make_config(
        folder,
        train=[write_tsv(folder / "train.tsv", rows)],
        test=[write_tsv(folder / "test.tsv", test)],
        monolingual={"en": [str(folder / "text.txt")]},
        clean={"near_duplicate": 0.7, "near_duplicate_shingle": 2},
        dataset={"provenance": True, "records_per_shard": 25, "valid_fraction": 0},
    )
    return config, run(config)


@pytest.fixture(scope="module")
def page(prepared):
    config, _ = prepared
    return report.render(config.workdir, source_lang="en", target_lang="de")[0]


@pytest.fixture(scope="module")
def tables(page):
    return Tables(page).found


def test_page_of_a_prepared_dataset_is_well_formed(page):
    parsed = Page(page)
    assert parsed.unclosed == []
    assert len(parsed.ids) == len(set(parsed.ids))


def test_warnings_are_in_the_page(prepared, page):
    _, info = prepared
    rejected = info["splits"]["train"]["ledger"]["rejected"]["identical"]
    assert rejected == 250
    (warning,) = [one for one in info["warnings"] if "identical" in one]
    assert "rejected 44% of the 563 records for train" in warning
    assert warning in Page(page).text


def test_duplicates_by_kind(prepared, tables):
    _, info = prepared
    ledger = info["splits"]["train"]["ledger"]
    heading, *rows = tables["Duplicates"]
    assert heading == ["Kind", "Training pairs", "Monolingual texts"]
    found = {
        re.split(r" (?=equal|the source|nearly|much|kept)", row[0])[0]: row[1:] for row in rows
    }
    dropped = ledger["rejected"]
    assert found["duplicate"] == ["7 1.2%", "1 33.3%"] and dropped["duplicate"] == 7
    assert found["leak"] == ["3 0.5%", "–"]
    assert found["near_duplicate"] == ["1 0.2%", "0 0.0%"] and dropped["near_duplicate"] == 1
    assert found["near_leak"] == ["0 0.0%", "–"]
    assert found["overlap"] == ["off", "off"]
    assert set(found) == {
        "duplicate", "leak", "near_duplicate", "near_leak", "overlap", "same source", "same target",
    }  # fmt: skip


def test_languages_are_of_a_sample_of_the_shards(tables):
    heading, sources, targets, windows = tables["Languages"]
    assert heading == ["Texts", "Should be", "Look like others", "Identified"]
    assert sources[0] == "Sources" and re.match(r"\d+\.\d% English$", sources[1])
    assert targets[0] == "Targets" and "German" in targets[1]
    assert windows[0] == "Pretraining windows" and "English" in windows[1]
    assert int(sources[3]) > 0


def test_tokens_and_words(prepared, tables):
    _, info = prepared
    rows = {row[0]: row[1:] for row in tables["Tokens and words"]}
    counted = info["fertility"]["en"]
    per_word = counted["tokens"] / counted["words"]
    assert rows["English"] == [f"{counted['words']:,}", f"{counted['tokens']:,}", f"{per_word:.2f}"]
    assert all(float(rows[name][1]) > 1 for name in ("Sources", "Targets", "Pretraining windows"))
    assert all(cell.endswith("%") for cell in rows["Sources"][3:])


def test_shards_of_every_split(prepared, tables, page):
    _, info = prepared
    rows = {row[0]: row[1:] for row in tables["Shards"]}
    for name, split in info["splits"].items():
        sizes = [shard["bytes"] for shard in split["shards"]]
        assert rows[name][0] == str(len(sizes))
        assert rows[name][4] == f"{max(sizes) * len(sizes) / sum(sizes):.2f}"
    assert len(info["splits"]["train"]["shards"]) >= 8
    labels = [value for name, value in Page(page).attributes if name == "aria-label"]
    assert "Sizes of the shards of train" in labels
    assert "Sizes of the shards of test" not in labels


def test_buckets_and_provenance(prepared, tables):
    _, info = prepared
    buckets = tables["Lengths"][1:]
    train = buckets[: [row[0] for row in buckets].index("test")]
    assert sum(int(row[2].replace(",", "")) for row in train) == info["splits"]["train"]["records"]
    rows = {row[0]: row[1:] for row in tables["Where the tokens came from"][1:]}
    assert rows["train"][0] == "train.tsv 100.0%" and rows["test"][0] == "test.tsv 100.0%"
    assert "text.txt" in rows["pretrain"][0]


def test_a_dataset_of_an_earlier_version_makes_a_page(tmp_path):
    ledger = {"in": 9, "out": 6, "rejected": {"duplicate": 2, "leak": 1}}
    split = {"records": 6, "ledger": ledger, "shards": [{"bytes": 5}]}
    info = {"splits": {"train": split}, "ledger": ledger, "replacements": None}
    write(tmp_path / "dataset" / "dataset_info.json", info)
    page, present = report.render(str(tmp_path), source_lang="en", target_lang="de")
    assert present == ["corpus"]
    found = Tables(page).found
    assert [row[1] for row in found["Duplicates"][1:]] == [
        "2 22.2%", "1 11.1%", "0 0.0%", "0 0.0%", "0 0.0%",
    ]  # fmt: skip
    assert "Languages" not in found and "Tokens and words" not in found


def test_windows_with_replaced_tokens_are_told_of(tmp_path):
    made = {
        "copies": 2, "records": 1800, "tokens": {"text": 1000, "hidden": 150, "replaced": 90},
        "generator": {"step": 700},
        "shards": [{"temperature": 2.0, "bytes": 9000}, {"temperature": 1.0, "bytes": 9000}],
    }  # fmt: skip
    write(tmp_path / "dataset" / "dataset_info.json", {"splits": {}, "replacements": made})
    page, _ = report.render(str(tmp_path), source_lang="en", target_lang="de")
    text = " ".join(Page(page).text.split())
    assert "1,800 windows with replaced tokens in 2 shards (18.0 kB), each window 2 times" in text
    assert "15.0% of the tokens were hidden" in text and "9.0% are other tokens now" in text
    assert "falls from 2 to 1." in text


@pytest.mark.parametrize(
    "rules, kind, off, meaning",
    [
        ({"duplicate": "source"}, "duplicate", False, "pairs with an equal source"),
        ({"duplicate": "pair"}, "duplicate", False, "equal pairs"),
        ({"duplicate": None}, "duplicate", True, "equal records"),
        ({"near_duplicate": None}, "near_leak", True, "nearly that of a validation"),
        ({"near_duplicate": 0.8}, "near_leak", False, "nearly that of a validation"),
    ],
)
def test_rules_that_are_off_and_what_they_compare(rules, kind, off, meaning):
    ledger = {"in": 10, "out": 10, "rejected": {}}
    info = {
        "splits": {"train": {"records": 10, "ledger": ledger}},
        "duplicates": {"rules": rules, "repeated": {}},
    }
    (row,) = [row for row in report_corpus.duplicates(info)["rows"] if row["kind"] == kind]
    assert row["off"] == off and meaning in row["meaning"]
    assert row["counts"] == ({} if off else {"train": (0, 0.0)})


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A work folder in which a rule rejected everything, after a run that was complete."""
    folder = tmp_path_factory.mktemp("failed")
    good = make_config(folder, train=[write_tsv(folder / "train.tsv", sentences(60))])
    run(good)
    bad = dataclasses.replace(good, clean=dataclasses.replace(good.clean, min_characters=1000))
    with pytest.raises(WorkError, match="min_characters"):
        run(bad)
    return good.workdir


def test_what_failed_a_prepare_is_shown_with_examples(failed):
    page, present = report.render(failed, source_lang="en", target_lang="de")
    assert present == ["corpus"]
    text = " ".join(Page(page).text.split())
    assert (
        "There is no dataset, for the last prepare failed: all of the 60 records for train" in text
    )
    assert Tables(page).found["Corpus"][1] == ["train", "60 pairs", "0", "60 100.0%"]
    assert re.search(r"min_characters ?one side is too short ?60 ?100\.0%", text)
    assert sum(source in text for source, _ in sentences(60)) >= 8
    assert re.search(r"train\.tsv, line \d", text) and Page(page).unclosed == []


def test_examples_of_duplicates_name_what_they_repeat(tmp_path):
    pairs = sentences(40)
    first = write_tsv(tmp_path / "first.tsv", pairs[:20])
    again = write_tsv(tmp_path / "again.tsv", [*pairs[20:], pairs[6]])
    config = make_config(tmp_path, train=[first, again], dataset={"valid_fraction": 0})
    run(config)
    (example,) = report_corpus.rejection_examples(config.workdir, "duplicate")
    assert example == {
        "source": pairs[6][0],
        "target": pairs[6][1],
        "place": "again.tsv, line 21; of first.tsv, line 7",
    }


def record_of(folder, **prepare):
    write(folder / "run.json", {"stages": {"prepare": prepare}})


def test_a_dataset_of_an_earlier_prepare_is_said_to_be_one(tmp_path):
    write(tmp_path / "dataset" / "dataset_info.json", {"splits": {"train": {"records": 6}}})
    for prepare, said in (
        ({"status": "complete"}, None),
        ({"status": "running"}, "for the last prepare was stopped"),
        ({"status": "failed", "error": "a.gz: is <cut> off"}, "prepare failed: a.gz: is <cut> off"),
    ):
        record_of(tmp_path, **prepare)
        text = Page(report.render(str(tmp_path), source_lang="en", target_lang="de")[0]).text
        assert ("This dataset may be older than the job file" in text) == (said is not None)
        assert said is None or said in text


def test_without_anything_to_show_the_error_says_why(tmp_path):
    values = {"workdir": str(tmp_path), "source_lang": "en", "target_lang": "de"}
    record_of(tmp_path, status="failed", error="a.gz: the gzip data ends in the middle")
    with pytest.raises(InputError, match="nothing to report .* failed: a.gz: the gzip data ends"):
        report.write_report(make_job(values, "a job"))


def test_what_was_kept_is_told_to_be_of_a_sample_where_it_is():
    ledger = {"in": 900, "out": 900, "rejected": {}}
    repeated = {side: {"looked_at": 300, "repeated": 30} for side in ("source", "target")}
    info = {
        "splits": {"train": {"records": 900, "ledger": ledger}},
        "duplicates": {"rules": {"duplicate": "pair"}, "repeated": repeated},
    }
    found = report_corpus.duplicates(info)
    assert found["looked_at"] == 300
    assert found["rows"][-1]["counts"] == {"train": (30, 0.1)}
