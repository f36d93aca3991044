"""What the client takes from an upstream at most."""

import msgspec


class ClientLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The caps of one client. Sizes in bytes, times in seconds.

    `idle_timeout` is how long an unused connection is kept: below the 60 to 75 s after which
    common servers close theirs, so that we leave first and a request never meets a closing peer.
    """

    max_head: int = 64 * 1024
    max_headers: int = 200
    max_body: int = 64 * 1024 * 1024
    max_unread: int = 32 * 1024
    idle_timeout: float = 30.0
