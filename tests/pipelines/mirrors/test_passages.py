import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.mirrors import numbered_tags
from pipelines.mirrors.document_parts import Piece, plain
from pipelines.mirrors.passages import take_apart


def pieces(text: str) -> list[Piece]:
    """`[b` and `]b` are the ends of a pair, `@` is an object, `!` a mark, `/` a break."""
    found = []
    words = ""
    place = 0
    while place < len(text):
        one = text[place]
        if one in "[]@!/":
            found += plain(words)
            words = ""
            if one in "[]":
                place += 1
                found.append(
                    Piece("open" if one == "[" else "close", one + text[place], name=text[place])
                )
            else:
                found.append(Piece({"@": "object", "!": "mark", "/": "break"}[one], one))
        else:
            words += one
        place += 1
    return [*found, *plain(words)]


def segments(text):
    passage = take_apart(pieces(text), "en")
    return list(passage.segments) if passage else None


def shouted(text):
    passage = take_apart(pieces(text), "en")
    return "".join(map(str, passage.put_together([one.upper() for one in passage.segments])))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", ["One.", "Two."]),
        ("one\n  two", ["one two"]),
        ("a [bbold]b word", ["a <1>bold</1> word"]),
        # Around the whole sentence, and at its ends.
        ("[bAll of it.]b", ["All of it."]),
        ("[b[iAll]i of]b it.", ["<1><2>All</2> of</1> it."]),
        ("All of [bit.]b [cNext.]c", ["All of <1>it.</1>", "Next."]),
        ("[bOne. Two]b three.", ["One.", "Two", "three."]),
        ("a [b[ib]b]i c", ["a <1><2/>b</1><3/> c"]),
        ("Use @ here. @ is it.", ["Use <1/> here.", "<1/> is it."]),
        ("!One! two!", ["One<1/> two"]),
        ("one/two", ["one", "two"]),
        ("[bone/two]b three", ["one", "two", "three"]),
        # What holds no word is shown as one.
        ("see [b@]b now", ["see <1/> now"]),
        ("Title[b#]b", ["Title"]),
        # Text that looks like a tag would be taken for one.
        ("a <1> [bc]b d", ["a <1>", "c", "d"]),
        ("42 @ [b--]b", None),
        ("", None),
    ],
)
def test_what_a_model_is_shown(text, expected):
    assert segments(text) == expected


def test_line_ends_go_where_they_were_and_the_rest_stays():
    assert shouted(" one two\n> three [bfour]b five. \n six") == (
        " ONE TWO\n> THREE [bFOUR]b FIVE. \n SIX"
    ).replace("> ", "> ")
    passage = take_apart(pieces("one two\nthree four"), "en")
    assert passage.put_together(["a bb ccc dddd eeeee ffffff"]) == [
        "a bb ccc",
        "\n",
        "dddd eeeee ffffff",
    ]
    assert passage.put_together(["word"]) == ["word"]


def test_entities_are_spelled_as_in_the_source():
    found = [*plain("a "), Piece("text", "&eacute;", "é"), *plain(" b")]
    encode = lambda text, spelled: "".join(spelled.get(one, one) for one in text)  # noqa: E731
    passage = take_apart(found, "en", encode)
    assert passage.segments == ("a é b",)
    assert passage.put_together(["b é c"]) == ["b &eacute; c"]


def test_a_translation_with_other_tags_is_not_put_together():
    passage = take_apart(pieces("a [bb]b c"), "en")
    assert passage.put_together(["c <1>b</1> a"]) is not None
    for wrong in ("a b c", "<1>a <1>b</1></1>", "a </1>b<1> c"):
        assert passage.put_together([wrong]) is None


texts = st.lists(
    st.sampled_from([*"ab.! ", "[b", "]b", "[i", "]i", "@", "/", "\n ", "One. ", "<1>", "é", "?"]),
    max_size=30,
).map("".join)


@given(texts)
def test_nothing_is_lost_whatever_stands_there(text):
    passage = take_apart(pieces(text), "en")
    if passage is None:
        return
    assert "".join(map(str, passage.put_together(passage.segments))) == text
    for segment in passage.segments:
        assert any(letter in segment for letter in string.ascii_letters + "é")
        if "<1>" not in text:
            assert numbered_tags.structure(segment) is not None
    capitals = passage.put_together([one.upper() for one in passage.segments])
    bare = "".join(map(str, capitals)).lower()
    assert bare == text.lower()
