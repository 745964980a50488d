import gzip

import polib
import pytest

from electra_model.errors import InputError
from tests.pipelines.formats.catalogue_files import rows_of, write

PO = r"""# A catalogue.
#, fuzzy
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Language: {language}\n"
"Plural-Forms: nplurals=2; {plural};\n"

msgid "Save"
msgstr "Sichern"

msgid "Not yet"
msgstr " "

#, fuzzy
msgid "Guess"
msgstr "Vermutung"

msgctxt "month"
msgid "May"
msgstr "Mai"

msgid " "
msgstr "blank"

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] "%d Dateien"

#~ msgid "Old"
#~ msgstr "Alt"
"""


def po(language="de", plural="plural=(n != 1)"):
    return PO.replace("{language}", language).replace("{plural}", plural)


PAIRS = [
    (None, "Save", "Sichern"),
    ("untranslated", "Not yet", " "),
    ("fuzzy", "Guess", "Vermutung"),
    (None, "May", "Mai"),
    (None, " ", "blank"),
    (None, "%d file", "%d Datei"),
    (None, "%d files", "%d Dateien"),
    ("obsolete", "Old", "Alt"),
]


@pytest.mark.parametrize("language", ["de", "de_AT", "DE", "", "German language", "LL"])
def test_pairs(tmp_path, language):
    path = write(tmp_path / "a.po", po(language if language != "LL" else "LANGUAGE"))
    assert rows_of(path, "en", "de") == PAIRS


def test_compiled(tmp_path):
    data = polib.pofile(po()).to_binary()
    write(tmp_path / "a.mo", data)
    write(tmp_path / "b.mo.gz", gzip.compress(data))
    # Compiling drops what is fuzzy or obsolete, and sorts.
    expected = sorted((row for row in PAIRS if row[0] in (None, "untranslated")), key=str)
    for name in ("a.mo", "b.mo.gz"):
        assert sorted(rows_of(tmp_path / name, "en", "de"), key=str) == expected


@pytest.mark.parametrize(
    "plural, singular_row, plural_row",
    [
        ("plural=0", (None, "%d file", "%d Datei"), (None, "%d files", "%d Datei")),
        (
            "plural=n>1?7:0",
            (None, "%d file", "%d Datei"),
            ("untranslated", "%d files", ""),
        ),
        (
            "plural=__import__('os')",
            ("no_plural_form", "%d file", "%d Datei"),
            ("no_plural_form", "%d files", "%d Dateien"),
        ),
        (
            "plural=1/(n-1)",
            ("no_plural_form", "%d file", "%d Datei"),
            (None, "%d files", "%d Datei"),
        ),
        (
            "plural=" + "(" * 5000 + "n",
            ("no_plural_form", "%d file", "%d Datei"),
            ("no_plural_form", "%d files", "%d Dateien"),
        ),
        (
            "x=1",
            ("no_plural_form", "%d file", "%d Datei"),
            ("no_plural_form", "%d files", "%d Dateien"),
        ),
    ],
    ids=range(6),
)
def test_plural_rules(tmp_path, plural, singular_row, plural_row):
    rows = rows_of(write(tmp_path / "a.po", po(plural=plural)), "en", "de")
    assert rows == [*PAIRS[:5], singular_row, plural_row, PAIRS[7]]


def test_no_form_is_lost_where_nothing_says_which_is_which(tmp_path):
    forms = "".join(f'msgstr[{n}] "{text}"\n' for n, text in enumerate(("plik", "pliki", "plików")))
    path = write(tmp_path / "a.po", 'msgid "file"\nmsgid_plural "files"\n' + forms)
    assert rows_of(path, "en", "pl") == [
        ("no_plural_form", "file", "plik"),
        ("no_plural_form", "files", "pliki\nplików"),
    ]
    path = write(tmp_path / "a.po", 'msgid "file"\nmsgid_plural "files"\nmsgstr[0] "fairu"\n')
    assert rows_of(path, "en", "ja") == [
        ("no_plural_form", "file", "fairu"),
        ("no_plural_form", "files", "fairu"),
    ]


def test_one_language(tmp_path):
    path = write(tmp_path / "a.po", po())
    assert rows_of(path, "de-CH") == [(rule, target) for rule, _, target in PAIRS]
    # Whether there is a translation does not matter to the text in the source language.
    assert rows_of(path, "en") == [
        (rule if rule == "obsolete" else None, source) for rule, source, _ in PAIRS
    ]
    path = write(tmp_path / "b.po", po(language=""))
    with pytest.raises(InputError, match="b.po: its header names no Language, .* are in en; add"):
        rows_of(path, "en")


def test_a_catalogue_of_another_language(tmp_path):
    with pytest.raises(
        InputError, match="a.po: its header says Language: fr, and the job translates to de; name"
    ):
        rows_of(write(tmp_path / "a.po", po("fr")), "en", "de")


def test_without_a_header(tmp_path):
    path = write(tmp_path / "a.po", 'msgid "a"\nmsgstr "b"\n')
    assert rows_of(path, "en", "de") == [(None, "a", "b")]
    assert rows_of(write(tmp_path / "a.po", "# nothing\n"), "en", "de") == []


@pytest.mark.parametrize("name", ["a.po", "a.mo"])
@pytest.mark.parametrize("content", ["", "<tmx/>", "/etc/passwd"])
def test_what_is_refused(tmp_path, name, content):
    with pytest.raises(InputError, match=f"{name}: not a gettext catalogue: "):
        rows_of(write(tmp_path / name, content), "en", "de")
