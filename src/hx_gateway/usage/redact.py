"""The second net under the log: values that must not be seen are struck out of finished lines.

The first net is that log lines are made of named fields and `Secret` has no readable form.
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

import msgspec

from hx_gateway.core.secret import Secret

MARK = b"***"
_SHORTEST = 8  # shorter values would strike out ordinary words
# Keys as this gateway and most vendors write them; the first characters stay, to tell them apart.
_KEY = re.compile(rb"(sk-[A-Za-z0-9_-]{2})[A-Za-z0-9_-]{12,}")


class Redactor:
    """Strikes out known secrets in the forms they are likely to take, and what looks like a key."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        """Know these from the start."""
        self._forms: frozenset[bytes] = frozenset()
        self.know(secrets)

    def know(self, secrets: Iterable[Secret]) -> None:
        """Learn more secrets (after a reload); none is forgotten."""
        values = [secret.reveal() for secret in secrets]
        values += [part for value in values for part in _passwords(value)]
        found = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
        self._forms = self._forms | found

    def clean(self, line: bytes) -> bytes:
        """Give the line without secrets."""
        for form in self._forms:
            if form in line:
                line = line.replace(form, MARK)
        return _KEY.sub(rb"\1" + MARK, line) if b"sk-" in line else line


def _passwords(value: str) -> Iterable[str]:
    """Give the password of a URL, encoded and not: drivers repeat it without the rest."""
    _, scheme, rest = value.partition("://")
    credentials, at, _ = rest.rpartition("@")
    _, colon, password = credentials.partition(":")
    if scheme and at and colon:
        yield password
        yield unquote(password)


def _forms(value: str) -> Iterable[bytes]:
    plain = value.encode()
    yield plain
    yield msgspec.json.encode(value)[1:-1]  # with JSON escapes
    yield quote(value, safe="").encode()
    yield base64.b64encode(plain).rstrip(b"=")
    yield base64.urlsafe_b64encode(plain).rstrip(b"=")
