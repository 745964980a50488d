import io
import time

import polib
import pytest

from electra_model.errors import InputError
from pipelines.formats import gettext_po
from pipelines.formats.gettext_po import Message


def messages(content, charset="utf-8"):
    data = content if isinstance(content, bytes) else content.encode(charset)
    return list(gettext_po.read_po(io.BufferedReader(io.BytesIO(data)), "a.po"))


HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset={}\\n"\n\n'


@pytest.mark.parametrize(
    "content, expected",
    [
        ('msgid "a"\nmsgstr "b"', Message(None, "a", None, {0: "b"})),
        ('\ufeffmsgid "a"\r\nmsgstr "b"\r\n', Message(None, "a", None, {0: "b"})),
        ('msgid ""\n"a\\n"\n  "b"\nmsgstr ""\n\n"c"\n', Message(None, "a\nb", None, {0: "c"})),
        ('msgctxt "m"\nmsgid "a"\nmsgstr ""', Message("m", "a", None, {0: ""})),
        ('msgctxt ""\nmsgid ""\nmsgstr "b"', Message("", "", None, {0: "b"})),
        (
            '# c\n#. c\n#: f:1\n#| msgid "old"\n#, c-format, fuzzy\nmsgid "a"\nmsgstr "b"',
            Message(None, "a", None, {0: "b"}, fuzzy=True),
        ),
        ('#, no-fuzzy\nmsgid "a"\nmsgstr "b"', Message(None, "a", None, {0: "b"})),
        (
            '#~| msgid "older"\n#~ msgid "a"\n#~ msgstr "b"\n#~ "c"',
            Message(None, "a", None, {0: "bc"}, obsolete=True),
        ),
        (
            '#~ # c\n#~ #, fuzzy\n#~\n#~ msgid "a"\n#~ msgstr "b"',
            Message(None, "a", None, {0: "b"}, fuzzy=True, obsolete=True),
        ),
        (
            'msgid "a"\nmsgid_plural "as"\nmsgstr[0] "b"\nmsgstr[1] ""\n"bs"',
            Message(None, "a", "as", {0: "b", 1: "bs"}),
        ),
        (
            r'msgid "q\" b\\ t\t r\r n\n"' + '\nmsgstr "x"',
            Message(None, 'q" b\\ t\t r\r n\n', None, {0: "x"}),
        ),
        (
            r'msgid "\303\244 \xe2\x82\xac \101\q"' + '\nmsgstr ""',
            Message(None, "ä € A\\q", None, {0: ""}),
        ),
        ('msgid "a\u2028b\x85c"\nmsgstr "\x0b"', Message(None, "a\u2028b\x85c", None, {0: "\x0b"})),
    ],
)  # fmt: skip
def test_one_message(content, expected):
    assert messages(content) == [expected]


def test_messages_need_no_blank_line_between_them():
    content = (
        'msgid "a"\nmsgstr "b"\nmsgctxt "x"\nmsgid "c"\nmsgstr "d"\n'
        '#, fuzzy\nmsgid "e"\nmsgstr "f"\n#~ msgid "g"\n#~ msgstr "h"'
    )
    assert messages(content) == [
        Message(None, "a", None, {0: "b"}),
        Message("x", "c", None, {0: "d"}),
        Message(None, "e", None, {0: "f"}, fuzzy=True),
        Message(None, "g", None, {0: "h"}, obsolete=True),
    ]


def test_what_another_parser_reads():
    file = polib.POFile()
    file.metadata = {"Content-Type": "text/plain; charset=UTF-8", "Language": "de"}
    for number in range(300):
        text = f'{number} "quoted" \\ back\tslash\nsecond line ' + "long word " * (number % 40)
        file.append(
            polib.POEntry(
                msgid=text, msgstr=text.upper() if number % 3 else "", comment="a\nb",
                msgctxt="context" if number % 5 == 0 else None, obsolete=number % 7 == 0,
                flags=["fuzzy"] if number % 11 == 0 else ["c-format"], occurrences=[("a.c", "1")],
            )
        )  # fmt: skip
    found = [m for m in messages(str(file)) if not m.is_header]
    expected = [
        (e.msgctxt, e.msgid, e.msgstr, e.fuzzy and not e.obsolete, bool(e.obsolete))
        for e in polib.pofile(str(file))
    ]
    assert [
        (m.context, m.singular, m.forms[0], m.fuzzy and not m.obsolete, m.obsolete) for m in found
    ] == expected
    assert len(found) == 300


