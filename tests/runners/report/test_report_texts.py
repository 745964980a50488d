import pytest

from runners.report import report_texts

EN = "All human beings are born free and equal in dignity and rights."
DE = "Alle Menschen sind frei und gleich an Würde und Rechten geboren."
FR = "Tous les êtres humains naissent libres et égaux en dignité et en droits."
IT = "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti."
ES = "Todos los seres humanos nacen libres e iguales en dignidad y derechos."
NL = "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren."
PL = "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i praw."
DA = "Alle mennesker er født frie og lige i værdighed og rettigheder, siger man."


def test_shares_of_languages_begin_with_the_expected_ones():
    found = report_texts.language_shares([EN] * 6 + [DE] + [FR] * 2 + ["short"] * 9 + [IT], ["en"])
    assert found == {
        "identified": 10,
        "unknown": [],
        "expected": 1,
        "shares": [("en", 0.6), ("fr", 0.2), ("de", 0.1), ("it", 0.1)],
        "rest": 0.0,
    }


def test_languages_beyond_the_four_most_frequent_are_summed():
    texts = [EN] * 2 + [DE] * 2 + [FR] * 2 + [IT] * 2 + [ES] * 2 + [NL, PL]
    found = report_texts.language_shares(texts * 2, ["en-GB"])
    assert [code for code, _ in found["shares"]] == ["en-GB", "de", "fr", "it", "es"]
    assert found["rest"] == pytest.approx(2 / 12)


@pytest.mark.parametrize("expected, code", [("nb", "nb"), ("da", "da"), ("en", "da")])
def test_a_close_relative_counts_as_the_expected_language(expected, code):
    found = report_texts.language_shares([DA], [expected])
    assert (code, 1.0) in found["shares"]


def test_languages_that_cannot_be_identified_are_told():
    found = report_texts.language_shares([EN], ["tlh", "en"])
    assert found["unknown"] == ["tlh"] and found["shares"] == [("en", 1.0)]
    nothing = report_texts.language_shares(["too short"], ["en"])
    assert nothing["identified"] == 0 and nothing["shares"] == [] and nothing["expected"] == 0


def test_shares_of_pieces():
    pieces = [["▁the", "▁ho", "u", "s", "e"], ["▁", "<unk>", "▁a", "!", "<0xC2>", "<0xA9>"]]
    ids = [[9, 10, 11, 12, 13], [5, 1, 7, 8, 20, 21]]
    found = report_texts.piece_shares(ids, pieces, ["the house", "\ufffd a!©"])
    assert found == {
        "tokens": 11,
        "tokens_per_word": 11 / 4,
        "characters_per_token": 14 / 11,
        "unknown": 1 / 11,
        "single": 8 / 11,  # u s e, the bare mark, a, !, and the bytes
        "letter": 4 / 11,
    }


def test_tokens_per_word_need_words():
    info = {"fertility": {"en": {"words": 4, "tokens": 6}, "zh-Hans": {"words": 2, "tokens": 9}}}
    assert [row["tokens_per_word"] for row in report_texts.fertility(info)] == [1.5, None]
    assert report_texts.fertility({}) == []


def test_a_dataset_without_shards_or_vocabulary_says_nothing(tmp_path):
    assert report_texts.texts(str(tmp_path), {}) == []
    splits = {"train": {"shards": [{"file": "gone", "records": 3}]}, "pretrain": {"shards": []}}
    assert report_texts.texts(str(tmp_path), {"splits": splits}) == []


@pytest.mark.parametrize(
    "met, fingerprint, expected",
    [
        (["de", "en", "nl"], "ab", ["en", "de", "nl"]),
        (["de", "en"], {"source": "ab", "target": "cd"}, ["en"]),
        (["en"], "ab", ["en"]),
        ([], "ab", ["en", "de"]),
    ],
)
def test_languages_of_windows(met, fingerprint, expected):
    info = {
        "source_lang": "en",
        "target_lang": "de",
        "fertility": {language: {"words": 1, "tokens": 1} for language in met},
        "vocabulary_fingerprint": fingerprint,
    }
    assert report_texts.expected_in_windows(info) == expected
    assert report_texts.expected_in_windows({}) == []
