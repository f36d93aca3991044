"""The TLS settings towards upstreams."""

import ssl

from hx_gateway.core.http import Origin


class Trust:
    """The TLS contexts of one client, made when first needed (reading the roots takes 10 ms)."""

    __slots__ = ("_lax", "_strict")

    def __init__(self) -> None:
        self._strict: ssl.SSLContext | None = None
        self._lax: ssl.SSLContext | None = None

    def context(self, origin: Origin) -> ssl.SSLContext | None:
        """Get the context for an origin; None when it does not speak TLS."""
        if origin.scheme != "https":
            return None
        if origin.verify_tls:
            self._strict = self._strict or _context()
            return self._strict
        if self._lax is None:
            self._lax = _context()
            self._lax.check_hostname = False
            self._lax.verify_mode = ssl.CERT_NONE
        return self._lax


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
