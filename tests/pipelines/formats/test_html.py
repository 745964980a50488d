import gzip

import pytest

from electra_model.errors import InputError
from pipelines.formats import documents, html, registry


def rows_of(path):
    (unit,) = registry.plan([str(path)], ["monolingual:en"], 10)
    registry.check_fields(unit, ["text"])
    (batch,) = registry.read(unit, ["text"])
    assert batch.column(0).to_pylist() == [0]
    return batch.column(1)[0].as_py(), batch.column(2)[0].as_py()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("plain text", "plain text"),
        ("", ""),
        (" \n ", ""),
        ("<p>one</p><p>two", "one\ntwo"),
        ("<div>a<div>b</div>c</div>", "a\nb\nc"),
        ("<ul><li>a<li>b</ul><dl><dt>c<dd>d</dl>", "a\nb\nc\nd"),
        ("in<b>lin</b>e and <a href=x>a <i>link</i></a>.", "inline and a link."),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("one<br><br>two<br>", "one\n\ntwo"),
        ("<br>a", "a"),
        (" a \n\t b <b> c</b> <i> d </i>\r\n</p> ", "a b c d"),
        ("a\xa0 b", "a\xa0 b"),
        ("<pre>\n  a\n\n    b  \nc</pre> d", "  a\n\n    b\nc\nd"),
        ("<pre>  <b>x</b>\n  y</pre><p>z  z", "  x\n  y\nz z"),
        ("&lt;p&gt; &amp;amp; &eacute;&#8364;&#x1F600; &copy &x;", "<p> &amp; é€😀 © &x;"),
        ("<head><title>no</title></head><body>yes", "yes"),
        ("<title>no</title><meta charset=utf-8><p>yes", "yes"),
        ("a<script>if (x<b) '</p>'</script>b<style>p{}</style>c", "abc"),
        ("a<template><p>no<p>no</template>b<noscript><p>no</noscript>c", "abc"),
        ("<iframe><p>no</iframe><noembed>no</noembed><noframes><p>no</noframes>yes", "yes"),
        ("<head><script>no</script><p>yes", "yes"),
        ("<table><tr><th>a<th>b<tr><td>c<td><b>d</b></table>", "a\tb\nc\td"),
        ("<table><caption>x</caption><tr><td><p>a</p></td><td>b</table>", "x\na\nb"),
        ("<!-- no --><p>yes<?php no ?>", "yes"),
        ("a<unknown>b</unknown>c</nothing>", "abc"),
        ("<html><body>a</body></html>after", "a\nafter"),
        ("<!DOCTYPE html [<!ENTITY x 'no'>]><p>&x;", "]>\n&x;"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><p>yes', "yes"),
        ("<h1>T</h1>\n<section><article>a</article></section>\n<hr>b<h2>c</h2>", "T\na\nb\nc"),
        ("<p>" + "x" * 200_000 + "<p>ä" + "ö" * 100_000, "x" * 200_000 + "\nä" + "ö" * 100_000),
    ],
)  # fmt: skip
def test_readable_text(page, text):
    assert html.read_page(page.encode()) == (None, text)


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("é".encode(), None, "é"),
        ("\ufeffé".encode(), "windows-1252", "é"),
        ("\ufeffé".encode("utf-16-le"), None, "é"),
        ("\ufeff<meta charset=latin1>é".encode("utf-16-be"), "utf-8", "é"),
        ("é".encode("utf-16-be"), "UTF-16BE", "é"),
        ("é".encode("utf-16-le"), "utf-16", "é"),
        ("é".encode(), " UTF8 ", "é"),
        ("<meta charset='UTF-8'>é".encode(), None, "é"),
        ("<meta charset=utf-16>é".encode(), None, "é"),
        ("<meta charset=iso-8859-1>é".encode(), "utf-8", "é"),
        (b"<meta charset=iso-8859-1>e", None, "e"),
        (b"e", "us-ascii", "e"),
        ("<!-- <meta charset=x> --><meta charset=utf-8>é".encode(), None, "é"),
        ("<meta name=d content='no charset=x'>é".encode(), None, "é"),
        (b" " * 1100 + "<meta charset=x>é".encode(), None, "é"),
        ("<meta charset=iso-8859-1>é".encode("latin-1"), None, None),
        ("<meta charset=iso-8859-1>é".encode(), None, None),
        (b'<META content="text/html;charset=Shift_JIS" http-equiv=Content-Type>x', None, None),
        (b"x", "iso-2022-jp", None),
        (b"x", "gb2312", None),
        (b"\xff", None, None),
        (b"<p>\xc3", None, None),
        (b"x", "utf-16le", None),
        ("x".encode("utf-16-le"), None, None),
        ("\ufeffx".encode("utf-16-le") + b"y", None, None),
        ("x".encode("utf-32"), None, None),
    ],
)
def test_encoding(data, charset, text):
    expected = ("not_utf8", None) if text is None else (None, text)
    assert html.read_page(data, charset) == expected


