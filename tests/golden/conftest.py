"""`--golden-write` rewrites the golden files; the diff is the review."""

import pytest
from tests.support.golden import Golden


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-write", action="store_true", help="rewrite the golden files")


@pytest.fixture
def golden(pytestconfig: pytest.Config) -> Golden:
    return Golden(write=pytestconfig.getoption("--golden-write", default=False))
