import io
import struct

import polib
import pytest

from electra_model.errors import InputError
from pipelines.formats import gettext_mo
from pipelines.formats.gettext_po import Message


def messages(data):
    return list(gettext_mo.read_mo(io.BufferedReader(io.BytesIO(data)), "a.mo"))


def compiled(pairs, order="<", codec="utf-8", revision=0):
    """An MO file, put together by its specification. Text is encoded."""
    pairs = [[side.encode(codec) for side in pair] for pair in pairs]
    tables, texts = [b"", b""], b""
    start = 28 + 16 * len(pairs)
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack(f"{order}2I", len(pair[side]), start + len(texts))
            texts += pair[side] + b"\0"
    head = struct.pack(
        f"{order}7I", 0x950412DE, revision, len(pairs), 28, 28 + 8 * len(pairs), 0, 0
    )
    return head + tables[0] + tables[1] + texts


HEADER = ("", "Content-Type: text/plain; charset={}\n")
PAIRS = [
    ("", "Content-Type: text/plain; charset=UTF-8\n"),
    ("%d file\0%d files", "%d Datei\0%d Dateien"),
    ("green", "grün"),
    ("month\x04May", "Mai"),
    ("x", ""),
]


@pytest.mark.parametrize("order", "<>")
def test_both_byte_orders(order):
    data = compiled(PAIRS, order)
    assert data[:4] == (b"\xde\x12\x04\x95" if order == "<" else b"\x95\x04\x12\xde")
    assert messages(data) == [
        Message(None, "", None, {0: "Content-Type: text/plain; charset=UTF-8\n"}),
        Message(None, "%d file", "%d files", {0: "%d Datei", 1: "%d Dateien"}),
        Message(None, "green", None, {0: "grün"}),
        Message("month", "May", None, {0: "Mai"}),
        Message(None, "x", None, {0: ""}),
    ]


def test_what_another_compiler_writes():
    file = polib.POFile()
    file.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    for number in range(200):
        file.append(polib.POEntry(msgid=f"text {number:03}\n", msgstr=f"Täxt {number}"))
    found = messages(file.to_binary())
    assert [(m.singular, m.forms[0]) for m in found if not m.is_header] == [
        (f"text {number:03}\n", f"Täxt {number}") for number in range(200)
    ]


def test_charset_of_the_header():
    pairs = [("", "Content-Type: text/plain; charset=ISO-8859-1\n"), ("green", "grün")]
    assert messages(compiled(pairs, codec="latin-1"))[1].forms == {0: "grün"}
    assert messages(compiled(pairs[1:]))[0].forms == {0: "grün"}
    with pytest.raises(InputError, match="a.mo: holds bytes that are not UTF-8"):
        messages(compiled(pairs[1:], codec="latin-1"))
    with pytest.raises(InputError, match="a.mo: its header names the charset 'rot13'"):
        messages(compiled([("", "Content-Type: text/plain; charset=rot13\n")]))


@pytest.mark.parametrize("order", "<>")
def test_strings_that_depend_on_the_system(order):
    """Revision 0.1, as `msgfmt` writes `%<PRIuMAX>`."""

    def numbers(*values):
        return struct.pack(f"{order}{len(values)}I", *values)

    # 48 bytes of header; one segment's name; two strings in two pieces each.
    text = b"PRIuMAX\0" + b"%" + b" bytes\0" + b"etwa %" + b" Bytes\0"
    at = 48 + 8 + 4 + 4 + 20 + 20
    data = numbers(0x950412DE, 1, 0, 48, 48, 0, 0, 1, 48, 1, 56, 60)
    data += numbers(8, at)
    data += numbers(64) + numbers(84)
    data += numbers(at + 8, 1, 0, 7, 0xFFFFFFFF)
    data += numbers(at + 16, 6, 0, 7, 0xFFFFFFFF)
    assert len(data) == at
    assert messages(data + text) == [
        Message(None, "%<PRIuMAX> bytes", None, {0: "etwa %<PRIuMAX> Bytes"})
    ]
    with pytest.raises(InputError, match="has a part that is not there"):
        messages(data.replace(numbers(7, 0xFFFFFFFF), numbers(7, 5)) + text)
    endless = data.replace(numbers(7, 0xFFFFFFFF), numbers(0, 0)) + numbers(0, 0) * 100
    with pytest.raises(InputError, match="not a gettext catalogue"):
        messages(endless)


GOOD = compiled(PAIRS)


def with_number(place, value):
    return GOOD[:place] + struct.pack("<I", value) + GOOD[place + 4 :]


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "it does not begin as MO files do"),
        (b"no catalogue", "it does not begin as MO files do"),
        (GOOD[:4], "it ends too soon"),
        (GOOD[:28], "it says that it has 5 strings, more than it has room for"),
        (GOOD[:-20], "a string reaches beyond its end"),
        (with_number(4, 2 << 16), "its revision is 2, known are 0 and 1"),
        (
            with_number(8, 0xFFFFFFFF),
            "it says that it has 4,294,967,295 strings, more than it has room for",
        ),
        (with_number(12, 0xFFFFFFF0), "it says that it has 5 strings, more than it has room for"),
        (with_number(28, 0xFFFFFFFF), "a string reaches beyond its end"),
        (with_number(32, 0xFFFFFFFF), "a string reaches beyond its end"),
    ],
)
def test_what_is_refused(data, message):
    with pytest.raises(InputError, match=f"^a.mo: not a gettext catalogue: ({message})"):
        messages(data)


def test_strings_that_overlap_do_not_multiply_the_file():
    count = 100_000
    header = b"Content-Type: text/plain; charset=ISO-8859-1\n"
    sources = struct.pack("<2I", 0, 0) + struct.pack("<2I", 10_000, 28) * (count - 1)
    targets = struct.pack("<2I", len(header), 28 + 16 * count) + struct.pack("<2I", 0, 0) * (
        count - 1
    )
    data = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    with pytest.raises(InputError, match="its strings overlap"):
        messages(data + sources + targets + header)
