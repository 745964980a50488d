import gzip
import io
import zlib

import pytest
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from electra_model.errors import InputError
from pipelines.formats import documents, html, registry, warc


def record(kind, content, content_type="text/plain", version="WARC/1.0"):
    """A record byte for byte."""
    header = f"{version}\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://x.y/\r\n"
    if content_type:
        header += f"Content-Type: {content_type}\r\n"
    return header.encode() + b"Content-Length: %d\r\n\r\n%b\r\n\r\n" % (len(content), content)


def response(body, *headers, content_type="text/html; charset=utf-8", status="HTTP/1.1 200 OK"):
    lines = [status, *([f"Content-Type: {content_type}"] if content_type else []), *headers]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return record("response", head + body, "application/http; msgtype=response")


def plan(path, unit_bytes=1 << 20):
    return registry.plan([str(path)], ["monolingual:en"], unit_bytes)


def rows_of(units):
    found = []
    for unit in units:
        registry.check_fields(unit, ["text"])
        first = 0
        for batch in registry.read(unit, ["text"]):
            rows, errors, texts = (column.to_pylist() for column in batch.columns)
            assert rows == list(range(first, first + len(rows)))
            first += len(rows)
            found += zip(errors, texts, strict=True)
    return found


RECORDS = [
    (record("warcinfo", b"software: x\r\n", "application/warc-fields"), ("not_a_document", None)),
    (record("request", b"GET / HTTP/1.1\r\n\r\n", "application/http"), ("not_a_document", None)),
    (response("<p>grün<p>blau".encode()), (None, "grün\nblau")),
    (response(b"GIF89a\x00WARC/1.0\r\n\r\n", content_type="image/gif"), ("not_a_document", None)),
    (response("<p>é".encode("latin-1"), content_type="text/html"), ("not_utf8", None)),
    (record("metadata", b"", None), ("not_a_document", None)),
    (record("conversion", "erste\nzweite ä\n".encode()), (None, "erste\nzweite ä\n")),
    (record("conversion", b"\xff"), ("not_utf8", None)),
    (record("conversion", b"\x89PNG", "image/png"), ("not_a_document", None)),
    (record("conversion", b"", None), (None, "")),
    (response(b""), (None, "")),
    (response(b"<i>" * 5000), ("malformed_html", None)),
    (response(b"<p>x", content_type="application/xhtml+xml"), (None, "x")),
    (response(b"x", content_type="text/plain"), ("not_a_document", None)),
    (response(b"x", content_type=None), ("not_a_document", None)),
    (record("response", b"", "application/http"), ("unreadable_http", None)),
    (record("response", b"no HTTP\r\n\r\n", "application/http"), ("unreadable_http", None)),
    (record("response", b"1.2.3.4", "text/dns"), ("not_a_document", None)),
    (record("resource", b"<p>x", "text/html", "WARC/1.1"), ("not_a_document", None)),
    (record("unheard-of", b"x"), ("not_a_document", None)),
]
ARCHIVE = b"".join(stored for stored, _ in RECORDS)
ROWS = [row for _, row in RECORDS]
BY_RECORD = b"".join(gzip.compress(stored) for stored, _ in RECORDS)


def test_records_are_rows(tmp_path):
    (tmp_path / "a.warc").write_bytes(ARCHIVE)
    assert rows_of(plan(tmp_path / "a.warc", 1)) == ROWS
    assert len(plan(tmp_path / "a.warc", 1)) == 1


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc.wet.gz", "a.wet.gz"])
def test_members_are_units(tmp_path, name):
    (tmp_path / name).write_bytes(BY_RECORD)
    assert len(plan(tmp_path / name, 1)) == len(RECORDS)
    for unit_bytes in (1, 1000, 3000, 1 << 20):
        assert rows_of(plan(tmp_path / name, unit_bytes)) == ROWS, unit_bytes
    assert [unit.size for unit in plan(tmp_path / name, 1 << 20)] == [len(BY_RECORD)]


def test_members_that_are_no_records_are_not_cut_apart(tmp_path):
    path = tmp_path / "a.warc.gz"
    for length in (1, 7, 100, 1000, len(ARCHIVE)):
        parts = [ARCHIVE[start : start + length] for start in range(0, len(ARCHIVE), length)]
        path.write_bytes(b"".join(map(gzip.compress, parts)))
        assert rows_of(plan(path, 1)) == ROWS, length


def test_zstd(tmp_path):
    packed = b"".join(zstandard.ZstdCompressor().compress(stored) for stored, _ in RECORDS)
    (tmp_path / "a.warc.zst").write_bytes(packed)
    assert rows_of(plan(tmp_path / "a.warc.zst", 1)) == ROWS


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the writer leaves files to the collector
def test_archives_of_warcio(tmp_path):
    with open(tmp_path / "a.warc.gz", "wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        writer.write_record(writer.create_warcinfo_record("a.warc.gz", {"software": "x"}))
        for number in range(300):
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], "HTTP/1.1")
            page = f"<title>no</title><h1>Page {number}</h1>".encode()
            writer.write_record(
                writer.create_warc_record(
                    f"http://x.y/{number}", "response", io.BytesIO(page), http_headers=headers
                )
            )
    expected = [("not_a_document", None), *((None, f"Page {n}") for n in range(300))]
    assert len(plan(tmp_path / "a.warc.gz", 4000)) > 10
    for unit_bytes in (4000, 1 << 20):
        assert rows_of(plan(tmp_path / "a.warc.gz", unit_bytes)) == expected


