import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.mirrors.markdown_spans import spans

REFERENCES = {"references": {"R": {"href": "x", "title": ""}}}


def cut(content):
    return [(span.kind, content[span.start : span.stop]) for span in spans(content, REFERENCES)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a *b* c", ["a ", "*", "b", "*", " c"]),
        ("**a *b***", ["**", "a ", "*", "b", "*", "**"]),
        ("***a** b*", ["*", "**", "a", "**", " b", "*"]),
        ("*a **b*", ["*a *", "*", "b", "*"]),
        ("a_b_c 2 * 3", ["a_b_c 2 * 3"]),
        ("~~a~~ ~~~b~~~", ["~~", "a", "~~", " ~", "~~", "b~", "~~"]),
        ('[a *b*](c "d")', ["[", "a ", "*", "b", "*", '](c "d")']),
        (
            "[a][r] [r] [r][] [z]",
            ["[", "a", "][r]", " ", "[", "r", "]", " ", "[", "r", "][]", " [z]"],
        ),
        ("![a [b] *c*](d) e", ["![a [b] *c*](d)", " e"]),
        ("[![a](b)](c)", ["[", "![a](b)", "](c)"]),
        ("`a *b*` ``c", ["`a *b*`", " ``c"]),
        ("a  \nb\nc\\\nd", ["a", "  \n", "b", "\n", "c", "\\\n", "d"]),
        (
            '\\* &amp; &x; <http://a.b> <b c="d">',
            ["\\*", " ", "&amp;", " &x; ", "<http://a.b>", " ", '<b c="d">'],
        ),
    ],
)
def test_spans_are_where_the_elements_are(content, expected):
    assert [text for _, text in cut(content)] == expected


def test_kinds():
    assert [kind for kind, _ in cut("*a* `b` \\* &amp; ![c](d) <e> <http://f.g>  \nh\ni")] == [
        "open", "text", "close", "text", "code", "text", "special", "text", "special", "text",
        "image", "text", "html", "text", "code", "hard", "text", "soft", "text",
    ]  # fmt: skip


@given(
    st.lists(st.sampled_from([*"ab *_`[]()!\\<>&;~\n", "**", "](x)", "[r]", "&lt;"])).map("".join)
)
def test_spans_together_are_the_text(content):
    content = content.strip()
    assert "".join(text for _, text in cut(content)) == content
