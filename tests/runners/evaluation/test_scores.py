import math

import pytest

from runners.evaluation.scores import (
    bleu_tokenizer,
    compared_with_copying,
    corpus_scores,
    in_words,
    perplexities,
    sentence_chrf,
)


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [
        ("de", "13a"),
        ("pt_BR", "13a"),
        ("zh", "zh"),
        ("zh-Hant", "zh"),
        ("cmn_Hans", "zh"),
        ("th", "char"),
    ],
)
def test_tokenizer_fits_the_language(language, tokenizer):
    assert bleu_tokenizer(language) == tokenizer


@pytest.mark.parametrize("language", ["ja", "jpn_Jpan", "ko"])
def test_languages_with_optional_analysers_always_have_a_usable_tokenizer(language):
    score = corpus_scores(["a b c d"], ["a b c d"], language)["bleu"]
    assert score["score"] == 100
    assert "mecab" in score["signature"] or "tok:char" in score["signature"]


def test_equal_text_scores_100_and_signatures_name_the_settings():
    scores = corpus_scores(["Das ist ein kurzer Satz."], ["Das ist ein kurzer Satz."], "de")
    assert scores["bleu"]["score"] == scores["chrf"]["score"] == 100
    assert scores["bleu"]["signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert scores["chrf"]["signature"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no")


def test_chinese_is_counted_by_characters():
    # One character of ten differs: with words split at spaces there would be no matching 4-gram at
    # all.
    scores = corpus_scores(["无法连接到本地网络。"], ["无法连接到本机网络。"], "zh")
    assert "tok:zh" in scores["bleu"]["signature"]
    assert 40 < scores["bleu"]["score"] < 90


def test_copying_is_scored_beside_the_model():
    scores = compared_with_copying(["One two"], ["Eins zwei"], ["Eins zwei"], "de")
    assert scores["model"]["chrf"]["score"] == 100
    assert scores["copy_source"]["chrf"]["score"] < 20


def test_lists_of_other_lengths_and_empty_ones_are_refused():
    with pytest.raises(ValueError, match="got 1 and 2"):
        corpus_scores(["a"], ["a", "b"], "de")
    with pytest.raises(ValueError, match="at least one"):
        corpus_scores([], [], "de")


def test_sentence_chrf():
    assert sentence_chrf("Haus", "Haus") == 100
    assert sentence_chrf("", "Haus") == 0


def test_summaries_are_scored_beside_the_first_sentence():
    sources = ["The cat sat. It slept.", "No end"]
    hypotheses, references = ["a cat", "no"], ["The cat sat", "No"]
    scores = compared_with_copying(sources, hypotheses, references, "en", "summarise")
    assert list(scores) == ["model", "lead_1"]
    assert set(scores["model"]) == {"rouge1", "rouge2", "rougeL", "chrf"}
    assert scores["lead_1"]["rouge1"]["score"] == pytest.approx((100 + 200 / 3) / 2, abs=0.01)
    assert scores["model"]["rougeL"]["signature"].startswith("lcs|f1|mean")


def test_perplexities_are_of_all_references_together():
    found = perplexities([math.log(0.5) * 4, math.log(0.5) * 6], [2, 3], ["abc", "abcde"])
    assert found["perplexity"] == {"score": 4.0, "signature": "tokens:5|end:yes"}
    assert found["character_perplexity"] == {"score": 2.0, "signature": "characters:10|end:yes"}


def test_scores_in_words():
    scored = compared_with_copying(["One two"], ["Eins zwei"], ["Eins zwei"], "de")
    assert in_words(scored).startswith("BLEU 0.0, chrF 100.0 (copying the source: BLEU 0.0, ")
    bad = compared_with_copying(["The end. More."], ["no"], ["The end"], "en", "summarise")
    assert in_words(bad | {"empty": 1, "sentences": 2}) == (
        "ROUGE-1 0.0, ROUGE-L 0.0 (the first sentence: ROUGE-1 100.0, ROUGE-L 100.0); 1 of 2 "
        "summaries are empty; the model is worse than the first sentence: train for longer, or on "
        "more pairs"
    )
    going_on = compared_with_copying(["a b"], ["c d"], ["c d"], "en", "generate")
    going_on["model"]["perplexity"] = {"score": 12.34}
    assert in_words(going_on).endswith("), perplexity 12.3")
