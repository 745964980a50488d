"""What the tests of clouds and schedules need and nobody else: fetched once, into `work/cloud`.

`python -m tests.cloud.environments` prints the interpreter that runs them. It sees the project's
environment, and beside it what `cloud.lock` names.
"""

import pathlib

from tests import locked_environment

HERE = pathlib.Path(__file__).parent
FOLDER = pathlib.Path("work/cloud")


def python(name: str, *, beside_ours: bool) -> str:
    """The interpreter with what `NAME.lock` names; see `locked_environment`."""
    place = FOLDER.absolute() / f"{name}-venv"
    return locked_environment.python(HERE / f"{name}.lock", place, beside_ours=beside_ours)


if __name__ == "__main__":
    print(python("cloud", beside_ours=True))
