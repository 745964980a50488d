import bz2
import gzip
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from electra_model.errors import InputError
from pipelines.formats import registry

COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def rows_of(path, fields, unit_bytes=1 << 20, **options):
    """(error, field ...) of every row of a file, through all of its units."""
    found = []
    for unit in registry.plan([str(path)], ["train"], unit_bytes):
        expected_row = 0
        for batch in registry.read(unit, fields, **options):
            columns = batch.to_pydict()
            assert columns["row"] == list(range(expected_row, expected_row + batch.num_rows))
            expected_row += batch.num_rows
            names = ["error", *(["raw"] if options.get("raw") else []), *fields]
            found += zip(*(columns[name] for name in names), strict=True)
    return found


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a.tsv", ("tsv", None)),
        ("a.b.csv.gz", ("csv", "gzip")),
        ("A.JSONL.ZST", ("jsonl", "zstd")),
        ("a.ndjson.xz", ("jsonl", "xz")),
        ("a.txt.bz2", ("text", "bzip2")),
        ("gs://bucket/a.parquet", ("parquet", None)),
        ("a.tmx", ("tmx", None)),
        ("a.TMX.gz", ("tmx", "gzip")),
        ("a.xlf.xz", ("xliff", "xz")),
        ("a.xliff", ("xliff", None)),
        ("de.po.zst", ("po", "zstd")),
        ("de.mo.bz2", ("mo", "bzip2")),
    ],
)
def test_format_by_name(name, expected):
    assert registry.format_of(name) == expected


@pytest.mark.parametrize("name", ["a", "a.doc", "a.gz", "a.tsv.zip", "tsv"])
def test_unknown_names_list_what_is_known(name):
    with pytest.raises(InputError, match=r"unknown kind of file; known are \.tsv \.csv \.jsonl"):
        registry.format_of(name)


def test_unknown_names_of_pairs_list_what_can_hold_pairs():
    with pytest.raises(InputError) as caught:
        registry.plan(["a.doc"], ["train"], 1000)
    known = str(caught.value)
    assert known.startswith("a.doc: unknown kind of file; known for pairs are .tsv .csv .jsonl")
    assert "such as x.en and x.de" in known and ".tmx" in known
    assert not any(ending in known for ending in (".txt", ".html", ".md", ".warc", ".wet"))


def test_parquet_is_not_compressed_as_a_whole():
    with pytest.raises(InputError, match=r"a\.parquet\.gz: Parquet is compressed inside"):
        registry.format_of("a.parquet.gz")


@pytest.mark.parametrize("ending", COMPRESS)
def test_streams_laid_end_to_end_are_one_file(tmp_path, ending):
    path = tmp_path / f"a.txt{ending}"
    text = "".join(f"Zeile {n} ä\n" for n in range(50_000)).encode()
    path.write_bytes(COMPRESS[ending](text[:300]) + COMPRESS[ending](text[300:]))
    assert len(registry.plan([str(path)], ["x"], 1 << 30)) == 1
    # gzip members and zstd frames are units; the first one ends inside of a line.
    assert len(registry.plan([str(path)], ["x"], 10)) == (2 if ending in (".gz", ".zst") else 1)
    for unit_bytes in (10, 1 << 30):
        rows = rows_of(path, ["text"], unit_bytes, raw=True)
        assert b"".join(raw for _, raw, _ in rows) == text
        assert rows[0] == (None, "Zeile 0 ä\n".encode(), "Zeile 0 ä")


@pytest.mark.parametrize("ending", COMPRESS)
@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_cut_off_compressed_file_is_an_input_error(tmp_path, ending, keep):
    path = tmp_path / f"a.txt{ending}"
    data = COMPRESS[ending](b"".join(b"%d line\n" % n for n in range(20_000)))
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(
        InputError, match=rf"a\.txt{ending}: the .* data (ends in the middle|is dam)"
    ):
        rows_of(path, ["text"])


@pytest.mark.parametrize("ending", COMPRESS)
def test_second_stream_cut_off_or_garbage(tmp_path, ending):
    path = tmp_path / f"a.txt{ending}"
    data = COMPRESS[ending](b"hello\n" * 100)
    path.write_bytes(data + data[:-3])
    with pytest.raises(InputError, match="ends in the middle"):
        rows_of(path, ["text"])
    path.write_bytes(data + b"and something else behind it")
    with pytest.raises(InputError, match="follows the compressed data"):
        rows_of(path, ["text"])
    path.write_bytes(data + bytes(512))  # tapes pad with zero bytes
    assert len(rows_of(path, ["text"])) == 100


def test_damaged_compressed_file(tmp_path):
    path = tmp_path / "a.txt.gz"
    data = bytearray(gzip.compress(b"".join(b"%d\n" % n for n in range(9999))))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"a\.txt\.gz: the gzip data is damaged"):
        rows_of(path, ["text"])


