import pytest

from electra_model.errors import InputError
from tests.pipelines.formats.catalogue_files import rows_of, write

NAMESPACE_1 = ' xmlns="urn:oasis:names:tc:xliff:document:1.2"'
NAMESPACE_2 = ' xmlns="urn:oasis:names:tc:xliff:document:2.0"'


def xliff1(body, languages='source-language="en" target-language="de"', version="1.2"):
    return (
        f'<?xml version="1.0"?><xliff version="{version}"{NAMESPACE_1}>'
        f'<file original="a" datatype="plaintext" {languages}><header><note>n</note></header>'
        f"<body>{body}</body></file></xliff>"
    )


def xliff2(units, languages='srcLang="en" trgLang="de"', version="2.0"):
    return (
        f'<xliff version="{version}" {languages}{NAMESPACE_2}><file id="f"><group id="g">{units}'
        "</group></file></xliff>"
    )


def unit1(source, target):
    return f'<trans-unit id="1"><source>{source}</source><target>{target}</target></trans-unit>'


def unit2(source, target):
    return (
        f'<unit id="1"><segment><source>{source}</source><target>{target}</target></segment></unit>'
    )


HOUSE = (None, "house", "Haus")


def test_version_1(tmp_path):
    body = (
        unit1("house", "Haus")
        + '<group id="a"><group id="b">'
        + unit1("<![CDATA[tree & <b>shrub</b>]]>", "Baum &amp; Strauch")
        + "</group></group>"
        + '<trans-unit id="3"><source>red</source>'
        '<seg-source><mrk mtype="seg" mid="0">red</mrk></seg-source>'
        '<target state="translated"><mrk mtype="seg" mid="0">rot</mrk></target><note>n</note>'
        '<alt-trans match-quality="80"><source>rod</source><target>Stab</target></alt-trans>'
        "</trans-unit>"
        '<trans-unit id="4"><source>blue</source>'
        "<alt-trans><source>blue</source><target>blau</target></alt-trans></trans-unit>"
        '<bin-unit id="5"><bin-source/></bin-unit>'
    )
    assert rows_of(write(tmp_path / "a.xlf", xliff1(body)), "en", "de") == [
        HOUSE,
        (None, "tree & <b>shrub</b>", "Baum & Strauch"),
        (None, "red", "rot"),
        ("missing_target", "blue", ""),
    ]


def test_version_2(tmp_path):
    units = (
        unit2("house", "Haus") + '<unit id="2"><notes><note>n</note></notes>'
        '<originalData><data id="d">&lt;br/&gt;</data></originalData>'
        '<segment id="s1"><source>One. </source><target>Eins. </target></segment>'
        "<ignorable><source> </source><target> </target></ignorable>"
        '<segment id="s2"><source>Two.</source></segment></unit>'
        '<unit id="3"><m:matches xmlns:m="urn:oasis:names:tc:xliff:matches:2.0"><m:match ref="#s">'
        "<source>old</source><target>alt</target></m:match></m:matches>"
        "<segment><source>new</source><target>neu</target></segment></unit>"
    )
    for version in ("2.0", "2.1", "2.2"):
        path = write(tmp_path / "a.xliff", xliff2(units, version=version))
        assert rows_of(path, "en", "de") == [
            HOUSE,
            (None, "One. ", "Eins. "),
            ("missing_target", "Two.", ""),
            (None, "new", "neu"),
        ]


@pytest.mark.parametrize(
    "inline, text",
    [
        ('a <g id="1">big <g id="2">red</g></g> house', "a big red house"),
        ('a <mrk mtype="term">big</mrk> house', "a big house"),
        ('a<x id="1"/> big<bx id="2"/> house<ex id="2"/>', "a big house"),
        ('a <bpt id="1">&lt;b></bpt>big<ept id="1">&lt;/b></ept> house', "a big house"),
        ('a<ph id="1">{0}<sub>zero</sub></ph> house<it id="2" pos="open">[</it>', "a house"),
    ],
)
def test_inline_elements_of_version_1(tmp_path, inline, text):
    path = write(tmp_path / "a.xlf", xliff1(unit1(inline, inline)))
    assert rows_of(path, "en", "de") == [(None, text, text)]


@pytest.mark.parametrize(
    "inline, text",
    [
        ('a <pc id="1">big <pc id="2">red</pc></pc> house', "a big red house"),
        ('a <mrk id="m" type="term">big</mrk> house', "a big house"),
        ('a<ph id="1"/> big<sc id="2"/> house<ec startRef="2"/>', "a big house"),
        ('a<cp hex="0007"/> <sm id="m"/>house<em startRef="m"/>', "a house"),
    ],
)
def test_inline_elements_of_version_2(tmp_path, inline, text):
    path = write(tmp_path / "a.xlf", xliff2(unit2(inline, inline)))
    assert rows_of(path, "en", "de") == [(None, text, text)]


