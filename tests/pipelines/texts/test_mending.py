import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.texts import mending
from pipelines.texts.mending import mend_texts


@pytest.mark.parametrize(
    "text, expected",
    [
        ("schÃ¶n", "schön"),
        ("doesnâ€™t", "doesn’t"),
        ("R&amp;D", "R&D"),
        ("a\u00adb\ufeffc\u2063d", "abcd"),
        ("bell \x07", "bell "),
        ("ﬁne", "fine"),
        ("&lt;b&gt; <b>", "&lt;b&gt; <b>"),  # in a text with tags, entities are markup
        ("„Anführung“ und “quotes” ‘too’", "„Anführung“ und “quotes” ‘too’"),
        ("全角！ＡＢＣ", "全角！ＡＢＣ"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("plain", "plain"),
        ("Größe, 漢字, Привет", "Größe, 漢字, Привет"),
    ],
)
def test_mends_what_is_broken_and_nothing_else(text, expected):
    assert mend_texts([text, "x"]) == ([expected, "x"], [text != expected, False])


@given(st.text(max_size=30))
def test_the_cheap_test_passes_over_nothing_that_would_change(text):
    (mended,), (changed,) = mend_texts([text])
    if not changed:
        assert mending._mend(text).replace("\r\n", "\n").replace("\r", "\n") == text.replace(
            "\r\n", "\n"
        ).replace("\r", "\n")
    mended.encode()
