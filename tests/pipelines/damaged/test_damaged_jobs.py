"""Damaged inputs through the whole of `electra prepare`: the pipeline and the command line."""

import collections
import json
import os
import pathlib
import subprocess
import sys

import pytest

from electra_model.errors import InputError, WorkError
from tests.pipelines.damaged.cases import CASES
from tests.pipelines.damaged.corpora import encode
from tests.pipelines.small_jobs import make_config, read_rejected, run, sentences, write_tsv

# Those that a job ends well with, one or two of each kind.
READ = [
    "cut-tsv-7", "flip-tsv-1", "streams-50-csv.zst",
    "streams-7-jsonl.gz", "latin-1-csv", "cesu-8-jsonl", "nul-late-tsv",
    "utf-16-le-mark-a.csv.gz", "utf-16-half-pair", 
    "json-lone-surrogate", "json-escaped-nul", "csv-open", "csv-stripped",
    "table-bad-bytes", 
    "blank-5000-tsv", "no-rows-parquet", "tsv-as-jsonl", "bom-alone-csv",
]  # fmt: skip
# And those that are refused.
REFUSED = [
    "cut-parquet-7", "cut-tsv.gz-7", "cut-csv.zst-7", "trailing-text.bz2", "trailing-half.xz",
    "utf-16-le-a.tsv", "utf-32-be-mark-a.jsonl", "nul-early-csv", "content.zip-name.tsv",
    "content.parquet-name.jsonl", "empty-tsv.gz", "csv-header-open", "table-number",
    "mixed-streams-tsv",
]  # fmt: skip
OFF = {
    "empty": False, "min_letters_share": False, "max_characters": False, "identical": False,
    "control_characters": False, "broken_encoding": False, "placeholder_mismatch": False,
    "max_length_ratio": False, "duplicate": False, "leak": False, "max_rejected_fraction": 1.0,
}  # fmt: skip


def make_job(tmp_path, *paths):
    sound = write_tsv(tmp_path / "sound.tsv", sentences(25, seed=9))
    return make_config(
        tmp_path, train=[sound, *map(str, paths)], clean=OFF, size=2000,
        dataset={"unit_megabytes": 0.002, "valid_fraction": 0, "max_tokens": 1000},
    )  # fmt: skip


@pytest.mark.timeout(120)
def test_every_row_is_in_the_books(tmp_path):
    """All of them in one job; each file's rejected rows are told apart by their path."""
    paths = {}
    for name in READ:
        paths[name] = tmp_path / name / CASES[name].file
        paths[name].parent.mkdir()
        paths[name].write_bytes(CASES[name].data)
    config = make_job(tmp_path, *paths.values())
    ledger = run(config)["ledger"]
    assert ledger["in"] == 25 + sum(CASES[name].rows for name in READ)
    assert ledger["in"] == ledger["out"] + sum(ledger["rejected"].values())
    found = {str(path): collections.Counter() for path in paths.values()}
    for rule, count in ledger["rejected"].items():
        rows = read_rejected(config, rule)
        assert len(rows) == count and {row["rule"] for row in rows} == {rule}
        for row in rows:
            found[row["path"]][rule] += 1
    known = [name for name in READ if CASES[name].errors is not None]
    assert {name: found[str(paths[name])] for name in known} == {
        name: CASES[name].errors for name in known
    }


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", REFUSED)
def test_refused_files_are_named(tmp_path, name):
    case = CASES[name]
    (tmp_path / case.file).write_bytes(case.data)
    with pytest.raises((InputError, WorkError)) as raised:
        run(make_job(tmp_path, tmp_path / case.file))
    message = str(raised.value)
    assert str(tmp_path / case.file) in message and "\n" not in message and ";" in message
    assert not os.path.exists(tmp_path / "work" / "dataset" / "dataset_info.json")


