"""What must not be let through, with TMX and XLIFF as the formats around it."""

import subprocess
import sys
import time

import pytest

from electra_model.errors import InputError
from tests.pipelines.formats.catalogue_files import rows_of, write

TU = '<tu><tuv xml:lang="en"><seg>one</seg></tuv><tuv xml:lang="de"><seg>eins ä</seg></tuv></tu>'
BODY = f"<tmx><header/><body>{TU}</body></tmx>"
ROW = (None, "one", "eins ä")

LAUGHS = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
ENTITY = "declares an entity, which could expand without bound or read other files"


def with_segment(text):
    return f'<tmx><body><tu><tuv xml:lang="en"><seg>{text}</seg></tuv></tu></body></tmx>'


@pytest.mark.parametrize(
    "content, message",
    [
        (f'<!DOCTYPE tmx [<!ENTITY e0 "ha">{LAUGHS}]>' + with_segment("&e9;"), ENTITY),
        (
            '<!DOCTYPE tmx [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + with_segment("&x;"),
            ENTITY,
        ),
        ('<!DOCTYPE tmx [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><tmx/>', ENTITY),
        (
            '<!DOCTYPE tmx [<!NOTATION n SYSTEM "n"><!ENTITY x SYSTEM "x" NDATA n>]><tmx/>',
            ENTITY,
        ),
        ('<!DOCTYPE tmx SYSTEM "tmx14.dtd">' + with_segment("a&nbsp;b"), "such as &#160; for"),
        (
            with_segment("a&nbsp;b"),
            r"undefined entity\); XML has no entities but .* such as &#160; for &nbsp;$",
        ),
        (f'<!DOCTYPE tmx [<!ATTLIST tu x CDATA "{"y" * 99}">]>{BODY}', "default of an attribute"),
        ("<tmx>" + "<a>" * 200 + "</a>" * 200 + "</tmx>", "nested more than 100 deep"),
        (with_segment("<hi>" * 200 + "</hi>" * 200), "nested more than 100 deep"),
        ("<tmx>" + "<a>" * 1_000_000, "nested more than 100 deep"),
        ("<html><body><p>Hello</body></html>", "the root element is 'html', but TMX has"),
        ("<xliff/>", "the root element is 'xliff', but TMX has the root element tmx"),
        ("<!DOCTYPE html>\n<html lang=en><br></html>", "line 2, column 12: cannot be read as XML"),
        ("Hello", "line 1, column 1: cannot be read as XML .*root element tmx, export it again"),
        (bytes(64), "line 1, column 1: cannot be read as XML"),
        ("", "a.tmx: is empty; TMX has the root element tmx"),
        (f"<tmx><body>\n{TU}\n<tu><tuv", "line 3, column 5: .*unclosed token.*cut off or damaged"),
        (f"<tmx><body>\n{TU}", "line 2, column .*no element found.*cut off or damaged"),
        (f"<tmx><body>\n{TU}<tu></body></tmx>", "line 2, column .*mismatched tag"),
        (f"{BODY}\n<tmx/>", "line 2, column 1: .*junk after document element"),
        (BODY.encode("latin-1"), "line 1, column .*not well-formed"),
        (f"<tmx><!--{'x' * 3_000_000}--></tmx>", "a tag or a comment has more than 1,048,576"),
        (f'<tmx><body x="{"x" * 3_000_000}"/></tmx>', "a tag or a comment has more than"),
        (f"<tmx><?{'x' * 3_000_000}?></tmx>", "a tag or a comment has more than"),
        ("<!-- x -->" * 200_000 + BODY, "the first 1,048,576 bytes hold no element"),
        (f"<!DOCTYPE tmx [{'<!ELEMENT a ANY>' * 90_000}]>{BODY}", "bytes hold no element"),
        (with_segment("x" * 20_000_000), "a record of more than 16,777,216 characters"),
        ("<tmx><body><tu>" + "<tuv/>" * 300_000, "a record of more than 16,777,216"),
        ("<tmx>" + "".join(f"<a{n}/>" for n in range(30_000)), "10,000 different names"),
        (f'<tmx xmlns="{"u" * 5000}">' + "<a/>" * 9, "namespace has more than 1,000"),
        ('<?xml version="1.0" encoding="GB2312"?>' + BODY, "encoding cannot be read.*to UTF-8"),
        ('<?xml version="1.0" encoding="rot13"?>' + BODY, "encoding cannot be read"),
        ('<?xml version="1.0" encoding="nonsense"?>' + BODY, "encoding cannot be read"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "bytes",
)
def test_what_is_refused_at_once(tmp_path, content, message):
    path = write(tmp_path / "a.tmx", content)
    start = time.monotonic()
    with pytest.raises(InputError, match=message) as caught:
        rows_of(path, "en", "de")
    assert time.monotonic() - start < 10
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_no_entity_reads_a_file(tmp_path):
    secret = write(tmp_path / "secret.txt", "very secret")
    content = f'<!DOCTYPE tmx [<!ENTITY x SYSTEM "{secret.as_uri()}">]>' + with_segment("&x;")
    with pytest.raises(InputError) as caught:
        rows_of(write(tmp_path / "a.tmx", content), "en")
    assert "very secret" not in str(caught.value)


def test_a_named_document_type_is_not_read(tmp_path):
    dtd = write(tmp_path / "my.dtd", '<!ENTITY word "from the file">')
    for doctype in (
        '<!DOCTYPE tmx SYSTEM "tmx14.dtd">',
        f'<!DOCTYPE tmx SYSTEM "{dtd.as_uri()}">',
        '<!DOCTYPE tmx PUBLIC "-//LISA OSCAR:1998//DTD for TMX//EN" "http://127.0.0.1:9/t.dtd">',
        '<!DOCTYPE tmx SYSTEM "tmx14.dtd" [ <!-- nothing --> ]>',
    ):
        assert rows_of(write(tmp_path / "a.tmx", doctype + BODY), "en", "de") == [ROW]
    content = f'<!DOCTYPE tmx SYSTEM "{dtd.as_uri()}">' + with_segment("&word;")
    with pytest.raises(InputError, match="undefined entity &word;"):
        rows_of(write(tmp_path / "a.tmx", content), "en")


@pytest.mark.parametrize(
    "declared, codec, mark",
    [
        ("", "utf-8", ""),
        ("", "utf-8", "\ufeff"),
        ("", "utf-16-le", "\ufeff"),
        ("UTF-16", "utf-16-be", "\ufeff"),
        ("UTF-16", "utf-16-le", ""),
        ("ISO-8859-1", "latin-1", ""),
        ("windows-1252", "cp1252", ""),
    ],
)
def test_encodings_are_those_that_xml_declares(tmp_path, declared, codec, mark):
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    path = write(tmp_path / "a.tmx", (mark + declaration + BODY).encode(codec))
    assert rows_of(path, "en", "de") == [ROW]


def test_large_text_outside_of_records_is_passed_over(tmp_path):
    content = f"<tmx><header>{'x' * 20_000_000}</header><body>{TU}</body></tmx>"
    assert rows_of(write(tmp_path / "a.tmx", content), "en", "de") == [ROW]


READER = """
import resource, sys
from pipelines.formats import registry
(unit,) = registry.plan([sys.argv[1]], ["train"], 1 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = 0
for batch in registry.read(unit, ["source", "target"], languages=["en", "de"]):
    count += batch.num_rows
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.tmx", "a.xlf"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    path, count = tmp_path / name, 0
    with open(path, "w") as stream:
        if name == "a.tmx":
            stream.write('<tmx version="1.4"><header/><body>\n')
            record = (
                '<tu tuid="{0}"><prop type="x">y</prop><tuv xml:lang="en"><seg>The sentence {0} '
                'says <hi>a thing</hi>.</seg></tuv><tuv xml:lang="de"><seg>Der Satz {0} sagt '
                "etwas.</seg></tuv></tu>\n"
            )
            end = "</body></tmx>"
        else:
            stream.write(
                '<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">'
                '<file source-language="en" target-language="de"><body>'
            )
            record = (
                '<trans-unit id="{0}"><source>The sentence {0} says <g id="1">a thing</g>.</source>'
                "<target>Der Satz {0} sagt etwas.</target><note>Some note</note></trans-unit>\n"
            )
            end = "</body></file></xliff>"
        while stream.tell() < 50_000_000:
            stream.write("".join(record.format(n) for n in range(count, count + 5000)))
            count += 5000
        stream.write(end)
    run = subprocess.run(
        [sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True
    )
    rows, grown_megabytes = map(int, run.stdout.split())
    assert rows == count > 200_000
    # A batch holds some 4 MB of text, as Python objects at first.
    assert grown_megabytes < 60
