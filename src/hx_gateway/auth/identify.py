"""Step 2 of a call: from request headers to a verified `Principal`, or an exception."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from hx_gateway.auth.credentials import ADMIN_HEADER, AUTHORIZATION, OWN_HEADER, read_key
from hx_gateway.auth.keyring import Entry, Keyring
from hx_gateway.auth.keys import MAX_LENGTH
from hx_gateway.core.errors import Unauthenticated
from hx_gateway.core.principal import GRANTABLE, Principal, Scope
from hx_gateway.core.snapshot import AuthSettings

MASTER = Principal(key_id="master", scopes=GRANTABLE, alias="master", user_id="default_user_id")
WRITER = Principal(key_id="admin-header", scopes=frozenset({Scope.RAG_READ, Scope.RAG_WRITE}))
MAX_SEEN = 1024
_PREFIX = b"sk-"


class Pass(msgspec.Struct, frozen=True):
    """Who was recognised; `holds` says whether that is still true. See `core.fast.Pass`."""

    principal: Principal
    holds: Callable[[], bool]


def _always() -> bool:
    return True


class Gatekeeper:
    """Who stands at the door: turns headers into a verified caller or refuses.

    `known` is the hot path: no waiting, for the master key and keys verified a moment ago. `find`
    is the whole truth and may ask the store. The master key works whatever the store does; a text
    without the form of a key never reaches it.
    """

    def __init__(self, settings: AuthSettings, keyring: Keyring) -> None:
        """`keyring` knows the virtual keys; it may outlive this gatekeeper."""
        self._own_header = settings.key_header
        self._before = (ADMIN_HEADER, OWN_HEADER, settings.key_header or OWN_HEADER)
        self._seen: dict[bytes, Entry] = {}
        master = settings.master_key
        self._master = master.reveal().encode() if master else None
        self._admin_keys = tuple(key.reveal().encode() for key in settings.admin_keys if key)
        self._keyring = keyring

    def known(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Identify without waiting; None means ask `find`, never that nobody is there.

        An Authorization header is read and hashed once for as long as its key is known: nothing
        else of a request says who it is, unless it has one of the headers that come before.
        """
        admin, own, configured = self._before
        if admin in headers or own in headers or configured in headers:
            return self._recognise(headers)
        value = headers.get(AUTHORIZATION)
        if value is None:
            return self._recognise(headers)
        entry = self._seen.get(value)
        if entry is not None and self._keyring.holds(entry):
            return entry.principal
        return self._recognise(headers)

    def pass_of(self, headers: Mapping[bytes, bytes]) -> "Pass | None":
        """Recognise, as `known`, a caller who will come again with the very same headers."""
        principal = self.known(headers)
        if principal is None:
            return None
        if principal is MASTER:
            return Pass(MASTER, _always)
        entry = self._seen.get(headers.get(AUTHORIZATION, b""))
        if entry is None or entry.principal is not principal:
            return None
        return Pass(principal, partial(self._keyring.holds, entry))

    def _recognise(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        if ADMIN_HEADER in headers:
            return None
        key = read_key(headers, self._own_header)
        if key is None:
            return None
        if self._is_master(key):
            return MASTER
        entry = self._keyring.fresh(hashlib.sha256(key).hexdigest())
        if entry is None:
            return None
        value = headers.get(AUTHORIZATION)
        if value is not None and read_key({AUTHORIZATION: value}) == key:
            if len(self._seen) >= MAX_SEEN:
                self._seen.clear()
            self._seen[value] = entry
        return entry.principal

    async def find(self, headers: Mapping[bytes, bytes]) -> Principal:
        """Identify; raises Unauthenticated, or DependencyError naming the store.

        A right `X-HX-Admin-Key` adds the write scope to a valid key; without a key it is a caller
        of its own that may read and write documents. A wrong one beside a valid key adds nothing.
        """
        key = read_key(headers, self._own_header)
        is_writer = self._is_admin_key(headers.get(ADMIN_HEADER))
        if key is None:
            if is_writer:
                return WRITER
            raise Unauthenticated("No API key was sent, or not a valid one.")
        principal = MASTER if self._is_master(key) else await self._find_key(key)
        if not is_writer:
            return principal
        return msgspec.structs.replace(principal, scopes=principal.scopes | {Scope.RAG_WRITE})

    def forget(self) -> None:
        """Drop the local copies after a write of this process that may take a right away."""
        self._keyring.forget()

    async def _find_key(self, key: bytes) -> Principal:
        if not key.startswith(_PREFIX) or len(key) > MAX_LENGTH:
            raise Unauthenticated("This API key is not valid.")
        return await self._keyring.find(hashlib.sha256(key).hexdigest())

    def _is_master(self, key: bytes) -> bool:
        return self._master is not None and hmac.compare_digest(key, self._master)

    def _is_admin_key(self, value: bytes | None) -> bool:
        if value is None:
            return False
        return any(hmac.compare_digest(value, key) for key in self._admin_keys)
