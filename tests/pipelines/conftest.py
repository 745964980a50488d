import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from tests.pipelines import shouting
from tests.remembering import remember

remember()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A current folder with an empty `docs` and the card of a model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    shouting.write_model_card(tmp_path / "model")
    return tmp_path


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A real, untrained, very small exported model."""
    from electra_model.config import ModelConfig
    from electra_model.electra import Electra
    from electra_model.export import save_model
    from electra_model.sentencepiece_tokenizer import SentencePieceTokenizer
    from pipelines.config import VocabularyConfig
    from pipelines.vocabulary import train_pieces

    words = "the quick brown fox jumps over a lazy dog and runs home . , ! ?".split()
    counted = [(word, 9) for word in words]
    tokenizer = SentencePieceTokenizer(train_pieces(counted, VocabularyConfig(size=64)))
    sizes = ModelConfig(
        num_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, dff=16, max_length=16
    )
    model = Electra.from_config_and_vocabulary(sizes, tokenizer.size)
    model((np.ones((1, 8), np.int32), np.ones((1, 8), np.int32)))  # makes the weights
    folder = tmp_path_factory.mktemp("exported") / "model"
    save_model(folder, model, tokenizer, sizes, source_lang="en", target_lang="de")
    return str(folder)
