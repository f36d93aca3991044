"""The arguments of `serve`, by our names and by LiteLLM's."""

import pytest

from hx_gateway.app import serve
from hx_gateway.app.options import ServeOptions
from hx_gateway.cli.main import main


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServeOptions]:
    """What would have been served."""
    found: list[ServeOptions] = []

    def run(options: ServeOptions) -> int:
        found.append(options)
        return 0

    monkeypatch.setattr(serve, "run", run)
    return found


def test_litellm_names_are_understood(served: list[ServeOptions]) -> None:
    words = "serve --config c.yaml --host 0.0.0.0 --port 4001 --num_workers 2 --detailed_debug"
    assert main(words.split()) == 0
    (options,) = served
    assert (str(options.config), options.host, options.port, options.workers) == (
        "c.yaml",
        "0.0.0.0",
        4001,
        2,
    )


@pytest.mark.parametrize(
    ("word", "debug"), [("--debug", True), ("--detailed_debug", True), ("--dev", False)]
)
def test_debug_is_asked_for(served: list[ServeOptions], word: str, debug: bool) -> None:
    assert main(["serve", word]) == 0
    assert [each.debug for each in served] == [debug]
