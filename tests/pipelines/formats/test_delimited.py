import csv
import gzip
import time

import pytest

from electra_model.errors import InputError
from pipelines.formats import delimited, registry


def read_all(path, fields, **options):
    found = []
    for unit in registry.plan([str(path)], ["train"], 1 << 20):
        for batch in registry.read(unit, fields, raw=True, **options):
            columns = batch.to_pydict()
            found += zip(columns["error"], *(columns[field] for field in fields), strict=True)
    return found


def test_tsv_pairs(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(
        b"\xef\xbb\xbfone\teins\r\n"
        b'"quoted"\tit\'s "so"\n'
        b"only one\n"
        b"a\tb\tc\n"
        b"\n"
        b"\t\n"
        b"bad \xff\tx\n"
        b"carriage\rreturn\tstays\n"
        b"no end\tkein Ende"
    )
    assert read_all(path, ["source", "target"]) == [
        (None, "one", "eins"),
        (None, '"quoted"', 'it\'s "so"'),
        ("wrong_columns", None, None),
        ("wrong_columns", None, None),
        ("empty_line", None, None),
        (None, "", ""),
        ("not_utf8", None, None),
        (None, "carriage\rreturn", "stays"),
        (None, "no end", "kein Ende"),
    ]


def test_tsv_with_a_header_finds_columns_by_name(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("id\tde\ten\n1\tHaus\thouse\n2\tkurz\n3\ta\tb\tc\n")
    assert read_all(path, ["en", "de"], header=True) == [
        (None, "house", "Haus"),
        ("wrong_columns", None, None),
        ("wrong_columns", None, None),
    ]
    with pytest.raises(InputError, match="has no column 'fr'; it has id, de, en"):
        read_all(path, ["en", "fr"], header=True)


def test_tsv_single_field_is_a_column(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("a\tb\nc\n\n")
    assert read_all(path, ["text"]) == [(None, "a"), (None, "c"), (None, "")]
    assert read_all(path, ["2"]) == [(None, "b"), ("wrong_columns", None), ("empty_line", None)]


def test_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"\xef\xbb\xbfid,source,target\r\n"
        b"1,plain,schlicht\r\n"
        b'2,"a, b","he said ""no"""\n'
        b'3,"two\r\nlines","x"\r\n'
        b"4,short\n"
        b"\n"
        b'5,5" pipe,Rohr\n'
        b'6,"after"x,y\n'
        b'7,,""\n'
        b"8,\xff,x\n"
    )
    assert read_all(path, ["source", "target"]) == [
        (None, "plain", "schlicht"),
        (None, "a, b", 'he said "no"'),
        (None, "two\r\nlines", "x"),
        ("wrong_columns", None, None),
        ("empty_line", None, None),
        (None, '5" pipe', "Rohr"),
        ("malformed_csv", None, None),
        (None, "", ""),
        ("not_utf8", None, None),
    ]


def test_csv_quotation_mark_that_never_closes_costs_its_line_only(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text\n"open\n' + "line\n" * 1000)
    rows = read_all(path, ["text"])
    assert rows[0] == ("malformed_csv", None)
    assert rows[1:] == [(None, "line")] * 1000


@pytest.mark.parametrize(
    "line",
    [
        b'5","7',  # marks stripped off the ends of rows
        b'a,"b',  # never closed
        b'"',
        b'"a""',
        b'a","""b',
        b'""","""',
    ],
)
def test_csv_rows_that_hang_together_cost_time_in_proportion(tmp_path, line):
    """Each looks like the beginning of a cell that goes on through all that follow."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"source,target\n" + (line + b"\n") * 100_000)
    start = time.monotonic()
    units = registry.plan([str(path)], ["train"], 1 << 20)
    raws = []
    for unit in units:
        for batch in registry.read(unit, ["source", "target"], raw=True):
            raws += batch.column(2).to_pylist()
    assert b"".join(raws) == (line + b"\n") * 100_000
    assert time.monotonic() - start < 30  # parsed again from every line it would be hours


@pytest.mark.parametrize("cut", [1, 7, 40, 1 << 20])
def test_csv_attempts_to_close_a_cell_leave_no_trace(tmp_path, cut):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"source,target\n"
        b'"opens, never well closed\n'
        b"one,eins\n"
        b'"two\nlines",zwei\n'
        b'"opens again\n'
        b'"three",drei\n'
        b'"four\n\n\nlines","vier"\n'
        b'five,"opens at the end\n'
        b"six,sechs\n"
        b"seven,sieben"
    )
    found = []
    for unit in registry.plan([str(path)], ["train"], cut):
        for batch in registry.read(unit, ["source", "target"]):
            columns = batch.to_pydict()
            found += zip(columns["error"], columns["source"], columns["target"], strict=True)
    assert found == [
        ("malformed_csv", None, None),
        (None, "one", "eins"),
        (None, "two\nlines", "zwei"),
        ("malformed_csv", None, None),
        (None, "three", "drei"),
        (None, "four\n\n\nlines", "vier"),
        ("malformed_csv", None, None),
        (None, "six", "sechs"),
        (None, "seven", "sieben"),
    ]


def test_csv_mark_of_byte_order_within_the_file_stays_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufefftext\none\n\ufefftwo\n\ufeff"three"\n'.encode())
    for unit_bytes in (1, 100):
        found = []
        for unit in registry.plan([str(path)], ["train"], unit_bytes):
            for batch in registry.read(unit, ["text"]):
                found += batch.column(2).to_pylist()
        assert found == ["one", "\ufefftwo", '\ufeff"three"']


def test_csv_batches_are_bounded_in_bytes(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"text\n" + (b"x" * 600_000 + b"\n") * 40))
    (unit,) = registry.plan([str(path)], ["train"], 1 << 30)
    sizes = [batch.num_rows for batch in registry.read(unit, ["text"], raw=True)]
    assert sizes == [7, 7, 7, 7, 7, 5]


def test_csv_records_keep_every_byte():
    data = b'\xef\xbb\xbfa,"b\n""c"""\r\n"x\nplain\n"y" z\nend'
    found = list(delimited.csv_records(iter([data[:7], data[7:]]), "a.csv"))
    assert b"".join(raw for raw, _ in found) == data
    assert [cells for _, cells in found] == [
        [b"a", b'b\n"c"'],
        "malformed_csv",
        [b"plain"],
        "malformed_csv",
        [b"end"],
    ]


def test_a_header_is_kept_byte_for_byte(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbfid\ttext\r\n1\tx\n")
    (unit,) = registry.plan([str(tmp_path / "a.tsv")], ["translate"], 100)
    header = ["id", "text"], b"\xef\xbb\xbfid\ttext\r\n"
    assert delimited.read_header(unit) == header


def test_csv_without_the_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("english,target\na,b\n")
    with pytest.raises(InputError, match="has no column 'source'; it has english, target"):
        read_all(path, ["source", "target"])


@pytest.mark.parametrize(
    "name, header, message",
    [
        ("a.csv", "source;target", "first row is 'source;target', with semicolons between the "
         'columns, and not commas; set data.csv_delimiter: ";", which holds for all CSV files'),
        ("a.csv", "id;source, long;target", "with semicolons"),
        ("a.csv", "source|target", "with bars between the columns"),
        ("a.csv", "source\ttarget", r'with tabs .*; set data.csv_delimiter: "\\t", which holds'),
        ("a.tsv", "source|target", "with bars .*, and not tabs; write it with tabs$"),
        ("a.tsv", "source,target", "with commas between the columns, and not tabs; name it .csv$"),
        ("a.csv", "en,de;x", "has no column 'source'; it has en, de;x$"),
        ("a.csv", "source,target\ryes,ja\rno,nein\r", "lines end with CR alone, .*; convert"),
        ("a.csv", '"source","target"\r"yes","ja"\r', "lines end with CR alone, .*; convert"),
        ("a.csv", '"source";"target"', "with semicolons .*; set data.csv_delimiter: \";\", which"),
        ("a.csv", '"source"\t"target"', r'tabs .*; set data.csv_delimiter: "\\t", which holds'),
        ("a.csv", 'source;"target, the"', "with semicolons"),
        ("a.csv", '"a;b;c;d",tgt,src', "has no column 'source'; it has a;b;c;d, tgt, src$"),
        ("a.csv", 'tgt,src,"a;b;c;d"', "has no column 'source'; it has tgt, src, a;b;c;d$"),
        ("a.csv", '"two\r\nlines",src', r"has no column 'source'; it has two\\nlines, src$"),
        ("a.csv", '"source" x,target', "its first row must name the columns in UTF-8"),
        ("a.tsv", "last, first, middle\ttarget", "has no column 'source'; it has last, first, mid"),
    ],
)  # fmt: skip
def test_a_header_with_other_separators_or_line_ends(tmp_path, name, header, message):
    (tmp_path / name).write_text(f"{header}\n", newline="")
    (unit,) = registry.plan([str(tmp_path / name)], ["train"], 1 << 20)
    with pytest.raises(InputError, match=f"{name}: .*{message}"):
        registry.check_fields(unit, ["source", "target"], header=True)
    (tmp_path / "good.csv").write_text("a;b,source,target\r\n", newline="")
    (good,) = registry.plan([str(tmp_path / "good.csv")], ["train"], 1 << 20)
    registry.check_fields(good, ["source", "target"])


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_byte_order_mark_alone_is_an_empty_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf")
    (unit,) = registry.plan([str(tmp_path / name)], ["train"], 1 << 20)
    registry.check_fields(unit, ["source", "target"], header=True)
    assert read_all(tmp_path / name, ["source", "target"], header=True) == []


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_csv_with_another_delimiter(tmp_path, delimiter):
    """In units that are cut between records, with the delimiter and line ends within cells."""
    rows = [(f'{n}, "x"{delimiter} y', f"line\n{n}") for n in range(50)]
    rows += [("plain", "cells"), ("a,b", "c")]
    with open(tmp_path / "a.csv", "w", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([("source", "target"), *rows])
    with open(tmp_path / "a.csv", "a", newline="") as stream:
        stream.write(f'one\r\n"open{delimiter}x\r\n')
    planned = registry.plan([str(tmp_path / "a.csv")], ["train"], 100, csv_delimiter=delimiter)
    assert len(planned) > 5
    found = []
    for unit in planned:
        registry.check_fields(unit, ["target", "source"], csv_delimiter=delimiter)
        for batch in registry.read(unit, ["target", "source"], csv_delimiter=delimiter):
            columns = batch.to_pydict()
            found += zip(columns["error"], columns["source"], columns["target"], strict=True)
    assert found[:-2] == [(None, *row) for row in rows]
    assert [error for error, *_ in found[-2:]] == ["wrong_columns", "malformed_csv"]