@pytest.mark.parametrize(
    "charset, codec",
    [
        ("UTF-8", "utf-8"),
        ("utf-8", "utf-8"),
        ("CHARSET", "utf-8"),
        ("ISO-8859-1", "latin-1"),
        ("iso-8859-15", "iso-8859-15"),
        ("CP1252", "cp1252"),
    ],
)
def test_charset_of_the_header(charset, codec):
    content = HEADER.format(charset) + 'msgid "a"\nmsgstr "größer"\n'
    assert messages(content, codec)[1] == Message(None, "a", None, {0: "größer"})


def test_bytes_of_a_character_that_look_like_a_backslash():
    content = HEADER.format("SHIFT_JIS") + 'msgid "table"\nmsgstr "表"\n'
    assert "表".encode("shift_jis")[1:] == b"\\"
    assert messages(content, "shift_jis")[1].forms == {0: "表"}


@pytest.mark.parametrize(
    "content, message",
    [
        ('msgid "a"\nmsgstr "größer"'.encode("latin-1"), "line 2: holds bytes that are not UTF-8"),
        (
            (HEADER.format("UTF-8") + 'msgid "a"\nmsgstr "ä"').encode("latin-1"),
            "line 5: holds bytes that are not UTF-8; name the charset in the header",
        ),
        (HEADER.format("punycode").encode(), "a.po: its header names the charset 'punycode'"),
        (HEADER.format("rot13").encode(), "names the charset 'rot13', which is none that gettext"),
        ('msgid "a"\nmsgstr "b"'.encode("utf-16"), "line 1: holds bytes that are not UTF-8"),
        (b"", "it is empty"),
        (b"/etc/passwd", 'line 1: is neither a keyword with "text" nor a comment'),
        (b'msgid "a"\nmsgstr "b', 'line 2: is neither a keyword with "text"'),
        (b'msgid "a" "b"\nmsgstr "b"', "line 1: is neither"),
        (b'msgid "a"\n', "line 1: a message without msgstr; the file is cut off, copy it again"),
        (b'msgid "a"\n\nmsgid "b"\nmsgstr "c"', "line 3: msgid cannot follow what is before it"),
        (b'msgctxt "a"\nmsgctxt "b"', "line 2: msgctxt cannot follow"),
        (b'msgid "a"\n#, fuzzy\nmsgid "b"', "line 3: msgid cannot follow"),
        (b'msgstr "b"', "line 1: msgstr cannot follow"),
        (b'msgid "a"\nmsgstr "b"\nmsgstr "c"', "line 3: msgstr cannot follow"),
        (b'msgid "a"\nmsgstr[1] "b"', "line 2: msgstr cannot follow"),
        (b'msgid "a"\nmsgstr "b"\nmsgid_plural "c"', "line 3: msgid_plural cannot follow"),
        (b'# c\n"a"', "line 2: text without a keyword before it"),
        (b'msgid "' + b"x" * 2_000_000 + b'"', "line 1: has more than 1,048,576 bytes"),
        (b"x" * 2_000_000, "line 1: has more than 1,048,576 bytes"),
        (b'msgid ""\n' + (b'"' + b"x" * 1000 + b'"\n') * 20_000, "more than 16,777,216 characters"),
    ],
    ids=range(21),
)
def test_what_is_refused(content, message):
    with pytest.raises(InputError, match=message) as caught:
        messages(content)
    assert str(caught.value).startswith("a.po: ") and "\n" not in str(caught.value)


def test_a_message_of_very_many_lines_takes_no_longer_per_line():
    start = time.monotonic()
    (message,) = messages(b'msgid ""\n' + b'"x\\n"\n' * 500_000 + b'msgstr ""\n')
    assert message.singular == "x\n" * 500_000
    assert time.monotonic() - start < 30
