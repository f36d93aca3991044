import pytest

from hx_gateway.config.option import written
from hx_gateway.config.options import OPTIONS


def test_secrets_are_known_by_their_type() -> None:
    secret = {option.path for option in OPTIONS if option.is_secret}
    assert {"auth.master_key", "auth.admin_keys", "store.url", "redis.url"} <= secret
    assert "server.port" not in secret


@pytest.mark.parametrize(
    ("number", "text"), [(1 << 20, "1048576"), (0, "0"), (0.1, "0.1"), (5.0, "5")]
)
def test_limits_are_written_as_people_do(number: float, text: str) -> None:
    assert written(number) == text
