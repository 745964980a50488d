"""These need an environment of their own (`make test-cloud`); without it they are not looked at."""

import importlib.util

import pytest

if importlib.util.find_spec("moto") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def gcs(tmp_path_factory):
    from tests.cloud import servers

    with servers.gcs(tmp_path_factory.mktemp("gcs")) as variables:
        yield variables


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    from tests.cloud import servers

    with servers.s3(tmp_path_factory.mktemp("s3")) as variables:
        yield variables
