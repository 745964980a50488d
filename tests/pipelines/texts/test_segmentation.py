import random

import pytest

from pipelines.texts.segmentation import Layout, cut_sentence, join_text, one_line, split_text


def words(texts):
    """Tokens of a stand-in tokenizer: one for each 10 letters of a word, and the end mark."""
    return [1 + sum(-(-len(word) // 10) for word in text.split()) for text in texts]


def test_sentences_and_what_lies_between_them():
    layout = split_text("Ask Dr. Smith.  Is it 3.5 kg?\tYes!\n\n  Indented: e.g. this.\n", "en")
    assert layout == Layout(
        segments=("Ask Dr. Smith.", "Is it 3.5 kg?", "Yes!", "Indented: e.g. this."),
        gaps=("", "  ", "\t", "\n\n  ", "\n"),
    )


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", ()),
        ("   \t ", ()),
        ("\r\n\r\n", ()),
        ("----\n42\n😀 😀\n1.2.3\n", ()),
        ("one\r\ntwo\r\n", ("one", "two")),
        ("one\u2028two\x85three\x0cfour", ("one", "two", "three", "four")),
        ("你好。世界。", ("你好。", "世界。")),
        ("no end mark", ("no end mark",)),
        ("😀 Hello. 😀", ("😀 Hello.",)),
        ("By A.\u00a0B. Smith.\u00a0Yes.", ("By A.\u00a0B. Smith.", "Yes.")),
        ("a\0b. C", ("a\0b.", "C")),
        (
            "See https://a.b/c?Q=1. Then leave.",
            ("See https://a.b/c?Q=1.", "Then leave."),
        ),
        ("Say `No. Yes` once. Go.", ("Say `No. Yes` once.", "Go.")),
    ],
)
def test_segments(text, segments):
    layout = split_text(text, "en")
    assert layout.segments == segments
    assert join_text(layout.gaps, layout.segments) == text


def test_nothing_is_dropped_from_any_text():
    draw = random.Random(7)
    alphabet = "abC é好. . . !?,;\"'“”()\n\r\t \u00a0\u2028\u200d\u0301\ufeff😀\0…"
    for language in ("en", "de", "zh", "unknown", ""):
        for length in (1, 5, 40, 300, 25_000):
            text = "".join(draw.choices(alphabet, k=length))
            layout = split_text(text, language)
            assert join_text(layout.gaps, layout.segments) == text
            assert not any("\n" in segment or not segment for segment in layout.segments)


def test_a_long_line_without_any_break_is_kept_whole():
    text = "x" * 1_000_000
    assert "".join(split_text(text, "en").segments) == text


def test_join_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="2 gaps do not fit around 2 segments"):
        join_text(("", ""), ("a", "b"))


def test_one_line():
    assert one_line(" Eins\r\nzwei\u2028drei\0vier ") == "Eins zwei drei vier"


def test_a_sentence_within_the_bound_is_not_cut():
    assert cut_sentence("One two.", words, 3) == Layout(("One two.",), ("", ""))


def test_cuts_after_a_clause_in_the_second_half():
    layout = cut_sentence("one two, three four five six seven", words, 6)
    assert layout == Layout(("one two, three four five", "six seven"), ("", " ", ""))
    layout = cut_sentence("one two three four, five six", words, 6)
    assert layout == Layout(("one two three four,", "five six"), ("", " ", ""))


def test_cuts_words_that_are_too_long_but_never_drops_anything():
    sentence = "a" * 100 + "  " + "e\u0301" * 50 + " end"
    layout = cut_sentence(sentence, words, 4)
    assert join_text(layout.gaps, layout.segments) == sentence
    assert max(words(list(layout.segments))) <= 4
    assert not any(segment.startswith("\u0301") for segment in layout.segments)


def test_cuts_scripts_without_white_space_at_their_marks():
    sentence = "今天天气很好，我们去公园，然后回家。"
    layout = cut_sentence(sentence, lambda texts: [1 + len(text) for text in texts], 14)
    assert layout.segments == ("今天天气很好，我们去公园，", "然后回家。")
    assert layout.gaps == ("", "", "")


def test_a_character_over_the_bound_stays():
    assert cut_sentence("ab", lambda texts: [9] * len(texts), 4).segments == ("a", "b")


def test_a_megabyte_is_cut_in_reasonable_time():
    sentence = "word, " * 170_000
    layout = cut_sentence(sentence, words, 60)
    assert join_text(layout.gaps, layout.segments) == sentence
    assert max(words(list(layout.segments))) <= 60
