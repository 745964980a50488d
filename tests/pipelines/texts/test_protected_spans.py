import random

import pytest

from pipelines.texts import protected_spans
from pipelines.texts.protected_spans import mask, texts_of


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Hello {name}, {0} of {{ x }} at ${y}", ["{name}", "{0}", "{{ x }}", "${y}"]),
        ("%s of %(n)d, %1$s, %5.2f", ["%s", "%(n)d", "%1$s", "%5.2f"]),
        ("%1 of %12, %r, %m: 5%1 %%1 %10s", ["%1", "%12", "%r", "%m", "%10s"]),
        ("100% sure, 5 % or 50%, {not this}", []),
        ("<b>x</b> <br/> <BR>", ["<b>", "</b>", "<br/>", "<BR>"]),
        ("<1>y</1> <2/>", ["<1>", "</1>", "<2/>"]),
        ("cp <file> <to>, 3 < 5 > 2", []),
        ("<a href='{url}'>x</a>", ["<a href='{url}'>", "</a>"]),
        ("Run `ls -l {0}` or ``a`b``.", ["`ls -l {0}`", "``a`b``"]),
        ("GNU's `this' and `that', a `b' ` c", []),
        ("`notify`-Aktion", ["`notify`"]),
        ("See https://a.org/x?y=1&z=%20#t.", ["https://a.org/x?y=1&z=%20#t"]),
        ("([x](https://a.org/b_(c)), www.a.org)!", ["https://a.org/b_(c)", "www.a.org"]),
        ("„https://a.org“ und ftp://b.c/{id}", ["https://a.org", "ftp://b.c/{id}"]),
        ("见https://a.org。", ["https://a.org"]),
        ("见 https://a.org，好", ["https://a.org"]),
        ("to a.b+c@d-e.org.", ["a.b+c@d-e.org"]),
        ("me @home", []),
        ("on {when, date, short} at {t, time}", ["{when, date, short}", "{t, time}"]),
        ("{n, plural, one {# file} other {{n} files of <b>x</b>}}", ["<b>", "</b>"]),
        ("", []),
    ],
)  # fmt: skip
def test_spans(text, expected):
    assert texts_of(text) == expected


def test_spans_are_in_order_and_apart():
    text = "`%s {a}` <a href='https://{b}/'>{c}</a> %(d)s@e.org https://f/{g}"
    found = protected_spans.places(text)
    assert found == sorted(found)
    assert all(stop <= start for (_, stop), (start, _) in zip(found, found[1:], strict=False))
    assert texts_of(text)[:4] == ["`%s {a}`", "<a href='https://{b}/'>", "{c}", "</a>"]


@pytest.mark.parametrize(
    "source, output, lost, added",
    [
        ("{a} and {b}", "{b} und {a}", {}, {}),
        ("{a} and {a}", "{a}", {"{a}": 1}, {}),
        ("{a}", "{A}", {"{a}": 1}, {"{A}": 1}),
        ("%s", "%1$s", {"%s": 1}, {"%1$s": 1}),
        ("<br>", "<br/>", {"<br>": 1}, {"<br/>": 1}),
        ("http://a.org/en", "http://a.org", {"http://a.org/en": 1}, {"http://a.org": 1}),
        ("x", "`x`", {}, {"`x`": 1}),
    ],
)  # fmt: skip
def test_spans_are_compared_to_the_letter(source, output, lost, added):
    assert protected_spans.lost(source, output) == lost
    assert protected_spans.lost(output, source) == added
    assert protected_spans.same(source, output) == (not lost and not added)


def test_masked_spans_come_back():
    masked = mask("%(user)s has <b>{0}</b> at `x`")
    assert masked.text == "{0} has {1}{2}{3} at {4}"
    assert masked.unmask("{4}: {1}{2}{3} {0} {5}") == "`x`: <b>{0}</b> %(user)s {5}"
    assert mask("nothing").unmask("{0}") == "{0}"
    # What looks like a mask and is none keeps its meaning.
    icu = mask("{n, plural, one {0} other {{0}s}} %s")
    assert icu.spans == {"{1}": "%s"}


PARTS = [
    "{name}", "{0}", "{1}", "{{x}}", "${y}", "%s", "%(n)d", "%", "%%", "<b>", "</b>", "<", ">",
    "{", "}", "`", "`a b`", "https://a.org/", "(", ")", ".", "a@b.org", "@", "word", "ein", " ",
    " ", "$", "42", "«", "<1/>",
]  # fmt: skip


def test_any_text_can_be_cut_and_masked():
    draw = random.Random(5)
    masked_spans = 0
    for _ in range(3000):
        text = "".join(draw.choices(PARTS, k=draw.randrange(12)))
        pieces, spans = protected_spans.cut(text)
        assert "".join(a + b for a, b in zip(pieces, [*spans, ""], strict=True)) == text
        masked = mask(text)
        assert masked.unmask(masked.text) == text
        masked_spans += len(spans)
    assert masked_spans > 3000


@pytest.mark.parametrize(
    "text",
    ["`" * 20_000, "` `` ``` " * 4000, "<a " * 9000, "{" * 30_000, "a@" * 9000, "www." * 9000],
)
def test_no_text_takes_long(text):
    protected_spans.texts_of(text)
    mask(text)


def test_masking_takes_no_longer_for_each_span_than_for_few():
    """Quadratic, these would take minutes."""
    text = "<1> a " * 20_000 + "{0} {7} {19}"
    masked = mask(text)
    assert masked.unmask(masked.text) == text and len(masked.spans) > 20_000
