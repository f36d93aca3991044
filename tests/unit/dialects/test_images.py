import pytest

from hx_gateway.core.chat import Image
from hx_gateway.dialects.images import image_of_url, url_of


@pytest.mark.parametrize(
    ("url", "image"),
    [
        ("https://a.test/p.png", Image(url="https://a.test/p.png")),
        ("data:image/jpeg;base64,QUJD", Image(data="QUJD", media_type="image/jpeg")),
        ("data:image/svg+xml,%3Csvg/%3E", Image(url="data:image/svg+xml,%3Csvg/%3E")),
    ],
)
def test_urls_go_both_ways(url: str, image: Image) -> None:
    assert image_of_url(url) == image
    assert url_of(image) == url


def test_a_data_url_without_a_type_is_a_png() -> None:
    assert image_of_url("data:;base64,QUJD").media_type == "image/png"
