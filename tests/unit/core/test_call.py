"""What a caller wants for its own call."""

import pytest

from hx_gateway.core.call import Wishes


@pytest.mark.parametrize(
    ("wish", "stream", "limit_s"),
    [
        (Wishes(), False, None),
        (Wishes(timeout_s=5.0), True, 5.0),
        (Wishes(timeout_s=5.0, stream_timeout_s=1.0), True, 1.0),
        (Wishes(timeout_s=5.0, stream_timeout_s=1.0), False, 5.0),
        (Wishes(stream_timeout_s=1.0), False, None),
    ],
)
def test_the_time_of_a_stream_is_its_own(wish: Wishes, stream: bool, limit_s: float | None) -> None:
    assert wish.limit_s(stream=stream) == limit_s
