from pipelines.texts import segmentation
from pipelines.texts.whole_texts import fit, fit_all, lay_out

TEXT = "One two three. Four five.\nSix seven eight"


def count(texts):
    return [1 + len(text.split()) for text in texts]


def test_a_text_is_one_segment_and_one_without_letters_none():
    layout = lay_out(TEXT)
    assert layout.segments == (TEXT,)
    assert segmentation.join_text(layout.gaps, ["short"]) == "short"
    for blank in ("", " \n", "42 --"):
        layout = lay_out(blank)
        assert layout.segments == () and segmentation.join_text(layout.gaps, []) == ""


def test_what_fits_stays_whole_on_one_line():
    assert fit(TEXT, "en", count, 9, "beginning") == "One two three. Four five. Six seven eight"


def test_whole_sentences_of_the_end_that_is_kept():
    assert fit(TEXT, "en", count, 8, "beginning") == "One two three. Four five."
    assert fit(TEXT, "en", count, 6, "beginning") == "One two three. Four five."
    assert fit(TEXT, "en", count, 5, "beginning") == "One two three."
    assert fit(TEXT, "en", count, 8, "end") == "Four five. Six seven eight"
    assert fit(TEXT, "en", count, 5, "end") == "Six seven eight"


def test_what_lies_between_sentences_counts():
    text = "One two.\n- 1 2 3 4\nThree four."
    assert fit(text, "en", count, 5, "beginning") == "One two."
    assert fit(text, "en", count, 10, "beginning") == "One two. - 1 2 3 4 Three four."


def test_a_sentence_that_is_too_long_is_cut():
    text = "a b c d, e f g h i. J k l, m n o p q."
    assert fit(text, "en", count, 5, "beginning") == "a b c d,"
    assert fit(text, "en", count, 5, "end") == "n o p q."
    assert fit("1 2 3 4 5 6", "en", count, 4, "beginning") == "1 2 3"


def test_which_texts_were_cut():
    texts = ["One two.", TEXT, "One\ntwo."]
    fitted, cut = fit_all(texts, "en", count, 5, "beginning")
    assert fitted == ["One two.", "One two three.", "One two."]
    assert cut == [False, True, False]
