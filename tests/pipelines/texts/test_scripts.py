import pytest

from electra_model.errors import InputError
from pipelines.texts.characters import CharacterClass as C
from pipelines.texts.scripts import is_spaced, primary, scripts_of


@pytest.mark.parametrize(
    "language, expected",
    [
        ("en", {C.LATIN}),
        ("pt-BR", {C.LATIN}),
        ("ru", {C.CYRILLIC}),
        ("el", {C.GREEK}),
        ("fa", {C.ARABIC}),
        ("he", {C.HEBREW}),
        ("hi", {C.DEVANAGARI}),
        ("th", {C.THAI}),
        ("zh_TW", {C.HAN}),
        ("ja", {C.KANA, C.HAN}),
        ("ko", {C.HANGUL, C.HAN}),
        ("ka", {C.OTHER_LETTER}),
        ("sr", {C.CYRILLIC, C.LATIN}),
        ("sr-Latn", {C.LATIN}),
        ("uz-Cyrl-UZ", {C.CYRILLIC}),
        ("tlh-Latn", {C.LATIN}),
    ],
)
def test_scripts_of_languages(language, expected):
    assert set(scripts_of(language)) == expected


@pytest.mark.parametrize("language", ["tlh", "", "xx-YY"])
def test_unknown_languages_are_an_error(language):
    with pytest.raises(InputError, match="clean.min_script_share: .* are not known"):
        scripts_of(language)


def test_languages_without_spaces():
    assert primary("zh_Hant_TW") == "zh"
    spaced = [is_spaced(language) for language in ("de", "ko", "zh-TW", "ja", "th")]
    assert spaced == [True, True, False, False, False]
