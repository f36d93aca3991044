"""What holds for every test."""

import gc
import sys

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Let a test that failed drop what it held open before its report ends.

    Its traceback keeps sockets and files alive until the next test that fails; their warnings would
    then fail that one, or whichever runs when the collector comes by.
    """
    if not hasattr(sys, "last_value"):  # as pytest leaves it when the test passed
        return
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        if hasattr(sys, name):
            delattr(sys, name)
    gc.collect()
