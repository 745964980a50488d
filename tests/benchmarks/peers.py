"""The environment of the tools we are compared with, apart from ours, from a lock of its own."""

import pathlib

from tests import locked_environment

HERE = pathlib.Path(__file__).parent


def peer_python(folder: pathlib.Path, peers: str = "peers") -> str:
    """The interpreter of "peers" (who prepare data), "trainers" (PyTorch) or "translators"
    (CTranslate2); their environment is made below `folder` when the lock changed."""
    return locked_environment.python(HERE / f"{peers}.lock", folder / f"{peers}-venv")