@pytest.mark.parametrize("make, unit", [(xliff1, unit1), (xliff2, unit2)])
@pytest.mark.parametrize(
    "source, target, row",
    [
        ("house", "", ("missing_target", "house", "")),
        ("house", " \n ", ("missing_target", "house", " \n ")),
        ("", "Haus", ("missing_source", "", "Haus")),
        ("", "", ("missing_source", "", "")),
    ],
)
def test_blank_sides(tmp_path, make, unit, source, target, row):
    path = write(tmp_path / "a.xlf", make(unit(source, target) + unit("house", "Haus")))
    assert rows_of(path, "en", "de") == [row, HOUSE]


@pytest.mark.parametrize(
    "source, target, wanted",
    [
        ("en", "de", ("en", "de")),
        ("EN_us", "de-AT", ("en", "de")),
        ("en", "de", ("en-GB", "de-CH")),
        ("en-US", "en-GB", ("en-US", "en-GB")),
    ],
)
def test_languages_that_fit(tmp_path, source, target, wanted):
    one = xliff1(unit1("house", "Haus"), f'source-language="{source}" target-language="{target}"')
    two = xliff2(unit2("house", "Haus"), f'srcLang="{source}" trgLang="{target}"')
    for content in (one, two):
        assert rows_of(write(tmp_path / "a.xlf", content), *wanted) == [HOUSE]


@pytest.mark.parametrize(
    "source, target, wanted",
    [
        ("en", "fr", ("en", "de")),
        ("fr", "de", ("en", "de")),
        ("de", "en", ("en", "de")),
        ("en-GB", "en-US", ("en-US", "en-GB")),
    ],
)
def test_languages_that_do_not(tmp_path, source, target, wanted):
    message = f"a.xlf: is from {source} to {target}, the job from {wanted[0]} to {wanted[1]}; "
    one = xliff1(unit1("house", "Haus"), f'source-language="{source}" target-language="{target}"')
    two = xliff2(unit2("house", "Haus"), f'srcLang="{source}" trgLang="{target}"')
    for content in (one, two):
        with pytest.raises(InputError, match=message):
            rows_of(write(tmp_path / "a.xlf", content), *wanted)


def test_a_second_file_in_another_language(tmp_path):
    one = xliff1(unit1("house", "Haus"))
    other = one[one.index("<file") : one.index("</xliff>")].replace('"de"', '"fr"')
    with pytest.raises(InputError, match="is from en to fr, the job from en to de"):
        rows_of(write(tmp_path / "a.xlf", one.replace("</xliff>", other + "</xliff>")), "en", "de")


def test_a_target_language_need_not_be_named(tmp_path):
    path = write(tmp_path / "a.xlf", xliff1(unit1("house", "Haus"), 'source-language="en"'))
    assert rows_of(path, "en", "de") == [HOUSE]
    assert rows_of(path, "en") == [(None, "house")]
    with pytest.raises(InputError, match="from en to no language, and text in de is wanted"):
        rows_of(path, "de")


def test_one_language(tmp_path):
    units = unit2("house", "Haus") + "<unit><segment><source>tree</source></segment></unit>"
    path = write(tmp_path / "a.xlf", xliff2(units, 'srcLang="en-US" trgLang="de-DE"'))
    assert rows_of(path, "en") == [(None, "house"), (None, "tree")]
    assert rows_of(path, "de") == [(None, "Haus"), ("missing_target", "")]
    with pytest.raises(InputError, match="is from en-US to de-DE, and text in fr is wanted"):
        rows_of(path, "fr")


def test_old_versions_need_no_namespace(tmp_path):
    content = xliff1(unit1("house", "Haus"), version="1.0").replace(NAMESPACE_1, "")
    assert rows_of(write(tmp_path / "a.xlf", content), "en", "de") == [HOUSE]


def test_elements_of_other_namespaces_are_no_records(tmp_path):
    other = '<o:trans-unit xmlns:o="urn:other"><source>no</source><target>no</target>'
    content = xliff1(f"<o:x xmlns:o='urn:o'>{other}</o:trans-unit></o:x>" + unit1("house", "Haus"))
    assert rows_of(write(tmp_path / "a.xlf", content), "en", "de") == [HOUSE]


@pytest.mark.parametrize(
    "content, message",
    [
        (xliff2("", version="3.0"), "a.xlf: is XLIFF 3.0; known are 1.0 to 1.2 and 2.0 to 2.2"),
        (xliff1("", version="x"), "a.xlf: is XLIFF x; known are"),
        ("<tmx/>", "the root element is 'tmx', but XLIFF has the root element xliff"),
        ("", "a.xlf: is empty; XLIFF has the root element xliff"),
        (xliff1(unit1("a", "b"))[:-20], "line 1, column .*cut off or damaged"),
        ('<!DOCTYPE xliff [<!ENTITY a "b">]>' + xliff1(""), "declares an entity"),
    ],
)
def test_what_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        rows_of(write(tmp_path / "a.xlf", content), "en", "de")
