import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_model.errors import InputError
from pipelines.mirrors import html_tokens
from tests.pipelines.mirrors.taking_apart import same, shown, taken, translated


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>One <b>two</b>. Three.</p>", ["One <1>two</1>.", "Three."]),
        ("<p><b>One.</b></p>", ["One."]),
        ("a<div>b</div>c", ["a", "b", "c"]),
        ("a<br>b", ["a", "b"]),
        ("Caf&eacute; &amp; <b>x</b>", ["Café & <1>x</1>"]),
        ("R&D &unknown; AT&T", ["R&D &unknown; AT&T"]),
        ("<p>Call <code>f()</code> now.", ["Call <1/> now."]),
        ("<p>Call <samp>f <b>x</b></samp> now.", ["Call <1/> now."]),
        # Content that is no text of the page.
        ("<script>var a = '<p>x</p>'</script><style>a{}</style><p>b", ["b"]),
        ("<pre>a <b>b</b></pre><kbd>c</kbd><svg><title>d</title></svg><p>e", ["e"]),
        ("<textarea>a</textarea><iframe>b</iframe><p>c", ["c"]),
        ("<!-- a --><!doctype b><?c?><p>d<!-->e", ["d<1/>e"]),
        # translate="no" with and without end tags.
        ('<p translate="no">a<p>b', ["b"]),
        ("<ul><li translate=no>a <i>x</i><li>b</ul>", ["b"]),
        ('<div translate="no"><div>a</div>b</div>c', ["c"]),
        ('Drink <span translate="no">Tea & Co</span> now', ["Drink <1/> now"]),
        ("<td TRANSLATE='NO'>a<td>b", ["b"]),
        ("<div><p translate=no>a</div>b", ["b"]),
        # Attributes.
        ('<img alt="A cup" src="alt">', ["A cup"]),
        ("<a href=x title='Go on'>on</a>", ["Go on", "on"]),
        ('<input placeholder="Your name" value="kept">', ["Your name"]),
        ('<meta name="keywords" content="a, b"><meta content="c d" name=Description>', ["c d"]),
        ("<a href='?a=b&copy=c' title='a&copy;b'>x</a>", ["a©b", "x"]),
        ('<p data-x="<b>">a</p>', ["a"]),
        ('<textarea placeholder="Say it">kept</textarea><p>a', ["Say it", "a"]),
        ('<textarea placeholder="Say it" translate="no">kept</textarea><p>a', ["a"]),
        ('<pre title="A list">kept</pre>', ["A list"]),
        ("<p title=''>a < b and c<d>e</d>", ["a < b and c<1>e</1>"]),
    ],
)
def test_what_a_model_is_shown(page, expected):
    assert shown("a.html", page.encode()) == expected
    assert translated("a.html", page.encode(), same) == page.encode()


def test_an_answer_cannot_add_markup():
    page = b'<p title="Name" id=x>One <b>two</b></p><img alt=Cup>'
    made = translated("a.html", page, lambda text: f"\"{text}\" <i> & 'x'")
    assert made == (
        b'<p title="&quot;Name&quot; &lt;i> &amp; &#39;x&#39;" id=x>'
        b"\"One <b>two</b>\" &lt;i> &amp; 'x'</p>"
        b'<img alt="&quot;Cup&quot; &lt;i> &amp; &#39;x&#39;">'
    )


def test_tags_may_change_their_places():
    skeleton = taken("a.html", b"<p>One <b>two</b> <a href=x>three</a><br>")
    (text,) = skeleton.texts
    answer = text.answer(["<2>drei</2> <1>zwei</1> eins"])
    assert skeleton.put_together([answer]) == b"<p><a href=x>drei</a> <b>zwei</b> eins<br>"
    for lost in ("drei zwei eins", "<1>zwei</1> <2>drei", "<1>a <2>b</2></1>"):
        assert text.answer([lost]) is None


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<p>a\n<!-- b", "line 2: a comment begins here and does not end"),
        ("<p>a\n\n<a href='b", "line 3: a tag begins here and does not end"),
        ("<script>\nvar a", "line 1: a script element begins here and does not end"),
        ("<pre>" + "<i>" * 1001, "line 1: more than 1000 elements are open"),
        ("a\nb\0", "line 2: holds a zero byte"),
    ],
)
def test_damage_names_its_line(page, message):
    with pytest.raises(InputError, match=f"a.html: {message}"):
        taken("a.html", page.encode())


@pytest.mark.parametrize("label", ["latin-1", "windows-1252", "us-ascii", "utf-16"])
def test_other_encodings_are_refused(label):
    page = f'<meta charset="{label}"><p>a'.encode()
    with pytest.raises(InputError, match=f"a.html: says that it is in '{label}'; convert it"):
        taken("a.html", page)


scraps = st.lists(
    st.sampled_from(
        [*"ab <>&\"'=/!-", "<p>", "</p>", "<b>", "</b>", "<i title='x y'>", "</i>", "<br>", "\r\n"]
        + ["<code>", "</code>", "&amp;", "&lt;1&gt;", "<!-- c -->", "<pre>", "</pre>", "One. "]
        + ["<script>", "</script>", "<li translate=no>", "<img alt=a>", "\u00e9", "<title>"]
    ),
    max_size=25,
).map("".join)


@given(scraps)
def test_any_page_comes_back(page):
    try:
        tokens = list(html_tokens.tokens(page))
    except html_tokens.CutOffError:
        with pytest.raises(InputError):
            taken("a.html", page.encode())
        return
    assert "".join(token.raw for token in tokens) == page
    assert translated("a.html", page.encode(), same).decode() == page
    capitals = translated("a.html", page.encode()).decode()
    markup = [token.raw for token in tokens if token.kind in ("end", "other")]
    titles = [one for one in tokens if one.kind == "other" and one.name == "title"]
    if not titles:
        assert [
            one.raw for one in html_tokens.tokens(capitals) if one.kind in ("end", "other")
        ] == markup
