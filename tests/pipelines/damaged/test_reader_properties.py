"""What holds for readers whatever the text: every row comes, once, as written, in any unit."""

import csv
import gzip
import io
import json

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import strategies

from electra_model.errors import InputError
from pipelines.formats import registry
from tests.pipelines.damaged.test_damaged_files import read_file

SETTINGS = hypothesis.settings(
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
# Any character that UTF-8 can write; those that formats are made of come often.
CHARACTERS = strategies.one_of(
    strategies.sampled_from(list("\t\n\r\",;'\\ \x00\ufeff\u2028\x85aä€😀")),
    strategies.characters(exclude_categories=["Cs"]),
)
TEXTS = strategies.text(CHARACTERS, max_size=12)
PAIRS = strategies.lists(strategies.tuples(TEXTS, TEXTS), max_size=12)
UNITS = strategies.integers(1, 200)


def texts_of(rows):
    assert all(error is None for error, *_ in rows), rows
    return [tuple(texts) for _, _, *texts in rows]


def starts_like_another_kind(data):
    """Zero bytes and marks at the beginning are taken for another encoding or format."""
    return b"\x00" in data[:4096] or data[:2] in (b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff")


@SETTINGS
@hypothesis.given(pairs=PAIRS, end=strategies.sampled_from(["\n", "\r\n"]), unit=UNITS,
                  quoting=strategies.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))  # fmt: skip
def test_csv_as_the_csv_module_writes_it(tmp_path, pairs, end, unit, quoting):
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator=end, quoting=quoting)
    writer.writerows([("source", "target"), *pairs])
    data = stream.getvalue().encode()
    hypothesis.assume(not starts_like_another_kind(data))
    # Where lines end with LF, the module writes a CR at the end of a row without marks, so that the
    # row reads as if it ended with CR LF.
    bare = end == "\n" and quoting == csv.QUOTE_MINIMAL
    hypothesis.assume(not (bare and any(target.endswith("\r") for _, target in pairs)))
    (tmp_path / "a.csv").write_bytes(data)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(data))
    for path in (tmp_path / "a.csv", tmp_path / "a.csv.gz"):
        assert texts_of(read_file(path, unit)) == pairs


@SETTINGS
@hypothesis.given(pairs=PAIRS, plain=strategies.booleans(), unit=UNITS)
def test_jsonl_as_the_json_module_writes_it(tmp_path, pairs, plain, unit):
    data = "".join(
        json.dumps({"source": source, "target": target}, ensure_ascii=plain) + "\n"
        for source, target in pairs
    ).encode()
    (tmp_path / "a.jsonl").write_bytes(data)
    rows = read_file(tmp_path / "a.jsonl", unit)
    assert texts_of(rows) == pairs
    assert b"".join(raw for _, raw, *_ in rows) == data


@SETTINGS
@hypothesis.given(pairs=PAIRS, unit=UNITS, group=strategies.integers(1, 5))
def test_parquet_as_pyarrow_writes_it(tmp_path, pairs, unit, group):
    path = tmp_path / "a.parquet"
    columns = {"source": [pair[0] for pair in pairs], "target": [pair[1] for pair in pairs]}
    pq.write_table(
        pa.table({name: pa.array(texts, pa.string()) for name, texts in columns.items()}),
        path, row_group_size=group,
    )  # fmt: skip
    assert texts_of(read_file(path, unit)) == pairs


def escape(text):
    """As corpora write what a line cannot hold."""
    for character, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, written)
    return text


@SETTINGS
@hypothesis.given(pairs=PAIRS, unit=UNITS, end=strategies.sampled_from(["\n", "\r\n"]))
def test_tsv_with_escapes(tmp_path, pairs, unit, end):
    pairs = [(escape(source), escape(target)) for source, target in pairs]
    data = "".join(f"{source}\t{target}{end}" for source, target in pairs).encode()
    hypothesis.assume(not starts_like_another_kind(data) and not data.startswith(b"\xef\xbb\xbf"))
    (tmp_path / "a.tsv").write_bytes(data)
    assert texts_of(read_file(tmp_path / "a.tsv", unit)) == pairs


@SETTINGS
@hypothesis.given(data=strategies.binary(max_size=300), unit=UNITS)
@pytest.mark.parametrize("name", ["a.tsv", "a.jsonl", "a.txt", "a.csv", "a.parquet", "a.txt.gz"])
def test_any_bytes_are_an_input_error_or_rows(tmp_path, name, data, unit):
    path = tmp_path / name
    path.write_bytes(data)
    found = []
    for unit_bytes in (unit, 1 << 20):
        try:
            found.append(read_file(path, unit_bytes))
        except InputError:
            found.append(None)
    assert found[0] == found[1]
    if found[0] is not None and name in ("a.tsv", "a.jsonl", "a.txt") and data[:1] < b"\xfe":
        assert b"".join(raw for _, raw, *_ in found[0]) == data


# Lines of much that CSV is made of.
CSV_BYTES = strategies.lists(
    strategies.sampled_from(
        [b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"a", b"\xff", b"\xef\xbb\xbf"]
    ),
    max_size=40,
).map(b"".join)


@SETTINGS
@hypothesis.given(body=CSV_BYTES, unit=UNITS)
def test_csv_of_any_shape_keeps_every_byte_in_any_unit(tmp_path, body, unit):
    path = tmp_path / "a.csv"
    path.write_bytes(b"source,target\n" + body)
    rows = read_file(path, unit)
    assert rows == read_file(path, 1 << 20)
    assert b"".join(raw for _, raw, *_ in rows) == body
    for error, raw, *_ in rows:
        assert error != "malformed_csv" or raw.count(b"\n") <= 1  # it costs its own line only


@SETTINGS
@hypothesis.given(
    data=strategies.lists(strategies.sampled_from([b"\n", b"a", b"\r\n", b"bc"])).map(b"".join),
    cuts=strategies.lists(strategies.integers(0, 60), max_size=8),
    unit=UNITS,
)
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_streams_cut_anywhere_give_the_rows_of_the_whole(tmp_path, ending, data, cuts, unit):
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    compress = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[ending]
    pieces = [data[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / f"a.txt{ending}").write_bytes(b"".join(compress(piece) for piece in pieces))
    assert read_file(tmp_path / f"a.txt{ending}", unit) == read_file(tmp_path / "a.txt", 1 << 20)


@SETTINGS
@hypothesis.given(texts=strategies.lists(TEXTS, max_size=8), unit=UNITS,
                  codec=strategies.sampled_from(["utf-16-le", "utf-16-be"]))  # fmt: skip
def test_utf16_is_read_as_its_utf8(tmp_path, texts, unit, codec):
    text = "\n".join(texts)
    hypothesis.assume(not text.startswith("\x00"))  # with the mark of UTF-16 that is UTF-32's
    (tmp_path / "a.txt").write_bytes(("\ufeff" + text).encode(codec))
    lines = text.split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    found = texts_of(read_file(tmp_path / "a.txt", unit))
    assert found == [(line.removesuffix("\r"),) for line in lines]


def test_the_registry_reads_what_it_plans():
    assert set(registry.LINE_FORMATS) == {"tsv", "csv", "jsonl", "text"}
