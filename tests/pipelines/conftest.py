import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from tests.pipelines import shouting
from tests.remembering import remember
from tests.small_model import write_small_model

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
    """See `small_model`."""
    return str(write_small_model(tmp_path_factory.mktemp("exported") / "model"))
