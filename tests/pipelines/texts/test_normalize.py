import re
import unicodedata

import hypothesis
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import strategies as st

from electra_model import word_columns
from pipelines.texts import normalize
from pipelines.texts.normalize import _PLAIN, normalize_column, normalize_texts, reduce_sources

# Texts in which spaces of all kinds, marks and ASCII stand close together.
TEXTS = st.lists(
    st.text(
        st.one_of(
            st.sampled_from("ab 1.-\t\n\x1f\x85\u00a0\u2003\u3000\u0301\u212bÅéß가か\u3099"),
            st.characters(exclude_categories=["Cs"]),
        )
    )
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("  a \t b\n", "a b"),
        ("a\u00a0b\u2028c\u3000d", "a b c d"),
        ("Cafe\u0301", "Café"),
        ("\u2003", ""),
        ("½ m² ﬁ", "½ m² ﬁ"),  # NFC, not NFKC: nothing is replaced by something like it
        ("zero\u200bwidth", "zero\u200bwidth"),
        ("", ""),
    ],
)
def test_normalize(text, expected):
    assert normalize_texts([text]) == [expected]
    assert normalize_texts([expected]) == [expected]
    assert normalize_column(pa.array([text, "x  y", text])).to_pylist() == [
        expected,
        "x y",
        expected,
    ]


@hypothesis.given(TEXTS)
@hypothesis.settings(deadline=None)
def test_a_column_is_normalised_as_its_texts_are(texts):
    column = pa.array(["\u3000 cut away", *texts], pa.string())[1:]
    normalised = normalize_column(column)
    normalised.validate(full=True)
    assert normalised.to_pylist() == normalize_texts(texts)


def test_plain_characters_are_nfc_beside_any_other():
    """Neither changed by NFC nor drawn into the character before."""
    drawn = set()
    for code in [*range(0xD800), *range(0xE000, 0x110000)]:
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            pair = "".join(chr(int(part, 16)) for part in parts)
            if unicodedata.normalize("NFC", pair) == chr(code):
                drawn.add(pair[1])
    ranges = re.findall(r"\\x(?:00|\{([0-9a-f]+)\})-\\x\{([0-9a-f]+)\}", _PLAIN)
    assert len(ranges) > 15
    for first, last in ranges:
        for code in range(int(first or "0", 16), int(last, 16) + 1):
            character = chr(code)
            assert not unicodedata.combining(character) and character not in drawn
            assert unicodedata.normalize("NFC", character) == character


def test_reduced_sources():
    reduced = reduce_sources(
        pa.array(["Page 3 of 7.", "page 14 OF 9", "Straße", "3.14", "5 + 5", "", "第 3 章"])
    )
    assert reduced.to_pylist() == ["pageof", "pageof", "straße", "3.14", "+", "", "第章"]


@hypothesis.given(TEXTS)
@hypothesis.settings(deadline=None)
def test_bytes_are_reduced_as_characters_are(texts):
    column = pa.array(normalize_texts(texts), pa.string())
    reduced = pc.replace_substring_regex(pc.utf8_lower(column), r"[\p{N}\p{P}\s]+", "")
    expected = pc.if_else(pc.equal(reduced, ""), column, reduced)
    assert reduce_sources(column).to_pylist() == expected.to_pylist()


@hypothesis.given(TEXTS, st.integers(1, 12), st.integers(1, 12))
@hypothesis.settings(deadline=None)
def test_long_texts_are_normalised_piece_by_piece(texts, size, looked_through):
    texts = [*texts, " ".join(texts)]
    expected = normalize_texts(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalize, "_LONG", size)
        patch.setattr(normalize, "_LOOKED_THROUGH", looked_through)
        patch.setattr(word_columns, "_AT_ONCE", size)
        assert normalize_column(pa.array(texts, pa.string())).to_pylist() == expected


def test_marks_are_of_the_code_points_that_are_looked_at():
    assert not any(unicodedata.combining(chr(code)) for code in range(0x1F000, 0x110000))


@hypothesis.given(st.text("a\u0301\u0327\u0345\u05b0\u0344 \u0f71\U0001d165\u1ec7", max_size=40))
@hypothesis.settings(deadline=None)
def test_runs_of_marks_are_put_in_order(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalize, "_MOST_MARKS", 2)
        normalize._many_marks.cache_clear()
        found = normalize_texts([text])
    normalize._many_marks.cache_clear()
    assert found == [" ".join(unicodedata.normalize("NFC", text).split())]


@pytest.mark.timeout(20)
def test_a_megabyte_of_marks_takes_no_long():
    text = "a" + "\u0301\u0327\u0301" * 170_000
    (found,) = normalize_texts([text])
    assert found[0] == "\u00e1" and found[1:] == "\u0327" * 170_000 + "\u0301" * 339_999
    assert normalize_column(pa.array([text * 2])).to_pylist() == [found * 2]
    # A character of class 0 that is two marks.
    (found,) = normalize_texts(["\u0f40" + "\u0f73" * 100_000])
    assert found == "\u0f40" + "\u0f71" * 100_000 + "\u0f72" * 100_000
