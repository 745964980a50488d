import pytest

from electra_model import ctranslate2_format
from electra_model.config import ModelConfig
from electra_model.errors import InputError


def test_the_library_may_be_missing(monkeypatch):
    ctranslate2_format.check_installed("--format")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"^--format: needs CTranslate2, .*pip install .*\[ctra"):
        ctranslate2_format.check_installed("--format")


def test_networks_that_the_library_has_not():
    for settings in ({}, {"embedding_dim": 8}, {"embedding_norm": True, "embedding_dim": 192}):
        ctranslate2_format.check_convertible(ModelConfig(**settings), "m")
    narrow = ModelConfig(embedding_norm=True, embedding_dim=8)
    with pytest.raises(InputError, match="^m: .* embedding_dim 8, d_model 192.; translate with"):
        ctranslate2_format.check_convertible(narrow, "m")


def test_a_card_says_what_its_folder_is():
    assert ctranslate2_format.is_exported({"format": "ctranslate2"})
    assert not ctranslate2_format.is_exported({"format_version": 1})