def electra(folder, *arguments):
    """The command line in a folder: (status, lines of output, lines of errors)."""
    done = subprocess.run(
        [sys.executable, "-m", "runners", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def write_job(folder, file):
    (folder / "job.yaml").write_text(
        "workdir: work\nsource_lang: en\ntarget_lang: de\n"
        f"data: {{train: [sound.tsv, {json.dumps(file)}]}}\nvocabulary: {{size: 100}}\n"
        "dataset: {valid_fraction: 0}\n"
    )
    write_tsv(folder / "sound.tsv", sentences(25, seed=9))


def slow(*values):
    """A case that differs from others in the words of its message alone."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "name, status, message",
    [
        ("cut-tsv.gz-7", 2, "a.tsv.gz: its name says gzip|the gzip data ends in the middle"),
        slow("trailing-text.bz2", 2, "something that is not bzip2 follows the compressed data"),
        slow("utf-16-le-a.tsv", 2, "a.tsv: holds zero bytes, so it is not UTF-8 text"),
        slow("cut-parquet-7", 2, "a.parquet: cannot be read as Parquet"),
        ("csv-header-excel", 2, "a.csv: has no column 'source'; it has sep="),
        ("blank-5000-tsv", 1, "99.5% of the 5,025 records for train were rejected (empty_line"),
    ],
)
def test_the_command_line_says_it_in_one_line(tmp_path, name, status, message):
    case = CASES[name]
    (tmp_path / case.file).write_bytes(case.data)
    write_job(tmp_path, case.file)
    found, lines, errors = electra(tmp_path, "prepare", "job.yaml")
    assert found == status
    assert lines == []
    assert any(part in errors[-1] for part in message.split("|"))
    assert not any("Traceback" in line or "Error" in line for line in errors)
    # Above it there is nothing but the progress.
    assert all(line.startswith("prepare:") for line in errors[:-1])


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "name",
    [slow("json-lone-surrogate"), "utf-16-be-mark-a.csv.xz", slow("nul-late-tsv")],
)
def test_the_last_line_of_a_job_that_ends_well_is_its_counts(tmp_path, name):
    case = CASES[name]
    (tmp_path / case.file).write_bytes(case.data)
    write_job(tmp_path, case.file)
    status, lines, errors = electra(tmp_path, "prepare", "job.yaml")
    assert status == 0, errors
    counts = json.loads(lines[-1])
    assert counts["in"] == 25 + case.rows == counts["out"] + sum(counts["rejected"].values())


NAMES = [
    "with space.tsv", "grün 😀.tsv", "-leading.tsv", "two\nlines.tsv",
    "[1].tsv", "back\\slash.tsv", "{x}.tsv", "$HOME.tsv",
]  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_names_of_files(tmp_path):
    paths = [str(tmp_path / name) for name in NAMES]
    for path in paths:
        pathlib.Path(path).write_bytes(CASES["latin-1-tsv"].data)
    config = make_job(tmp_path, *paths)
    count = len(NAMES)
    ledger = run(config)["ledger"]
    assert ledger == {
        "in": 25 + 121 * count, "out": 25 + 120 * count, "rejected": {"not_utf8": count},
    }  # fmt: skip
    assert sorted(row["path"] for row in read_rejected(config, "not_utf8")) == sorted(paths)


@pytest.mark.parametrize("file", NAMES)
def test_names_of_files_in_messages(tmp_path, file):
    (tmp_path / file).write_bytes(encode("parquet"))
    with pytest.raises(InputError) as raised:
        run(make_config(tmp_path, train=[str(tmp_path / file)]))
    assert len(str(raised.value).splitlines()) == 1


def test_a_name_that_is_no_unicode(tmp_path):
    name = os.fsencode(tmp_path) + b"/a\xff.tsv"
    with open(name, "wb") as stream:
        stream.write(encode("tsv"))
    for pattern in (os.fsdecode(name), str(tmp_path / "*.tsv")):
        with pytest.raises(InputError, match=r"data\.train: .*a\\xff\.tsv.*rename the file"):
            run(make_config(tmp_path, train=[pattern]))


def test_a_name_of_two_lines_on_the_command_line(tmp_path):
    (tmp_path / "two\nlines.tsv").write_bytes(encode("parquet"))
    write_job(tmp_path, "two\nlines.tsv")
    status, lines, errors = electra(tmp_path, "prepare", "job.yaml")
    assert (status, lines) == (2, [])
    assert errors[-1].startswith("two\\nlines.tsv: its content is Parquet, not text; name the rig")
