import pytest

from electra_model.errors import InputError
from pipelines.formats import registry as readers
from pipelines.units import Unit
from tests.pipelines.mirrors import documents
from tests.pipelines.mirrors.taking_apart import shown, taken, translated

HEAD = '<xliff version="1.2"><file source-language="en"><body>'
END = "</body></file></xliff>"


def unit(inner, attributes=""):
    return f"{HEAD}<trans-unit id='1'{attributes}>{inner}</trans-unit>{END}".encode()


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<source>a <x id='1'/> b</source>", ["a <1/> b"]),
        ("<source><g id='1'>a</g> b <bpt id='2'>&lt;i></bpt>c</source>", ["<1>a</1> b <2/>c"]),
        ("<source>a <mrk mtype='protected'>b <g id='1'>c</g></mrk> d</source>", ["a <1/> d"]),
        ("<source>a &lt;1&gt; <g id='1'>b</g></source>", ["a <1>", "b"]),
        ("<source>One. Two.\n Three.</source><target> </target>", ["One.", "Two.", "Three."]),
        ("<source>a</source><target><!-- x --></target>", ["a"]),
        ("<source>a</source><target><x id='1'/></target>", []),
        ("<source>a</source><alt-trans><target>b</target></alt-trans>", ["a"]),
        ("<source/>", []),
        ("<source></source>", []),
        ("<source>&#169; &amp;amp; &quot;a&quot;</source>", ['© &amp; "a"']),
    ],
)
def test_what_a_model_is_shown(inner, expected):
    assert shown("a.xlf", unit(inner)) == expected


def test_translate_no_is_handed_down():
    text = (
        f"{HEAD}<group translate='no'><trans-unit id='1'><source>a</source></trans-unit>"
        "<trans-unit id='2' translate='yes'><source>b</source></trans-unit></group>"
        f"<trans-unit id='3' translate='no'><source>c</source></trans-unit>{END}"
    )
    assert shown("a.xlf", text.encode()) == ["b"]


def test_prefixes_and_names_of_others():
    text = (
        '<x:xliff xmlns:x="urn:oasis:names:tc:xliff:document:1.2" xmlns:y="y" version="1.2">'
        '<x:file source-language="en"><x:body><x:trans-unit id="1"><y:source>no</y:source>'
        "<x:source>yes</x:source></x:trans-unit></x:body></x:file></x:xliff>"
    )
    made = translated("a.xlf", text.encode()).decode()
    assert made == text.replace(
        "</x:source>",
        '</x:source><x:target state="needs-review-translation" state-qualifier="leveraged-mt">'
        "YES</x:target>",
    )


def test_an_answer_cannot_add_markup_or_characters_that_xml_has_not():
    skeleton = taken("a.xlf", unit("<source>a</source>"))
    (text,) = skeleton.texts
    made = skeleton.put_together([text.answer(["<b> & ]]> \x01\ufffe"])])
    assert b">&lt;b&gt; &amp; ]]&gt; </target>" in made


@pytest.mark.parametrize("text", [documents.XLIFF_1, documents.XLIFF_2])
def test_what_was_filled_is_read_as_pairs(tmp_path, text):
    path = tmp_path / "a.xlf"
    path.write_bytes(translated("a.xlf", text.encode()))
    whole = Unit(0, "0", str(path), "xliff", None, 0, -1, 0, "train")
    (batch,) = readers.read(whole, ["source", "target"], languages=["en", "de"])
    assert [error for error in batch.column("error").to_pylist() if error] == (
        ["missing_target"] if text == documents.XLIFF_1 else []
    )
    assert taken("a.xlf", path.read_bytes()).texts == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<xliff version='1.2'>\n<file>", "line 2, column .*: cannot be read as XML"),
        ("<tmx/>", "line 1, column 1: the root element is 'tmx'"),
        ("<xliff version='3.0'/>", "is XLIFF 3.0; known are"),
        (
            "<!DOCTYPE a [<!ENTITY b 'c'>]><xliff version='1.2'/>",
            "line 1, column .*: declares an entity",
        ),
        ("<?xml version='1.0' encoding='latin-1'?><xliff version='1.2'/>", "line 1: .*'latin-1'"),
        (
            "<xliff version='1.2'><file source-language='fr' target-language='de'/></xliff>",
            "is from fr to de, and the model from en to de; name files of",
        ),
        (
            "<xliff version='2.0' srcLang='en' trgLang='fr'/>",
            "is from en to fr, and the model from en to de",
        ),
    ],
)
def test_what_is_wrong_is_told(text, message):
    with pytest.raises(InputError, match=f"a.xlf: {message}"):
        taken("a.xlf", text.encode())


def test_nothing_to_fill_changes_nothing():
    data = unit("<source>a</source><target>b</target>")
    assert translated("a.xlf", data) == data
