"""Programs that a test asks, and that a machine may lack."""

import os
from typing import NoReturn

import pytest

ALL_HERE = "HX_ALL_HERE"  # set where everything is installed, as in CI: nothing is skipped there


def absent(what: str) -> NoReturn:
    """Skip a test that cannot be run here; fail it where all of them have to be."""
    if os.environ.get(ALL_HERE):
        pytest.fail(f"{what} is missing, and no test may be skipped here")
    pytest.skip(f"{what} is missing")
