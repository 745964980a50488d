import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from electra_model.errors import InputError
from runners.health import doctor
from runners.jobs import job_inputs, stages, work
from runners.jobs.job import make_job
from runners.planning import planning
from runners.terminal import progress
from tests.runners.conftest import toy_job


def job(folder, **sections):
    values = {"workdir": str(folder / "work"), "source_lang": "en", "target_lang": "de"}
    return make_job(values | sections, "job.yaml")


@pytest.fixture
def documents(tmp_path):
    """A job for one file in `documents/` with the given content."""

    def make(name, content, **translate):
        folder = tmp_path / "documents"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        settings = {"input": [str(folder / name)], "output": str(tmp_path / "out"), **translate}
        return job(tmp_path, translate=settings)

    return make


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.txt", b"one\ntwo\n"),
        ("a.csv", b"id,text\n1,one\n"),
        ("a.csv.gz", gzip.compress(b"id,text\n1,one\n", mtime=0)),
        ("a.tsv", b"one\ttwo\n"),
        ("a.jsonl", b'{"text": "one"}\n'),
        ("a.txt", b""),
    ],
)
def test_documents_that_can_be_translated(documents, name, content):
    job_inputs.check_documents(documents(name, content))


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.csv", b"id,body\n1,one\n", "a.csv: has no column 'text'; it has 'id', 'body'"),
        ("a.csv.gz", gzip.compress(b"id,body\n", mtime=0), "a.csv.gz: has no column 'text'"),
        ("a.csv", b"text,translation\n", "has the column 'translation' already"),
        (
            "a.csv",
            b"id;text\n",
            "'id;text', with semicolons .*, and not commas; write it with commas$",
        ),
        ("a.parquet", b"no parquet", "cannot be read as Parquet"),
        ("a.doc", b"x", "unknown kind of file"),
        ("a.txt.gz", b"plain", "its name says gzip"),
    ],
)
def test_documents_that_cannot(documents, name, content, message):
    with pytest.raises(InputError, match=message):
        job_inputs.check_documents(documents(name, content))


def test_a_parquet_file_without_the_column(documents, tmp_path):
    one = documents("a.parquet", b"", text_field="body")
    pq.write_table(pa.table({"text": ["one"]}), tmp_path / "documents" / "a.parquet")
    with pytest.raises(InputError, match="has no column 'body'; it has text"):
        job_inputs.check_documents(one)


def test_texts_without_their_columns(tmp_path):
    (tmp_path / "train.csv").write_text("english,german\nyes,ja\n")
    with pytest.raises(InputError, match="train.csv: has no column 'source'"):
        job_inputs.check_texts(job(tmp_path, data={"train": [str(tmp_path / "train.csv")]}))
    job_inputs.check_texts(job(tmp_path))  # no data, nothing to look at


def test_a_run_looks_at_its_documents_before_it_begins(documents, tmp_path):
    with pytest.raises(InputError, match="has no column 'text'"):
        work.do_stages(documents("a.csv", b"id,body\n"), stages.STAGES)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("names", [["prepare"], ["train"], [stage.name for stage in stages.STAGES]])
def test_a_job_without_data_and_without_model_is_told_so(tmp_path, names):
    with pytest.raises(InputError, match="^data.train: the job file names no data; name the files"):
        work.do_stages(job(tmp_path), [stages.BY_NAME[name] for name in names])


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.csv", "id,text\n1,one\n", "has no column 'source'"),
        ("a.tsv.gz", "no gzip\n", "its name says gzip"),
        ("a.doc", "one\n", "unknown kind of file"),
    ],
)
def test_texts_that_are_refused_leave_a_complete_job_complete(tmp_path, name, text, message):
    prepare = stages.BY_NAME["prepare"]
    receipt = tmp_path / "work" / ".stages" / "prepare.json"
    receipt.parent.mkdir(parents=True)
    receipt.write_text("what was complete")
    (tmp_path / name).write_text(text)
    refused = toy_job(tmp_path, data={"train": [str(tmp_path / name)]})
    with pytest.raises(InputError, match=message):
        work.do_stages(refused, [prepare])
    assert receipt.read_text() == "what was complete"
    assert not (tmp_path / "work" / "run.json").exists()


def test_a_model_that_is_none_leaves_complete_translations_complete(documents, tmp_path):
    job = documents("a.txt", b"one\n", model=str(tmp_path / "no-model"))
    receipt = tmp_path / "work" / ".stages" / "translate.json"
    receipt.parent.mkdir(parents=True)
    receipt.write_text("what was complete")
    with pytest.raises(InputError, match="no model.json in .*no-model"):
        work.do_stages(job, [stages.BY_NAME["translate"]])
    assert receipt.read_text() == "what was complete"


def test_records_without_their_fields_are_warned_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tsv").write_text("yes\tja\n")
    (tmp_path / "b.jsonl").write_text('{"doc": {"body": "x"}}\n')
    data = {"train": ["a.tsv"], "monolingual": {"en": ["b.jsonl"]}}
    expected = (
        "b.jsonl: the first records have no text in the field 'text', but in doc.body; say which "
        "it is in data.text_field, which holds for all monolingual files of the job"
    )
    shown: list[str] = []
    assert planning.show(job(tmp_path, data=data), shown.append)["warnings"] == [expected]
    assert shown[-1] == f"  warning: {expected}"
    assert [*doctor._inputs(job(tmp_path, data=data))] == [
        ("ok", "data.train", "1 file, 7 bytes"),
        ("ok", "data.monolingual.en", "1 file, 23 bytes"),
        ("warn", "data", expected),
    ]


def test_names_of_fields_in_warnings_are_one_printable_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"two\\nlines \\u001b[31m": "x"}\n')
    one = job(tmp_path, data={"monolingual": {"en": ["a.jsonl"]}})
    shown: list[str] = []
    (warning,) = planning.show(one, shown.append)["warnings"]
    assert "two\nlines \x1b[31m" in warning
    progress.say(f"prepare: warning: {warning}")
    for line in (shown[-1], capsys.readouterr().err.removesuffix("\n")):
        assert r"but in two\nlines \x1b[31m; say" in line and line.isprintable()
