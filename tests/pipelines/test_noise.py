import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.characters import TextColumn
from pipelines.noise import LONGEST_PERIOD, address_characters, markup_characters, repeats_more_than


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
