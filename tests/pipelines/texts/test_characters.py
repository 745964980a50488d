import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_model import word_columns
from pipelines.texts import characters
from pipelines.texts.characters import LETTERS, CharacterClass, TextColumn, class_table

C = CharacterClass


def column(*texts):
    return TextColumn(pa.array(texts, pa.string()))


@pytest.mark.parametrize(
    "text, classes, expected",
    [
        ("Abc ß é", LETTERS, 5),
        ("Abc ß é", (C.LATIN,), 5),
        ("Привет, мир", (C.CYRILLIC,), 9),
        ("αβγ Ω", (C.GREEK,), 4),
        ("مرحبا", (C.ARABIC,), 5),
        ("שלום", (C.HEBREW,), 4),
        ("हिन्दी", (C.DEVANAGARI,), 3),
        ("हिन्दी", (C.MARK,), 3),
        ("สวัสดี", (C.THAI,), 4),
        ("漢字カナかな", (C.HAN,), 2),
        ("漢字カナかなー", (C.KANA,), 5),
        ("한국어", (C.HANGUL,), 3),
        ("ქართული", (C.OTHER_LETTER,), 7),
        ("a1٣५Ⅷ½", (C.DIGIT,), 5),
        ("a, «b» — c.", (C.PUNCTUATION,), 5),
        ("€ + 😀", (C.SYMBOL,), 3),
        ("a b\u00a0c\td\u2028", (C.SPACE,), 4),
        ("a\x00\x07\u00ad\ufeff\u202e", (C.CONTROL,), 5),
        ("a\u200c\u200d\u200e\u200f\u200b", (C.JOINER,), 5),
        ("a\ufffd\ufffd", (C.REPLACEMENT,), 2),
        ("\ue000\U000f0000\u0378", (C.OTHER,), 3),
        ("\U00020000 \U0001f600 𝔘", LETTERS, 2),
    ],
)
def test_counts_by_class(text, classes, expected):
    # Neighbours, ASCII and not, change nothing.
    assert column("", "plain", text, "grün", "").count(*classes)[2] == expected


def test_classes_of_every_row_add_up_to_its_length():
    texts = ["", "ab", "grün 漢", "😀", "", "x\ufffd"]
    assert column(*texts).lengths.tolist() == [0, 2, 6, 1, 0, 2]


def test_letters_of_scripts_are_those_that_unicode_names_after_them():
    table = class_table()
    names = {"LATIN": 1, "CYRILLIC": 2, "GREEK": 3, "ARABIC": 4, "HEBREW": 5, "DEVANAGARI": 6}
    names |= {"THAI": 7, "CJK": 8, "HIRAGANA": 9, "KATAKANA": 9, "HANGUL": 10}
    for code in range(0x3000):
        character = chr(code)
        if unicodedata.category(character)[0] == "L":
            script = names.get(unicodedata.name(character).split()[0])
            if script is not None and code != 0x2184:  # a Roman numeral, reversed
                assert table[code] == script, f"U+{code:04X}"
    assert table[0x4E00] == C.HAN and table[0xAC00] == C.HANGUL and table[0x30A2] == C.KANA


def test_same_letters_as_the_regular_expressions_of_arrow():
    texts = ["12 abc", "हिन्दी में 1", "Ünïcödé!", "", "漢字 x", "..."]
    letters = pc.utf8_length(pc.replace_substring_regex(pa.array(texts), r"[^\p{L}\p{M}]+", ""))
    assert column(*texts).count(*LETTERS, C.MARK).tolist() == letters.to_pylist()


def test_slices_of_a_column():
    whole = pa.array(["aé", "b", "ccß", "dddd"], pa.string())
    part = TextColumn(whole.slice(1, 2))
    assert part.count(C.LATIN).tolist() == [1, 3]
    assert part.contains("c").tolist() == [False, True]
    assert TextColumn(whole.slice(1, 0)).count(C.LATIN).tolist() == []


def test_finds_rare_characters():
    some = column("a%b", "", "ü{", "plain", "<")
    assert some.contains("{%<").tolist() == [True, False, True, False, True]
    assert column("a", "b\ufffd", "").has(C.REPLACEMENT, C.CONTROL).tolist() == [False, True, False]
    with pytest.raises(ValueError, match="only ASCII"):
        some.contains("ü")
    with pytest.raises(ValueError, match="no nulls, but 1 were found"):
        TextColumn(pa.array(["a", None]))


@given(st.lists(st.text(max_size=12), max_size=8))
def test_counts_are_those_of_each_character(texts):
    table = class_table()
    for code in (C.LATIN, C.OTHER, C.SPACE, C.CONTROL, C.HAN):
        expected = [sum(table[ord(character)] == code for character in text) for text in texts]
        assert column(*texts).count(code).tolist() == expected
    assert np.array_equal(column(*texts).lengths, [len(text) for text in texts])


TEXTS = st.lists(
    st.text(st.sampled_from("ab <\x07\ufffd\u0301éдא漢한ก😀1.")), min_size=1, max_size=8
)


def facts(some):
    """All that a column says of its rows."""
    return (
        [some.count(code).tolist() for code in C]
        + [some.has(code).tolist() for code in C]
        + [some.lengths.tolist(), some.spaces.tolist(), some.contains("<").tolist()]
    )


@given(TEXTS, st.randoms(use_true_random=False))
def test_rows_that_are_taken_keep_what_is_known_of_them(texts, draw):
    rows = [row for row in range(len(texts)) if draw.random() < 0.6]
    whole = TextColumn(pa.array(["cut away", *texts], pa.string())[1:])
    expected = facts(column(*(texts[row] for row in rows)))
    assert facts(whole.take(np.array(rows, np.int64))) == expected  # nothing is known yet
    facts(whole)
    taken = whole.take(np.array(rows, np.int64))
    assert {"lengths", "spaces"} <= {*vars(taken)} and taken._counts
    assert facts(taken) == expected


@given(TEXTS, st.integers(1, 9))
def test_blocks_leave_no_trace(texts, size):
    expected = facts(column(*texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(characters, "_BLOCK", size)
        patch.setattr(word_columns, "_AT_ONCE", size)
        assert facts(column(*texts)) == expected


@given(
    st.lists(st.text(st.sampled_from("ab漢é😀  ")), max_size=8),
    st.integers(1, 7),
    st.sampled_from([1, 2, 3, 7, 1 << 20]),
)
def test_words_longer_than_a_bound(texts, bound, size):
    expected = [any(len(word) > bound for word in text.split(" ")) for text in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(characters, "_BLOCK", size)
        assert column(*texts).has_longer_word(bound).tolist() == expected


def test_the_largest_bound_takes_no_longer_than_others():
    """A regular expression that counts to 1,000 takes a minute and more for these 2 MB."""
    texts = ["x" * 999 + " " + "y" * 1000] * 1000
    assert not column(*texts).has_longer_word(1000).any()
    assert column(*texts, "é" * 1001).has_longer_word(1000).tolist() == [False] * 1000 + [True]
