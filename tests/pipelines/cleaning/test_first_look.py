import gzip
import json

import pytest

from electra_model.errors import InputError
from pipelines import prepare
from pipelines.cleaning import file_lists, first_look
from tests.pipelines.small_jobs import make_config

CR = (
    "lines end with CR alone, as on old Macs, which is no line end here; convert them: "
    "tr '\\r' '\\n' < old > new"
)
PAIRS = "data.source_field and data.target_field, which hold for all files of pairs of the job"


def found(tmp_path, **data):
    config = make_config(tmp_path, **data)
    return first_look.find(config, prepare.plan_prepare(config).units)


def write_lines(path, records, packed=False):
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return str(path)


@pytest.mark.parametrize("packed", [False, True])
def test_jsonl_without_the_fields(tmp_path, packed):
    name = "train.jsonl.gz" if packed else "train.jsonl"
    record = {"id": 7, "translation": {"en": "yes", "de": "ja"}, "source": None, "by": "x"}
    train = write_lines(tmp_path / name, [record] * 3000, packed)
    assert found(tmp_path, train=[train]) == [
        f"{train}: the first records have no text in the fields 'source' and 'target', but in "
        f"translation.en, translation.de, by; say which it is in {PAIRS}"
    ]
    named = {"source_field": "translation.en", "target_field": "translation.de"}
    assert found(tmp_path, train=[train], **named) == []


def test_files_of_which_the_same_is_to_be_said_share_a_warning(tmp_path):
    for name in "abc":
        write_lines(tmp_path / f"{name}.jsonl", [{"body": "one"}])
    write_lines(tmp_path / "d.jsonl", [{"n": 1}, ["x"]])
    docs = str(tmp_path / "*.jsonl")
    assert found(tmp_path, monolingual={"en": [docs]}) == [
        f"{tmp_path}/a.jsonl, {tmp_path}/b.jsonl, {tmp_path}/c.jsonl: the first records "
        "have no text in the field 'text', but in body; say which it is in "
        "data.text_field, which holds for all monolingual files of the job",
        f"{tmp_path}/d.jsonl: the first records have no text in the field 'text', nor in any "
        "other; say which it is in data.text_field, which holds for all monolingual files of the "
        "job",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b'{"other": 1}\n' * 19 + b'{"text": "late"}\n',  # a record that has it
        b'\xef\xbb\xbf{"text": "marked"}',
        b"no JSON\n[1]\n",
        b'{"text": "' + b"x" * 100_000 + b'"}\n{"other": 1}\n',  # a first record that is long
        b"\n\n",
        b'{"other": "' + b"x" * 5_000_000 + b'"}\n',  # longer than what is looked at
        b'{"other": NaN, "text": "x"}\n{"other": 1, "text": "\\ud800"}\n{"other": 1}\n',
        b"[" * 100_000,
    ],
)
def test_what_says_nothing(tmp_path, content):
    (tmp_path / "a.jsonl").write_bytes(content)
    (tmp_path / "b.txt").write_text("line\n")
    assert found(tmp_path, monolingual={"en": [str(tmp_path / "*.*")]}) == []


def test_empty_files_beside_others(tmp_path):
    for name, text in (("a.tsv", "yes\tja\n"), ("b.tsv", ""), ("c.tsv", "")):
        (tmp_path / name).write_text(text)
    names = [str(tmp_path / name) for name in ("a.tsv", "b.tsv", "c.tsv")]
    assert found(tmp_path, train=names) == [
        f"{names[1]}, {names[2]}: empty, so there is nothing to read; leave out what is not meant"
    ]


def test_lines_that_end_with_cr_alone(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"one\teins\rtwo\tzwei\r")
    (tmp_path / "b.en").write_bytes(b"one\rtwo\r")
    (tmp_path / "b.de").write_bytes("eins\rzwei\r".encode("utf-16"))
    (tmp_path / "c.tsv").write_bytes(b"one\teins\r")  # one line, ended oddly
    (tmp_path / "d.tsv").write_bytes(b"one\rmore\teins\ntwo\tzwei\r\n")  # CR within a cell
    names = ("a.tsv", "b.en", "c.tsv", "d.tsv")
    warnings = found(tmp_path, train=[str(tmp_path / name) for name in names])
    assert warnings == [f"{tmp_path}/a.tsv, {tmp_path}/b.en, {tmp_path}/b.de: {CR}"]


