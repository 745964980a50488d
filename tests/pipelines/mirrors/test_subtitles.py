import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_model.errors import InputError
from pipelines.mirrors.subtitles import WIDEST, wrap
from tests.pipelines.mirrors.taking_apart import same, shown, taken, translated

TIMES = "00:00:01,000 --> 00:00:02,000"


def srt(*cues):
    return "".join(
        f"{number}\n{TIMES}\n{cue}\n\n" for number, cue in enumerate(cues, start=1)
    ).encode()


@pytest.mark.parametrize(
    ("cue", "expected"),
    [
        ("One\ntwo. Three", ["One two.", "Three"]),
        ("- Hi\n- Ho", ["- Hi", "- Ho"]),
        ("{\\an8}<i>One</i>", ["One"]),
        ("One <i>two</i>", ["One <1>two</1>"]),
        ('<font color="#fff">One\ntwo</font>', ["One two"]),
        ("42", []),
        ("♪ La\nla ♪", ["♪ La", "la ♪"]),
        ("a --> b", ["a --> b"]),
    ],
)
def test_what_a_model_is_shown(cue, expected):
    assert shown("a.srt", srt(cue)) == expected
    assert translated("a.srt", srt(cue), same) == srt(cue)


def answered(cue, *answers):
    skeleton = taken("a.srt", srt(cue))
    (text,) = skeleton.texts
    made = skeleton.put_together([text.answer(answers)]).decode()
    return made.split("\n", 2)[2].rstrip("\n").split("\n")


def test_lines_are_as_many_as_before_and_not_too_long():
    long = "these are many words that never fit into one line of a subtitle"
    assert answered("One short\nline", "Eine kurze Zeile") == ["Eine kurze", "Zeile"]
    assert answered("One short\nline", long) == [
        "these are many words that never fit into",
        "one line of a subtitle",
    ]
    # Where the break that the source has would leave a line too long, all lines are the same.
    assert answered("One\nshort line", long) == [
        "these are many words that never",
        "fit into one line of a subtitle",
    ]
    # One line may become two, where it would be too long.
    assert answered("One line", long) == [
        "these are many words that never",
        "fit into one line of a subtitle",
    ]
    assert answered("- One\n- two", f"- {long}", "- zwei") == [f"- {long}", "- zwei"]
    made = answered("One <i>short\nline</i>", f"<1>{long}</1> end")
    assert len(made) == 2 and max(map(len, made)) < WIDEST + len("<i></i>")


@given(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1), st.integers(1, 4))
def test_wrapping_keeps_words_and_is_the_narrowest(words, count):
    lines = wrap(" ".join(words), count)
    assert " ".join(lines).split() == words
    assert len(lines) <= count
    if len(words) > 1 and count > 1:
        widest = max(map(len, lines))
        narrower, held = 1, 0
        for word in words:
            if held and held + 1 + len(word) > widest - 1:
                narrower, held = narrower + 1, 0
            held += len(word) + (1 if held else 0)
        assert narrower > count or max(map(len, words)) >= widest


def test_tags_with_spaces_are_not_wrapped():
    assert wrap('<font color="a b">one two</font> three', 2) == [
        '<font color="a b">one', "two</font> three",
    ]  # fmt: skip


def test_cues_without_numbers_and_blank_lines_within():
    data = f"\n{TIMES}\none\n\nmore of it\n\n\n7\n{TIMES}  X1:1\ntwo".encode()
    assert shown("a.srt", data) == ["one", "more of it", "two"]
    assert translated("a.srt", data).decode() == data.decode().replace("one", "ONE").replace(
        "more of it", "MORE OF IT"
    ).replace("two", "TWO")


VTT = "WEBVTT\n\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("NOTE one\ntwo\n\nSTYLE\na {}\n\nREGION\nid:a\n", []),
        ("NOTE\n00:01.000 --> 00:02.000\nno\n", []),
        ("00:01.000 --> 00:02.000\nNOTE that\n", ["NOTE that"]),
        ("an id\n01:00:01.000 --> 01:00:02.000 align:start\n<v Jo>one &amp; two\n", ["one & two"]),
        ("00:01.000 --> 00:02.000\none\n00:02.000 --> 00:03.000\ntwo\n", ["one", "two"]),
        ("00:01.000 --> 00:02.000\n<c.red.big>one</c> <00:01.500>two\n", ["<1>one</1> <2/>two"]),
    ],
)
def test_what_a_model_is_shown_of_vtt(body, expected):
    data = (VTT + body).encode()
    assert shown("a.vtt", data) == expected
    assert translated("a.vtt", data, same) == data


def test_an_answer_cannot_add_times_or_tags():
    skeleton = taken("a.vtt", (VTT + "00:01.000 --> 00:02.000\none\n").encode())
    (text,) = skeleton.texts
    made = skeleton.put_together([text.answer(["a --> <b> & c"])]).decode()
    assert made.endswith("\na --&gt; &lt;b&gt; &amp; c\n")
    # SubRip has no other way to write it: such an answer is none.
    (text,) = taken("a.srt", srt("a")).texts
    assert text.answer(["00:01 --> b"]) is None
    assert text.answer(["b 00:01 --> b"]) is not None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.srt", "one\ntwo\n", "line 1: has no cues of subtitles"),
        ("a.srt", f"one\n\n1\n{TIMES}\ntwo\n", "line 1: stands before the first cue"),
        ("a.srt", "1\n00:00:01 --> 00:00:02\none\n", "line 2: holds --> and no two times"),
        ("a.vtt", "one\n", "line 1: does not begin with WEBVTT"),
        ("a.vtt", VTT + "1 --> 2\none\n", "line 3: holds --> and no two times"),
    ],
)
def test_what_is_wrong_is_told(name, text, message):
    with pytest.raises(InputError, match=f"{name}: {message}"):
        taken(name, text.encode())


scraps = st.lists(
    st.sampled_from(
        [*"a \n<>&-{}\\", "\r\n", "\n\n", "<i>", "</i>", "One. ", f"1\n{TIMES}\n", "&amp;"]
        + ["\n\n00:01.000 --> 00:02.000\n", "NOTE ", "- ", "<v A>", "\r"]
    ),
    max_size=25,
).map("".join)


@given(scraps)
def test_any_subtitles_come_back(text):
    for name, head in (("a.srt", ""), ("a.vtt", VTT)):
        try:
            taken(name, (head + text).encode())
        except InputError:
            continue
        assert translated(name, (head + text).encode(), same).decode() == head + text


def test_a_line_tabulation_of_the_text_is_no_mark_of_ours():
    cue = "Ladies and gentlemen,\vwelcome aboard\nour ship."
    assert translated("a.srt", srt(cue), same) == srt(cue)
    count = len(shown("a.srt", srt(cue)))
    lines = answered(cue, *[" ".join(["WILLKOMMEN"] * 12)] * count)
    assert lines[0].startswith("WILLKOMMEN") and all(lines) and "\v" not in "".join(lines)
