"""How vendors want to be shown a credential."""

import msgspec

from hx_gateway.core.http import Header
from hx_gateway.core.secret import Secret


class Bearer(msgspec.Struct, frozen=True):
    """`Authorization: Bearer …` (RFC 6750)."""

    def headers(self, credential: Secret | None) -> tuple[Header, ...]:
        """Give the header; none without a credential."""
        if not credential:
            return ()
        return ((b"authorization", b"Bearer " + credential.reveal().encode()),)


class ApiKeyHeader(msgspec.Struct, frozen=True):
    """The bare credential in a header of the vendor's choice; `name` is lower-case."""

    name: bytes

    def headers(self, credential: Secret | None) -> tuple[Header, ...]:
        """Give the header; none without a credential."""
        return ((self.name, credential.reveal().encode()),) if credential else ()


class NoAuth(msgspec.Struct, frozen=True):
    """No credential at all: a child process on a socket only we can open."""

    def headers(self, credential: Secret | None) -> tuple[Header, ...]:  # noqa: ARG002 - the port
        """Give nothing."""
        return ()
