import pytest

from runners.corpora.languages import canonical


@pytest.mark.parametrize(
    "tag, expected",
    [
        ("de", "de"),
        ("de_DE", "de"),
        ("de-AT", "de-AT"),
        ("DE", "de"),
        ("zh", "zh-Hans"),
        ("zh_CN", "zh-Hans"),
        ("zh-hans", "zh-Hans"),
        ("zh_Hans_CN", "zh-Hans"),
        ("zh_TW", "zh-Hant"),
        ("zh-Hant", "zh-Hant"),
        ("zh_HK", "zh-Hant"),
        ("pt_br", "pt-BR"),
        ("pt-PT", "pt"),
        ("es-419", "es-419"),
        ("sr@latin", "sr-Latn"),
        ("sr-Latn-RS", "sr-Latn-RS"),
        ("ca@valencia", "ca-valencia"),
        ("no", "nb"),
        ("german", "german"),
        ("", ""),
        ("../de", "../de"),
    ],
)
def test_canonical(tag, expected):
    assert canonical(tag) == expected