def test_lines_that_are_not_utf8(tmp_path):
    some = [f"Bär {n}\tbear {n}\n" if n % 2 else f"Hund {n}\tdog {n}\n" for n in range(40)]
    (tmp_path / "old.tsv").write_bytes("".join(some).encode("latin-1"))
    (tmp_path / "new.tsv").write_text("".join(some))
    (tmp_path / "some.tsv").write_bytes("".join(some[:2] + some[::2]).encode("latin-1"))
    names = ("old.tsv", "new.tsv", "some.tsv")
    assert found(tmp_path, train=[str(tmp_path / name) for name in names]) == [
        f"{tmp_path}/old.tsv: many of the first lines are not UTF-8 and will be rejected as "
        "not_utf8; if it is Windows-1252 or Latin-1: iconv -f windows-1252 -t utf-8 old > new"
    ]


@pytest.mark.parametrize("header, columns", [(False, 3), (False, 1), (True, 2)])
def test_rows_with_other_columns(tmp_path, header, columns):
    rows = ["source\ttarget\tby"] if header else []
    rows += ["\t".join(["a", "b", "c"][:columns])] * 6
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    (warning,) = found(tmp_path, train=[str(tmp_path / "a.tsv")], tsv_header=header)
    start = f"{tmp_path}/a.tsv: many of the first rows will be rejected as wrong_columns; they have"
    says = {
        3: "3 columns, and source TAB target are 2; keep two: cut -f1,2 old > new; or, where the "
        "first row names the columns, set data.tsv_header: true, data.source_field and "
        "data.target_field",
        1: "1 column, and source TAB target are 2; put a tab between source and target",
        2: "2 columns, and the first row names another number; give all rows the same",
    }
    assert warning == f"{start} {says[columns]}"


def test_more_than_five_files_are_counted():
    names = [f"{n}.tsv" for n in range(7)]
    assert file_lists.named(names[:6]) == "0.tsv, 1.tsv, 2.tsv, 3.tsv, 4.tsv and 1 other file"
    assert file_lists.named(names) == "0.tsv, 1.tsv, 2.tsv, 3.tsv, 4.tsv and 2 other files"


def test_a_long_first_line_may_hold_cr(tmp_path):
    line = b"word " * 16_000 + b"\r" + b"word\n"
    (tmp_path / "a.txt").write_bytes(line + b"line\n" * 3)
    (tmp_path / "b.txt").write_bytes(b"word " * 16_000 + b"\rword")
    (tmp_path / "c.txt").write_bytes(b"word\r" * 2_000_000)
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(line))
    names = [str(tmp_path / name) for name in ("a.txt", "b.txt", "c.txt", "d.txt.gz")]
    (warning,) = found(tmp_path, monolingual={"en": names})
    assert warning == f"{tmp_path}/b.txt, {tmp_path}/c.txt: {CR}"


@pytest.mark.parametrize("length", [100_000, 3_000_000])
@pytest.mark.parametrize("packed", [False, True])
def test_records_that_are_long(tmp_path, packed, length):
    record = {"body": "x" * length}
    name = "a.jsonl.gz" if packed else "a.jsonl"
    path = write_lines(tmp_path / name, [record] * 3, packed)
    (warning,) = found(tmp_path, monolingual={"en": [path]})
    assert "no text in the field 'text', but in body; say" in warning


def test_json_that_only_python_reads(tmp_path):
    text = b'{"a": NaN, "body": "one"}\n{"a": "\\ud800", "\\ud800": "x"}\n'
    (tmp_path / "a.jsonl").write_bytes(text)
    (warning,) = found(tmp_path, monolingual={"en": [str(tmp_path / "a.jsonl")]})
    assert "no text in the field 'text', but in body, a; say" in warning


def test_a_damaged_file(tmp_path):
    data = gzip.compress(b'{"text": "one"}\n' * 100)
    (tmp_path / "a.jsonl.gz").write_bytes(data[:-12])
    with pytest.raises(InputError, match="a.jsonl.gz: the gzip data ends in the middle"):
        found(tmp_path, monolingual={"en": [str(tmp_path / "a.jsonl.gz")]})
