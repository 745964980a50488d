import pytest

from pipelines.formats import variants


@pytest.mark.parametrize(
    "wanted, offered, chosen",
    [
        (["en", "de"], ["en", "de"], (0, 1)),
        (["en", "de"], ["DE", "EN"], (1, 0)),
        (["pt-BR"], ["pt", "pt-PT", "PT_br"], (2,)),
        (["en"], ["en-US"], (0,)),
        (["en-us"], ["en"], (0,)),
        (["en-US"], ["en-GB"], (0,)),
        (["en"], ["en-GB", "en-US", "en"], (2,)),
        (["en"], ["en-GB", "en-US"], (0,)),
        (["de"], ["de", "de"], (0,)),
        (["en", "fr"], ["en", "de"], (0, None)),
        (["en"], ["eng"], (None,)),
        (["en"], [None, "", "e" * 1000, "x-none"], (None,)),
        (["en"], [], (None,)),
        (["en-US", "en-GB"], ["en-GB", "en-US"], (1, 0)),
        (["en-US", "en-GB"], ["en-GB"], (None, 0)),
        (["zh-CN"], ["zh-TW", "zh-Hans"], (1,)),
        (["zh-Hant"], ["zh_CN"], (None,)),
        (["zh"], ["zh-TW"], (0,)),
        (["sr-Latn"], ["sr@latin"], (0,)),
        (["sr-Latn"], ["sr-Cyrl"], (None,)),
    ],
)
def test_choose(wanted, offered, chosen):
    assert variants.choose(wanted, offered) == chosen
