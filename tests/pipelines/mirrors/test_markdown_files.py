import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_model.errors import InputError
from tests.pipelines.mirrors.taking_apart import same, shown, taken, translated

ROOT = pathlib.Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_real_documents(name):
    data = (ROOT / name).read_bytes()
    assert translated(name, data, same) == data
    made = translated(name, data)
    assert made.lower() == data.lower() and made != data
    assert len(taken(name, made).texts) == len(taken(name, data).texts) > 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A *b* ##\n", ["A <1>b</1>"]),
        ("A `b` is [c](d 'E').", ["A <1/> is <2>c</2>."]),
        ("> one\n> two\n", ["one two"]),
        ("- one\n\n  two\n- three", ["one", "two", "three"]),
        ("    code\n\n```\nmore\n```\n\n<div>\nhtml\n</div>\n\ntext", ["text"]),
        ("[a]: b 'C'\n\n[a]", ["a"]),
        ("| a | b c |\n|---|---|\n| `x` | d \\| e |\n", ["a", "b c", "d | e"]),
        ("a | b\n-|-\nc | d | e\n", ["a", "b", "c", "d"]),
        ("---\nk: v\n---\ntext", ["text"]),
        ("+++\nk = 1\n+++\ntext", ["text"]),
        ("- [x] done\n- [ ] not yet", ["done", "not yet"]),
        ("> [!TIP]\n> Do it.", ["Do it."]),
        ("A note[^a].\n\n[^a]: Some text.", ["A note<1/>.", "Some text."]),
        ("A note[^a].\n\n[^a]: Text", ["A note<1/>."]),
        ("![One cup](a.png 'T') of ![x *y*](z)", ["One cup", "of"]),
        ("Press <kbd>a *b*</kbd> <b>now</b><br>or not", ["Press <1/> <2>now</2>", "or not"]),
        ("**Note:** it  \nis", ["<1>Note:</1> it", "is"]),
        ("\tcode\n\ntext\n", ["text"]),
        ("- a\n\n\tb\n", ["a", "b"]),
        (">\tquoted", ["quoted"]),
    ],
)
def test_what_a_model_is_shown(text, expected):
    assert shown("a.md", text.encode()) == expected
    assert translated("a.md", text.encode(), same) == text.encode()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("plain", "plain"),
        ("2 * 3 and a_b", "2 * 3 and a_b"),
        ("*so*", "\\*so\\*"),
        ("# no", "\\# no"),
        ("- no", "\\- no"),
        ("1. no", "1\\. no"),
        ("> no", "\\> no"),
        ("[a](b)", "\\[a\\](b)"),
        ("`a` <b> &amp; ~~c~~", "\\`a\\` \\<b\\> \\&amp; \\~\\~c\\~\\~"),
        ("[a]: b", "\\[a\\]: b"),
        ("---", "\\-\\-\\-"),
        ("a\\*b", "a\\\\*b"),
    ],
)
def test_an_answer_cannot_add_structure(answer, expected):
    skeleton = taken("a.md", b"- > text\n")
    (text,) = skeleton.texts
    assert skeleton.put_together([text.answer([answer])]).decode() == f"- > {expected}\n"


def test_the_text_of_an_image_has_no_elements():
    made = translated("a.md", b"![A - b](c.png)", lambda text: f"{text}] ![x](y) *z*")
    assert made == b"![A - b\\] !\\[x\\](y) \\*z\\*](c.png)"


def test_an_answer_cannot_leave_its_cell():
    skeleton = taken("a.md", b"| a | b |\n|---|---|\n")
    answers = [text.answer(["x | y"]) for text in skeleton.texts]
    assert skeleton.put_together(answers) == b"| x \\| y | x \\| y |\n|---|---|\n"


def test_a_line_cannot_begin_a_list():
    skeleton = taken("a.md", b"> three words\n> and more\n")
    (text,) = skeleton.texts
    answer = text.answer(["aaaa aaaaa - bbb bbb"])
    assert skeleton.put_together([answer]) == b"> aaaa aaaaa\n> \\- bbb bbb\n"


def test_what_cannot_be_trusted_is_refused():
    with pytest.raises(InputError, match="a.md: .* are nested more than 100 deep; flatten them"):
        taken("a.md", b"> " * 200 + b"a")
    with pytest.raises(InputError, match="a.md: has more than 2 MiB.*split it"):
        taken("a.md", b"a " * (1 << 20) + b"a")


scraps = st.lists(
    st.sampled_from(
        [*"ab *_`[]()!\\<>&|~#-\n", "\n\n", "> ", "- ", "1. ", "  ", "\t", "**", "](x)", "\r\n"]
        + ["[a]: b\n", "a | b\n--|--\n", "```\n", "<b>", "</b>", "&amp;", "One. ", "===\n", "    "]
    ),
    max_size=30,
).map("".join)


@given(scraps)
def test_any_text_comes_back(text):
    data = text.encode()
    skeleton = taken("a.md", data)
    assert skeleton.put_together([one.answer(one.segments) for one in skeleton.texts]) == data
    answers = [one.answer([each.upper() for each in one.segments]) for one in skeleton.texts]
    made = skeleton.put_together(answers)
    # What is a code in lower case need not be one in upper case, and the other way round.
    if None not in answers and "&" not in text:
        assert len(taken("a.md", made).texts) == len(skeleton.texts)
