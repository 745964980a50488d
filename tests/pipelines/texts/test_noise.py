import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.texts import noise
from pipelines.texts.characters import TextColumn
from pipelines.texts.noise import (
    LONGEST_PERIOD,
    address_characters,
    markup_characters,
    repeats_more_than,
)


def column(*texts):
    return TextColumn(pa.array(texts, pa.string()))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("plain", 0),
        ("a < b and c > d", 0),
        ("<b>bold</b>", 7),
        ("<a href='x y'>link</a>", 18),
        ("<br/>", 5),
        ("R&amp;D &#8211; &#x20;", 5 + 7 + 6),
        ("AT&T; no", 0),
        ("<!-- note --> x", 13),
        ("<-- arrow", 0),
        ("über <i>ü</i>", 7),
    ],
)
def test_markup(text, expected):
    assert markup_characters(column("", text, "x")).tolist() == [0, expected, 0]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("plain: text", 0),
        ("see https://example.org/a?b=c now", 25),
        ("WWW.Example.org", 15),
        ("mail to jane.doe@example.co.uk please", 22),
        ("@home and a@b", 0),
        ("ftp://x.de and me@x.de", 10 + 7),
        ("“https://ü.de/ä”", 15),
        ("std::vector", 0),
    ],
)
def test_addresses(text, expected):
    assert address_characters(column("", text, "x")).tolist() == [0, expected, 0]


@pytest.mark.parametrize(
    "text, times",
    [
        ("aaaaa", 5),
        ("hello", 2),
        ("no no no no", 4),
        ("no no no now", 3),
        ("haha hahaha", 3),
        ("the cat sat. the cat sat. the cat sat.", 3),
        ("да да да", 3),
        ("漢字漢字漢字", 3),
        ("----------", 1),
        ("0000000000", 1),
        ("= = = = =", 1),
        ("a1a1a1", 3),
        ("x" * 5000, 5000),
        (("a" * 31 + "b") * 4, 31),
        (("word number thirty-two, just so! ")[:32] * 3, 3),
        ("", 1),
    ],
)
def test_repetition_at_and_above_the_bound(text, times):
    around = column("aaa", text, "aaa")
    if times > 1:
        assert repeats_more_than(around, times - 1)[1]
    assert not repeats_more_than(around, times)[1]


def test_long_periods_are_not_looked_for():
    text = ("a sequence of more than 32 characters, which is long. ") * 5
    assert not repeats_more_than(column(text), 2)[0]


def most_repeated(text):
    """How often the most repeated sequence with a letter stands in a row, the slow way."""
    text += " "
    most = 1
    for period in range(1, LONGEST_PERIOD + 1):
        for start in range(len(text) - period + 1):
            block = text[start : start + period]
            if any(character.isalpha() for character in block):
                times = 1
                while text.startswith(block, start + times * period):
                    times += 1
                most = max(most, times)
    return most


@given(st.lists(st.text("ab -1é漢", max_size=24), min_size=1, max_size=5), st.integers(2, 6))
def test_repetition_is_that_of_the_definition(texts, times):
    expected = [most_repeated(text) > times for text in texts]
    assert repeats_more_than(column(*texts), times).tolist() == expected


@given(st.lists(st.text("ab ", max_size=600), min_size=1, max_size=4), st.integers(2, 4))
@settings(deadline=None)
def test_long_texts_in_windows_and_columns_in_blocks(texts, times):
    expected = repeats_more_than(column(*texts), times).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise, "_BLOCK", 1)  # a window is twice what it shares with the next
        assert repeats_more_than(column(*texts), times).tolist() == expected


def test_a_repetition_is_found_wherever_windows_meet(monkeypatch, times=2):
    monkeypatch.setattr(noise, "_BLOCK", 1)
    shared = LONGEST_PERIOD * (times + 1)
    other = "".join(chr(0x4E00 + n) for n in range(8 * shared))  # nothing of it comes twice
    unit = "a sequence of 32 characters, so."
    assert len(unit) == LONGEST_PERIOD
    for place in range(0, 4 * shared, 5):
        for copies, expected in ((times, False), (times + 1, True)):
            text = other[:place] + unit * copies + other[place:]
            assert repeats_more_than(column(text), times).tolist() == [expected], place
    # The space that completes the last word stands at the end of the text alone.
    for length in range(shared - 4, shared + 8):
        text = other[: length - 3 * times - 2] + "no " * times + "no" + "t" * 2
        assert repeats_more_than(column(text), times).tolist() == [False]
        assert repeats_more_than(column(text[:-2]), times).tolist() == [True]


WITH_COMMENTS = re.compile(r"<!--.{0,2000}?-->|" + noise._TAG_OR_ENTITY.pattern)
PIECES = st.sampled_from(
    ["<!--", "-->", "-", "<", ">", "<b>", "<a x='<!--'>", "&amp;", "&", "amp;", "text ", "<!", "a",
     "x" * 1996, "y" * 2001, "<i ", "</i>"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join))
def test_markup_is_what_one_pattern_would_find(text):
    expected = sum(len(match[0]) for match in WITH_COMMENTS.finditer(text))
    assert markup_characters(column(text)).tolist() == [expected]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["<!--", "<!-- -->", "<!--x", "-->", "<!--<b>"])
def test_comments_that_do_not_end_take_no_long(piece):
    text = piece * (4_000_000 // len(piece))
    assert 0 <= markup_characters(column(text + "<!--" + "-->"))[0] <= len(text) + 7
