import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cleaning import document_rules
from pipelines.cleaning.clean_config import PUBLISHED
from pipelines.cleaning.document_rules import Document, judge

# Ten lines of which some are as the rule dislikes them.
GOOD = "This is the line that we want to keep"


def lines(bad, count, good=GOOD):
    return "\n".join([bad] * count + [f"{good} {n}." for n in range(10 - count)])


@pytest.mark.parametrize(
    "rule, bound, kept, rejected",
    [
        ("min_punctuated_lines", 0.3, lines("no end", 7), lines("no end", 8)),
        ("max_bullet_lines", 0.3, lines("• point.", 3), lines("- point.", 4)),
        ("max_ellipsis_lines", 0.3, lines("and so on…", 3), lines("and so on...", 4)),
        ("max_symbol_word_ratio", 0.25, "# one two three four", "# # one two three"),
        ("min_mean_word_length", 3, "abc abc", "abc ab"),
        ("max_mean_word_length", 3, "abc abc", "abc abcd"),
        ("min_stop_words", 2, "The, house of cards", "The house. The cards"),
        ("max_duplicate_lines", 0.2, lines("again", 3), lines("again", 4)),
    ],
)
def test_at_and_beyond_the_bound(rule, bound, kept, rejected):
    assert judge(kept, "en", {rule: bound}) is None
    assert judge(rejected, "en", {rule: bound}) == rule


@pytest.mark.parametrize(
    "language, text",
    [
        ("en", "She said: “It is late.”\n\nHe went to the door (and left).\n"),
        ("de", "Das ist ein Satz, der nicht auffällt.\nUnd das ist noch einer!"),
        ("ru", "Это не первый раз, как он был здесь.\nИ что же?"),
        ("zh", "这是第一句话。\n这是第二句话！"),
        ("hi", "यह एक वाक्य है।"),
        ("ar", "هل هذا سؤال؟"),
        ("ja", "これは文です。"),
        ("sw", "Hii ni sentensi ya kawaida."),
    ],
)
def test_ordinary_documents_pass_with_the_published_bounds(language, text):
    assert judge(text, language, PUBLISHED) is None


def test_rules_of_words_pass_languages_without_spaces():
    bounds = {"max_mean_word_length": 10, "min_stop_words": 2, "max_symbol_word_ratio": 0.1}
    assert judge("这是一个没有空格的很长的句子。# #", "zh", bounds) is None
    assert judge("einsehrlangeswortohneleerzeichen", "de", bounds) == "max_mean_word_length"


def test_lists_of_function_words_are_of_some_languages():
    assert judge("no stop words here", "sw", {"min_stop_words": 2}) is None
    assert judge("Haus Baum", "de-AT", {"min_stop_words": 1}) == "min_stop_words"


def test_empty_lines_do_not_count():
    assert judge("\n\n \none.\n\t\n", "en", {"min_punctuated_lines": 1}) is None
    assert judge("one.\n\n\n\n", "en", {"max_duplicate_lines": 0}) is None
    assert judge("", "en", {"min_punctuated_lines": 0.1}) == "min_punctuated_lines"


@given(
    st.lists(
        st.sampled_from(
            ["one line.", "- x", "and so on...", "the", "of", " ", "\n", "\r\n", "\r", "\u2028",
             "#", "\x1c", "again\nagain\n", "…"]
        ),
        max_size=30,
    ).map("".join),
    st.integers(1, 9),
)  # fmt: skip
def test_long_documents_are_measured_piece_by_piece(text, size):
    def measured():
        document = Document(text, "en")
        return [measure(document) for measure in document_rules._MEASURES.values()]

    expected = measured()
    assert measured_at_once(text) == (Document(text, "en").line_count, expected[4])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_rules, "_PIECE", size)
        assert measured() == expected


def measured_at_once(text):
    """The number of lines with text, at least 1, and the length of the mean word."""
    words = text.split()
    lines = [line for line in text.splitlines() if line.strip()]
    return max(1, len(lines)), sum(map(len, words)) / max(1, len(words))