@pytest.mark.parametrize(
    "name, content, message",
    [
        (
            "a.txt",
            gzip.compress(b"x", mtime=0),
            "its content is gzip; give its name the ending .gz",
        ),
        ("a.jsonl", lzma.compress(b"x"), "its content is xz"),
        ("a.txt.gz", b"plain text", "its name says gzip, its content is something else"),
        ("a.txt.gz", b"", "its name says gzip, its content is empty"),
        ("a.txt.xz", gzip.compress(b"x", mtime=0), "its name says xz, its content is gzip"),
        ("a.parquet", b"plain text", "cannot be read as Parquet"),
        ("a.parquet", b"", "cannot be read as Parquet"),
        ("a.tsv", "a\tb\n".encode("utf-32"), "UTF-32"),
        ("a.tsv", "a\tb\n".encode("utf-16-le"), "zero bytes"),
        ("a.txt", b"PK\x03\x04\x00\x00", "a ZIP archive"),
        (
            "a.tmx",
            gzip.compress(b"<tmx/>", mtime=0),
            "its content is gzip; give its name the ending .gz",
        ),
        ("a.mo.gz", b"\xde\x12\x04\x95\x00\x00", "its name says gzip, its content is something"),
        ("a.po.xz", b"", "its name says xz, its content is empty"),
    ],
)
def test_content_that_is_not_what_the_name_says(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: .*{message}"):
        registry.plan([str(path)], ["train"], 1 << 20)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_utf16_with_its_mark_is_read(tmp_path, codec, pack):
    path = tmp_path / ("a.tsv.gz" if pack is gzip.compress else "a.tsv")
    pairs = [(f"grün {n} 😀", f"χαλαρό {n}") for n in range(30_000)]
    text = "\ufeff" + "".join(f"{source}\t{target}\r\n" for source, target in pairs)
    path.write_bytes(pack(text.encode(codec)))
    assert rows_of(path, ["source", "target"], 1000) == [(None, *pair) for pair in pairs]


def test_half_a_character_at_the_end_of_utf16_costs_its_row(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\ntwo".encode("utf-16-le") + b"x")
    assert rows_of(path, ["text"]) == [(None, "one"), ("not_utf8", None)]


@pytest.mark.parametrize("name", ["a.tmx", "a.xlf", "a.xliff", "a.po", "a.mo"])
@pytest.mark.parametrize("ending", ["", *COMPRESS])
def test_a_catalogue_is_one_unit_whatever_its_bytes(tmp_path, name, ending):
    path = tmp_path / (name + ending)
    content = "\ufeffnot looked at yet ".encode("utf-16") * 1000
    path.write_bytes(COMPRESS[ending](content) if ending else content)
    (unit,) = registry.plan([str(path)], ["train"], 10)
    assert (unit.start, unit.stop, unit.size) == (0, -1, path.stat().st_size)
    with pytest.raises(ValueError, match="is read by language, one per field"):
        registry.read(unit, ["source", "target"])


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.csv", "a.jsonl"])
def test_empty_files_are_one_unit_without_rows(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"")
    units = registry.plan([str(path)], ["train"], 100)
    assert [(unit.start, unit.stop) for unit in units] == [(0, 0)]
    assert rows_of(path, ["text"], raw=True) == []


def test_units_are_numbered_through_all_files(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(b"0123456789\n" * 2)
    units = registry.plan(
        [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")], ["train", "valid"], 11
    )
    assert [(u.index, u.id, u.start, u.stop, u.role) for u in units] == [
        (0, "00000-00000", 0, 11, "train"),
        (1, "00000-00001", 11, 22, "train"),
        (2, "00001-00000", 0, 11, "valid"),
        (3, "00001-00001", 11, 22, "valid"),
    ]


TEXT = "\ufeffäöü 1\r\n\r\n€uro\n\n𝄞 music\r\nlast ohne Ende".encode()
JSONL = '{"text": "ä"}\r\n\n{"text": "𝄞€"}\n{"text": "x\\ud83d\\ude00"}'.encode()
CSV = 'id,text\r\n1,"a, ""b""\r\nsecond line"\r\n\r\n2,€uro\n3,"𝄞"'.encode()


@pytest.mark.parametrize(
    "name, content",
    [("a.txt", TEXT), ("a.jsonl", JSONL), ("a.csv", CSV)],
    ids=["txt", "jsonl", "csv"],
)
def test_every_cut_gives_the_same_rows(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    whole = rows_of(path, ["text"], raw=True)
    header = b"id,text\r\n" if name == "a.csv" else b""
    assert header + b"".join(raw for _, raw, _ in whole) == content
    for unit_bytes in range(1, len(content) + 2):
        assert rows_of(path, ["text"], unit_bytes, raw=True) == whole, unit_bytes


def test_missing_columns_are_known_before_the_work(tmp_path):
    (tmp_path / "a.csv").write_text("id,words\n1,x\n")
    pq.write_table(pa.table({"id": [1], "n": [{"words": "x"}]}), tmp_path / "a.parquet")
    for name, listed in (("a.csv", "id, words"), ("a.parquet", "id, n.words")):
        (unit,) = registry.plan([str(tmp_path / name)], ["train"], 100)
        with pytest.raises(InputError, match=rf"{name}: has no column 'text'; it has {listed}$"):
            registry.check_fields(unit, ["text"])


def test_parquet_column_that_is_no_text(tmp_path):
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "a.parquet")
    (unit,) = registry.plan([str(tmp_path / "a.parquet")], ["train"], 100)
    with pytest.raises(InputError, match="'text' holds int64, not text"):
        registry.check_fields(unit, ["text"])


def test_text_files_have_one_column(tmp_path):
    (tmp_path / "a.txt").write_text("x\n")
    (unit,) = registry.plan([str(tmp_path / "a.txt")], ["train"], 100)
    with pytest.raises(InputError, match="a text file has one column"):
        registry.check_fields(unit, ["source", "target"])
