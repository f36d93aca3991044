import pytest

from hx_gateway import __version__
from hx_gateway.cli.main import main


def test_the_version_is_the_packages_own(capsys: pytest.CaptureFixture[str]) -> None:
    main(["version"])
    assert __version__ in capsys.readouterr().out
