import pytest

from tests.cloud import servers


@pytest.fixture(scope="session")
def gcs(tmp_path_factory):
    with servers.gcs(tmp_path_factory.mktemp("gcs")) as variables:
        yield variables


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    with servers.s3(tmp_path_factory.mktemp("s3")) as variables:
        yield variables
