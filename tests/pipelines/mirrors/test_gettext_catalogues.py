import shutil
import subprocess

import polib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_model.errors import InputError
from pipelines.formats import gettext_po
from pipelines.mirrors import gettext_catalogues
from tests.pipelines.mirrors import documents
from tests.pipelines.mirrors.taking_apart import same, shown, taken, translated


def catalogue(body, plural="nplurals=2; plural=(n != 1);", language="de"):
    return (
        'msgid ""\nmsgstr ""\n"Project-Id-Version: a\\n"\n"PO-Revision-Date: b\\n"\n'
        '"Last-Translator: c\\n"\n"Language-Team: d\\n"\n"MIME-Version: 1.0\\n"\n'
        f'"Language: {language}\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
        f'"Content-Transfer-Encoding: 8bit\\n"\n"Plural-Forms: {plural}\\n"\n\n{body}'
    ).encode()


def entry_lines(body, translate=str.upper, **header):
    made = translated("a.po", catalogue(body, **header), translate).decode()
    return made.removeprefix(catalogue("", **header).decode()).splitlines()


PLURAL = 'msgid "a file"\nmsgid_plural "files"\nmsgstr[0] ""\nmsgstr[1] ""\n'


@pytest.mark.parametrize(
    ("plural", "forms"),
    [
        ("nplurals=2; plural=(n != 1);", ["A FILE", "FILES"]),
        ("nplurals=1; plural=0;", ["FILES", "FILES"]),
        (
            "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 "
            "|| n%100>=20) ? 1 : 2);",
            ["A FILE", "FILES", "FILES"],
        ),
        ("nplurals=2; plural=(n == 1 ? 1 : 0);", ["FILES", "A FILE"]),
        ("", ["A FILE", "FILES"]),
    ],
)
def test_plural_forms(plural, forms):
    lines = entry_lines(PLURAL, plural=plural)
    assert lines[2:] == [f'msgstr[{index}] "{form}"' for index, form in enumerate(forms)]


def test_plural_forms_in_another_order():
    body = 'msgid "a"\nmsgid_plural "b"\nmsgstr[1] ""\nmsgstr[0] ""\n'
    assert entry_lines(body)[2:] == ['msgstr[1] "B"', 'msgstr[0] "A"']


def test_what_stays():
    body = (
        '#, fuzzy\nmsgid "a"\nmsgstr "b"\n\n'
        'msgid "c"\nmsgid_plural "d"\nmsgstr[0] "e"\nmsgstr[1] ""\n\n'
        '#~ msgid "f"\n#~ msgstr ""\n'
    )
    assert shown("a.po", catalogue(body)) == ["d"]
    assert entry_lines(body) == body.replace('msgstr[1] ""', 'msgstr[1] "D"').splitlines()


def test_an_empty_entry_keeps_its_mark():
    assert entry_lines('#, fuzzy, c-format\nmsgid "a"\nmsgstr ""\n') == [
        "#, fuzzy, c-format", 'msgid "a"', 'msgstr "A"',
    ]  # fmt: skip


def test_contexts_and_empty_lines_within():
    body = 'msgctxt "a"\nmsgid ""\n"one\\n"\n"\\n"\n"two"\nmsgstr ""'
    assert shown("a.po", catalogue(body)) == ["one", "two"]
    assert entry_lines(body)[-4:] == ['msgstr ""', '"ONE\\n"', '"\\n"', '"TWO"']


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a", ['msgstr "a"']),
        ('a\\b"\t\r', ['msgstr "a\\\\b\\"\\t\\r"']),
        ("a\n", ['msgstr "a\\n"']),
        ("a\nb", ['msgstr ""', '"a\\n"', '"b"']),
        ("x" * 70, [f'msgstr "{"x" * 70}"']),
        ("x" * 71, ['msgstr ""', f'"{"x" * 71}"']),
        ("word " * 16 + "end", ['msgstr ""', '"' + "word " * 15 + '"', '"word end"']),
        ("字" * 50, ['msgstr ""', '"' + "字" * 38 + '"', '"' + "字" * 12 + '"']),
    ],
)
def test_lines_are_wrapped_as_gettext_does(text, lines):
    assert gettext_catalogues.written("msgstr", text) == lines


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200))
def test_whatever_is_written_reads_the_same(text):
    lines = gettext_catalogues.written("msgstr", text)
    matches = [gettext_po.LINE.fullmatch(line) for line in lines]
    assert "".join(gettext_po.unescaped(match[3]) for match in matches if match) == text


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="gettext is not installed")
@pytest.mark.parametrize("translate", [same, str.upper])
def test_msgfmt_takes_it(tmp_path, translate):
    long = "word " * 40
    body = (
        f'msgid "{long}"\nmsgstr ""\n\nmsgid "One line\\n"\nmsgstr ""\n\n{PLURAL}\n'
        'msgid "\\"a\\" \\\\ \\t b"\nmsgstr ""\n'
    )
    path = tmp_path / "a.po"
    path.write_bytes(translated("a.po", catalogue(body), translate))
    subprocess.run(["msgfmt", "-c", "-o", "/dev/null", str(path)], check=True)
    printed = subprocess.run(
        ["msgcat", str(path)], check=True, capture_output=True, env={"LC_ALL": "C.UTF-8"}
    ).stdout
    # All but the first entry's source, which is one line here, is wrapped as gettext wraps it.
    head = f'msgid "{long}"\n'.encode()
    assert printed.split(b"msgstr", 2)[2] == path.read_bytes().split(b"msgstr", 2)[2], head


def test_polib_reads_it(tmp_path):
    path = tmp_path / "a.po"
    path.write_bytes(translated("a.po", documents.PO.encode()))
    found = polib.pofile(str(path))
    assert found.untranslated_entries() == []
    assert [entry.msgid for entry in found.fuzzy_entries()] == ["Guess"]
    assert found.find("Open file").msgstr == "OPEN FILE"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'msgid "a"\nmsgstr "\n', "not a gettext catalogue: line 2: is neither"),
        (b'msgid "a"\n', "not a gettext catalogue: line 1: a message without msgstr"),
        (
            catalogue("").replace(b"UTF-8", b"ISO-8859-1"),
            "its header names the charset ISO-8859-1.*msgconv --to-code=UTF-8",
        ),
        (catalogue("", language="fr"), "its header says Language: fr, and the model.* to de"),
    ],
)
def test_what_is_wrong_is_told(data, message):
    with pytest.raises(InputError, match=f"a.po: {message}"):
        taken("a.po", data)


def test_a_file_without_a_last_line_end():
    body = 'msgid "a"\nmsgid_plural "b"\nmsgstr[0] ""'
    assert entry_lines(body)[2:] == ['msgstr[0] "A"', 'msgstr[1] "B"']