def test_nesting_has_a_bound():
    assert html.read_page(b"<b>" * 990 + b"x") == (None, "x")
    assert html.read_page(b"<b>" * 1100 + b"x") == ("malformed_html", None)
    # Without the bound these end tags would take the parser minutes.
    assert html.read_page(b"<b>" * 200_000 + b"</i>" * 200_000) == ("malformed_html", None)


def test_deep_nesting_of_what_is_left_out_ends_where_it_ends():
    page = b"<template>" + b"<div>" * 50 + b"no" + b"</div>" * 50 + b"</template><p>yes"
    assert html.read_page(page) == (None, "yes")


@pytest.mark.parametrize("name", ["a.html", "a.HTM"])
def test_a_file_is_a_row(tmp_path, name):
    (tmp_path / name).write_bytes("<p>grün<p>blau".encode())
    assert rows_of(tmp_path / name) == (None, "grün\nblau")
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"<p>a") + gzip.compress(b"b"))
    assert rows_of(tmp_path / f"{name}.gz") == (None, "ab")


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"", (None, "")),
        (b"\xe4", ("not_utf8", None)),
        (gzip.compress(b"<p>x", mtime=0), ("not_utf8", None)),
        (b"PK\x03\x04\x00\x00", ("not_utf8", None)),
        (b"a\x00b", ("not_utf8", None)),
        (b"<i>" * 5000, ("malformed_html", None)),
    ],
)
def test_a_bad_page_is_a_row(tmp_path, content, row):
    (tmp_path / "a.html").write_bytes(content)
    assert rows_of(tmp_path / "a.html") == row


def test_a_page_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(html, "LARGEST", 100)
    (tmp_path / "a.html").write_bytes(b"x" * 101)
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(b"x" * 101))
    (tmp_path / "b.html").write_bytes(b"x" * 100)
    assert rows_of(tmp_path / "a.html") == ("too_large", None)
    assert rows_of(tmp_path / "a.html.gz") == ("too_large", None)
    assert rows_of(tmp_path / "b.html") == (None, "x" * 100)


def test_bounded_reading_stops_at_the_bound():
    taken = []

    def blocks():
        for _ in range(10):
            taken.append(1)
            yield b"12345"

    assert documents.join(blocks(), 12) is None and len(taken) == 3
    assert documents.join([b"12", b"3"], 3) == b"123"


def test_damaged_files_and_pairs(tmp_path):
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(b"<p>x" * 1000)[:-4])
    with pytest.raises(InputError, match="the file is cut off"):
        rows_of(tmp_path / "a.html.gz")
    (tmp_path / "b.html.gz").write_bytes(b"<p>x")
    with pytest.raises(InputError, match="its name says gzip, its content is something else"):
        rows_of(tmp_path / "b.html.gz")
    (tmp_path / "a.html").write_bytes(b"<p>x")
    (unit,) = registry.plan([str(tmp_path / "a.html")], ["train"], 10)
    with pytest.raises(InputError, match=r"a\.html: an HTML page has one column, a and b are 2"):
        registry.check_fields(unit, ["a", "b"])
