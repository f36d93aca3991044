"""Pictures between the dialects: `data:` URLs (RFC 2397) and base64 with a media type."""

from msgspec import Raw

from hx_gateway.core.chat import Image

_BASE64 = ";base64"


def image_of_url(url: str, *, detail: str | None = None, cache: Raw | None = None) -> Image:
    """Read a picture's URL; a base64 `data:` URL becomes data with its media type."""
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(_BASE64):
        media_type = head[len("data:") : -len(_BASE64)].partition(";")[0]
        return Image(data=data, media_type=media_type or "image/png", detail=detail, cache=cache)
    return Image(url=url, detail=detail, cache=cache)


def url_of(image: Image) -> str:
    """Write a picture as a URL."""
    if image.data is not None:
        return f"data:{image.media_type or 'image/png'}{_BASE64},{image.data}"
    return image.url or ""