PAGE = "<p>ä sentence, and another".encode()
TEXT = "ä sentence, and another"
CHUNKED = b"5\r\n" + PAGE[:5] + b"\r\n%x;x=y\r\n" % len(PAGE[5:]) + PAGE[5:] + b"\r\n0\r\n\r\n"
ZIPPED = gzip.compress(PAGE, mtime=0)
BARE = zlib.compressobj(wbits=-15)
RAW_DEFLATE = BARE.compress(PAGE) + BARE.flush()


def chunked(body):
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize(
    ("body", "headers", "row"),
    [
        (CHUNKED, ["Transfer-Encoding: chunked"], (None, TEXT)),
        (PAGE, ["transfer-encoding: Chunked"], (None, TEXT)),
        (ZIPPED, ["Content-Encoding: gzip"], (None, TEXT)),
        (gzip.compress(PAGE[:9], mtime=0) + gzip.compress(PAGE[9:], mtime=0),
         ["Content-Encoding: x-gzip"], (None, TEXT)),
        (chunked(ZIPPED), ["Content-Encoding: GZIP", "Transfer-Encoding: chunked"], (None, TEXT)),
        (zlib.compress(PAGE), ["Content-Encoding: deflate"], (None, TEXT)),
        (RAW_DEFLATE, ["Content-Encoding: deflate"], (None, TEXT)),
        (PAGE, ["Content-Encoding: gzip"], (None, TEXT)),
        (PAGE, ["Content-Encoding: identity"], (None, TEXT)),
        (b"", ["Content-Encoding: gzip"], (None, "")),
        (PAGE, ["Content-Encoding: br"], ("unreadable_http", None)),
        (ZIPPED[:-8] + bytes(8), ["Content-Encoding: gzip"], ("unreadable_http", None)),
        (PAGE, ["X: " + "y" * (1 << 20)], ("unreadable_http", None)),
    ],
)  # fmt: skip
def test_http(tmp_path, body, headers, row):
    after = record("conversion", b"next")
    (tmp_path / "a.warc").write_bytes(response(body, *headers) + after)
    assert rows_of(plan(tmp_path / "a.warc")) == [row, (None, "next")]


def test_the_charset_of_the_http_header(tmp_path):
    page = "<meta charset=utf-8>é".encode("utf-16-le")
    (tmp_path / "a.warc").write_bytes(
        response(page, content_type='TEXT/HTML ;Charset="UTF-16LE"')
        + response("é".encode(), content_type="text/html; charset=Windows-1252")
    )
    assert rows_of(plan(tmp_path / "a.warc")) == [(None, "é"), ("not_utf8", None)]


def test_what_is_too_large_costs_its_row(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "LARGEST", 3000)
    monkeypatch.setattr(html, "LARGEST", 2000)
    bomb = gzip.compress(b"x" * 5_000_000, 9)[:2800]
    (tmp_path / "a.warc").write_bytes(
        record("conversion", b"a" * 3000)
        + record("conversion", b"a" * 3001)
        + response(b"b" * 2000)
        + response(b"b" * 2001)
        + response(bomb, "Content-Encoding: gzip")
        + record("conversion", b"next")
    )
    assert rows_of(plan(tmp_path / "a.warc")) == [
        (None, "a" * 3000), ("too_large", None), (None, "b" * 2000), ("too_large", None),
        ("too_large", None), (None, "next"),
    ]  # fmt: skip


def test_a_file_that_is_cut_off(tmp_path):
    path = tmp_path / "a.warc"
    some = [stored for stored, _ in RECORDS[:8]]
    whole = [len(b"".join(some[:n])) for n in range(len(some) + 1)]
    for end in range(1, whole[-1]):
        path.write_bytes(b"".join(some)[:end])
        # A record is complete without the two line ends behind it.
        complete = [n for n, stop in enumerate(whole) if n and end in (stop - 4, stop - 2, stop)]
        if complete:
            assert rows_of(plan(path)) == ROWS[: complete[0]], end
        else:
            with pytest.raises(InputError, match=r"a\.warc: "):
                rows_of(plan(path))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(BY_RECORD[:-5])
    with pytest.raises(InputError, match="the gzip data ends in the middle"):
        rows_of(plan(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "its content is not WARC: it begins with b'<html>'"),
        (gzip.compress(ARCHIVE), "its content is gzip; give its name the ending .gz"),
        (ARCHIVE + b"something else", "WARC record 21 begins with b'something else'"),
        (b"WARC/1.0\r\nWARC-Type: conversion\r\n\r\nx", "record 1: .*no Content-Length"),
        (ARCHIVE.replace(b"Content-Length: 1\r", b"Content-Length: -1\r"), "no Content-Length"),
        (b"WARC/1.0\r\nX: " + b"y" * (1 << 21), "record 1: its header is damaged"),
        (b"WARC/1.0\r\n" + b"X: y\r\n" * (1 << 18), "record 1: its header is damaged"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    (tmp_path / "a.warc").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.warc: {message}|a\.warc: WARC .*{message}"):
        rows_of(plan(tmp_path / "a.warc"))


def test_an_empty_archive(tmp_path):
    (tmp_path / "a.warc").write_bytes(b"")
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(b""))
    for name in ("a.warc", "a.warc.gz"):
        assert rows_of(plan(tmp_path / name)) == []
    assert list(warc.read(plan(tmp_path / "a.warc")[0], ["text"])) == []
