import pytest

from pipelines.mirrors.numbered_tags import kept, mended, parted, structure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", {}),
        ("a <1>b <2/> c</1> <3/>", {"1": "", "2/": "1", "3/": ""}),
        ("<1>a", None),
        ("a</1>", None),
        ("<1>a</2>", None),
        ("<1>a<2>b</1>c</2>", None),
        ("<1/> <1/>", None),
        ("<1>a</1> <1/>", None),
        ("<1>a</1/>", None),
        ("<b>a</b> < 1", {}),
    ],
)
def test_structure(text, expected):
    assert structure(text) == expected


SOURCE = "Press <1>the <2/> key</1> now<3/>."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Jetzt <1>die <2/>-Taste</1> drücken<3/>.", "Jetzt <1>die <2/>-Taste</1> drücken<3/>."),
        ("<3/><1>die <2/></1>", "<3/><1>die <2/></1>"),
        # Spaces that a vocabulary puts around them.
        ("Nun < 1 > die < 2 / > Taste < / 1 > <3/>", "Nun <1>die <2/> Taste</1> <3/>"),
        ("Nun<1> die <2/> Taste </1>drücken <3/>", "Nun <1>die <2/> Taste</1> drücken <3/>"),
        ("<1>die Taste</1> <3/>", None),
        ("<1>die <2/></1> <3/> <3/>", None),
        ("<1>die</1> <2/> <3/>", None),
        ("<2/> <3/> <1>die", None),
        ("<1>die <2/></1> <3/> <4/>", None),
        ("", None),
    ],
)
def test_an_answer_is_taken_with_the_same_tags_alone(answer, expected):
    assert mended(SOURCE, answer) == expected


def test_spaces_that_the_source_has_inside_stay():
    assert mended("<1> a </1>", "<1> b </1>") == "<1> b </1>"


def test_parted():
    assert parted("a <1>b</1>") == ["a ", "<1>", "b", "</1>", ""]
    assert parted("a") == ["a"]


@pytest.mark.parametrize(
    ("source", "answer", "expected"),
    [
        ("<1><2>Press</2></1> now.", "<1><2> Drücke</2></1> jetzt.", "<1><2>Drücke</2></1> jetzt."),
        ("a <1>b <2>c</2></1>", "a <1>b <2>c </2> </1>d", "a <1>b <2>c</2></1> d"),
    ],
)
def test_what_is_mended_needs_no_more_mending(source, answer, expected):
    assert mended(source, answer) == expected
    assert mended(source, expected) == expected


def test_a_shred_of_a_tag_is_no_part_of_an_answer():
    assert kept("Save <1>the file</1>.", "Sichern <1>der Datei</1>.")
    assert not kept("Save <1>the file</1>.", "Sichern <1 <1>der Datei</1>.")
    assert not kept("Save <1>the file</1>.", "Sichern <1>der Datei</1> </1.")
    assert kept("Is <1>a</1> <3?", "Ist <1>a</1> <3?"), "the source's own"
