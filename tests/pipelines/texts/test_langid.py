import pyarrow as pa
import pytest

from electra_model.errors import InputError
from pipelines.texts.characters import TextColumn
from pipelines.texts.langid import (
    SHORTEST,
    are_told_apart,
    check_language,
    compare,
    identify,
    is_known,
    probabilities,
)

TEXTS = {
    "en": "All human beings are born free and equal in dignity and rights.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "nb": "Alle mennesker er født frie og med samme menneskeverd og menneskerettigheter.",
    "pt-BR": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_texts_are_in_their_language(language):
    found = probabilities(TextColumn(pa.array(list(TEXTS.values()))), language)
    for other, probability in zip(TEXTS, found, strict=True):
        assert probability > 0.8 if other == language else probability < 0.1, other


def test_short_texts_pass():
    russian = TEXTS["ru"]
    column = TextColumn(pa.array([russian[: SHORTEST - 1], russian[:SHORTEST], ""]))
    found = probabilities(column, "en")
    assert found[0] == 1 and found[1] < 0.1 and found[2] == 1


def test_languages_that_are_not_known():
    check_language("zh-Hans")
    with pytest.raises(InputError, match="clean.wrong_language: 'tlh' is not a language"):
        check_language("tlh")


def test_which_languages_are_told_apart():
    assert are_told_apart("en", "de")
    assert not are_told_apart("en", "en-GB")
    assert not are_told_apart("nb", "da")
    assert not are_told_apart("en", "tlh")
    assert compare(TEXTS["de"], "de", "en") > 0 > compare(TEXTS["de"], "en", "de")


@pytest.mark.parametrize("language", TEXTS)
def test_texts_are_identified(language):
    """By the code that is expected, else by the model's; a relative counts as what is expected."""
    assert identify(TEXTS[language], [language]) == language
    assert identify(TEXTS[language], ["cs"]) in (language[:2], {"nb": "no"}.get(language))
    assert identify(TEXTS["nb"], ["en", "da"]) == "da"


def test_rare_languages_are_found_only_where_they_are_expected():
    faroese = "Øll menniskju eru fødd fræls og jøvn til virðingar og mannarættindi."
    assert identify(faroese, ["fo"]) == "fo"
    assert identify(faroese, ["en"]) != "fo"
    assert is_known("fo-FO") and not is_known("tlh")
