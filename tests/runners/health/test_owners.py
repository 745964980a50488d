import pytest

from electra_model.errors import WorkError
from runners.health import owners


def test_another_owner_of_a_package():
    owners.check({"pipelines": ["electra-pipelines"], "runners": ["electra_pipelines"]})
    with pytest.raises(WorkError) as caught:
        owners.check({"pipelines": ["electra-pipelines", "pipelines"], "other": ["x"]})
    assert str(caught.value) == (
        "the Python package 'pipelines' of electra-pipelines is also installed by pipelines, and "
        "one hides the other; install electra-pipelines in an environment of its own"
    )
