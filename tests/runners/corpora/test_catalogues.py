import pathlib
import zipfile

import polib
import pytest

from electra_model.errors import WorkError
from runners.corpora import catalogues
from runners.corpora.catalogues import Entry
from runners.corpora.corpus_recipe import PackageConfig
from runners.corpora.wheels import Wheel


def _package(*patterns: str, targets: tuple[str, ...] = ()) -> PackageConfig:
    return PackageConfig(
        name="one",
        version="1.0",
        wheel="one-1.0-py3-none-any.whl",
        sha256="0" * 64,
        bytes=1,
        licence="MIT",
        catalogues=patterns,
        targets=targets,
    )


def test_find_catalogues_pairs_json_with_its_twin():
    names = [
        "one/alarm/translations/de.json",
        "one/alarm/translations/en.json",
        "one/alarm/translations/pt-BR.json",
        "one/clock/translations/de.json",  # no English twin
        "one/deep/er/translations/de.json",
        "other/alarm/translations/de.json",
    ]
    package = _package("one/{document}/translations/{lang}.json")
    assert catalogues.find_catalogues(names, package, "en") == [
        catalogues.Catalogue(
            "one/alarm/translations/de.json", "de", "alarm", "one/alarm/translations/en.json"
        ),
        catalogues.Catalogue(
            "one/alarm/translations/pt-BR.json", "pt-BR", "alarm", "one/alarm/translations/en.json"
        ),
    ]


def test_find_catalogues_of_gettext():
    names = [
        "a/b/locale/zh_CN/LC_MESSAGES/x.po",
        "a/locale/de/LC_MESSAGES/x.mo",
        "a/locale/de/LC_MESSAGES/x.po",
        "a/locale/en/LC_MESSAGES/x.po",
    ]
    package = _package("a/**/locale/{lang}/LC_MESSAGES/*.po", "a/locale/{lang}/**/*.po")
    found = catalogues.find_catalogues(names, package, "en")
    assert [(one.name, one.language, one.source_name) for one in found] == [
        ("a/b/locale/zh_CN/LC_MESSAGES/x.po", "zh-Hans", None),
        ("a/locale/de/LC_MESSAGES/x.po", "de", None),
    ]
    only = _package("**/locale/{lang}/LC_MESSAGES/*.po", targets=("zh-Hans",))
    assert [one.language for one in catalogues.find_catalogues(names, only, "en")] == ["zh-Hans"]


def test_json_entries_follow_keys_and_lose_none():
    source = b"""{"title": "Door", "step": {"user": {"data": {"host": "Host", "port": "Port"}}},
        "list": ["One", "Two"], "empty": " ", "number": 3, "other": "See [%key:common::on%]"}"""
    target = """{"list": ["Eins", "Zwei"], "title": "Tür", "other": "Siehe x", "extra": "Mehr",
        "step": {"user": {"data": {"host": "Host", "port": " "}}}}"""
    assert list(catalogues.json_entries(source, target.encode(), "x")) == [
        Entry("Door", "Tür"),
        Entry("Host", "Host"),
        Entry("Port", "", "untranslated"),
        Entry("One", "Eins"),
        Entry("Two", "Zwei"),
        Entry("See [%key:common::on%]", "Siehe x", "reference"),
    ]


@pytest.mark.parametrize(
    "data", [b"{", b"\xff\xfe\xfa", b"[" * 100_000, b'{"a":' * 60 + b"1" + b"}" * 60]
)
def test_json_that_is_none(data):
    with pytest.raises(WorkError, match="^where: "):
        list(catalogues.json_entries(b'{"a": "A"}', data, "where"))


PO = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=%s;\n"

msgid "Save"
msgstr "Sichern"

msgid "Not yet"
msgstr ""

#, fuzzy
msgid "Guess"
msgstr "Vermutung"

msgctxt "month"
msgid "May"
msgstr "Mai"

msgid ""
"Two "
"lines\n"
msgstr "Zwei Zeilen\n"

msgid "%%d file"
msgid_plural "%%d files"
msgstr[0] "%%d Datei"
msgstr[1] "%%d Dateien"
msgstr[2] "%%d Dateien sehr viele"

#~ msgid "Old"
#~ msgstr "Alt"
"""


@pytest.mark.parametrize(
    "rule, plural",
    [
        ("2; plural=(n != 1)", "%d Dateien"),
        ("3; plural=(n==1 ? 0 : n>=2 && n<=4 ? 1 : 2)", "%d Dateien sehr viele"),
    ],
)
def test_po(rule, plural):
    assert list(catalogues.gettext_entries((PO % rule).encode(), "x")) == [
        Entry("Save", "Sichern"),
        Entry("Not yet", "", "untranslated"),
        Entry("Guess", "Vermutung", "fuzzy"),
        Entry("May", "Mai"),
        Entry("Two lines\n", "Zwei Zeilen\n"),
        Entry("%d file", "%d Datei"),
        Entry("%d files", plural),
        Entry("Old", "Alt", "obsolete"),
    ]


def test_po_with_a_useless_plural_rule():
    entries = list(catalogues.gettext_entries((PO % "2; plural=__import__('os')").encode(), "x"))
    assert [one for one in entries if one.rule == "no_plural_form"] == [
        Entry("%d file", "%d Datei", "no_plural_form"),
        Entry("%d files", "%d Dateien\n%d Dateien sehr viele", "no_plural_form"),
    ]


def test_one_form_for_all_numbers():
    data = (PO % "1; plural=0").encode()
    entries = list(catalogues.gettext_entries(data, "x"))
    assert Entry("%d file", "%d Datei") in entries and Entry("%d files", "%d Datei") in entries


def test_mo_gives_what_its_po_gives():
    catalogue = polib.pofile(PO % "2; plural=(n != 1)")
    # Compiling drops what is untranslated, fuzzy or obsolete, and sorts.
    assert sorted(catalogues.gettext_entries(catalogue.to_binary(), "x"), key=str) == sorted(
        [
            Entry("Save", "Sichern"),
            Entry("May", "Mai"),
            Entry("Two lines\n", "Zwei Zeilen\n"),
            Entry("%d file", "%d Datei"),
            Entry("%d files", "%d Dateien"),
        ],
        key=str,
    )


@pytest.mark.parametrize(
    "data", [b"no catalogue", b"\xff\xfe", b"\xde\x12\x04\x95", b"\xde\x12\x04\x95" + b"\xff" * 40]
)
def test_gettext_that_is_none(data):
    with pytest.raises(WorkError, match="^where: not a gettext catalogue"):
        list(catalogues.gettext_entries(data, "where"))


def test_read_catalogue_names_the_document(tmp_path: pathlib.Path):
    path = tmp_path / "one.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one/alarm/en.json", '{"a": "Alarm off"}')
        archive.writestr("one/alarm/de.json", '{"a": "Alarm aus"}')
    with Wheel(str(path)) as wheel:
        package = _package("one/{document}/{lang}.json")
        (catalogue,) = catalogues.find_catalogues(wheel.names, package, "en")
        entries = list(catalogues.read_catalogue(wheel, catalogue))
    assert entries == [Entry("Alarm off", "Alarm aus", None, "alarm")]
