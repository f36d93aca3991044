"""Stored keys as tests need them: valid, and told apart by a number."""

from hashlib import sha256

import msgspec

from hx_gateway.core.ports import KeyRecord, StoredResponse
from hx_gateway.core.principal import DEFAULT_SCOPES

MADE_AT = 1_760_000_000.125


def key_id(number: int = 1) -> str:
    return sha256(f"sk-test-{number}".encode()).hexdigest()


def key_record(number: int = 1, **fields: object) -> KeyRecord:
    """Make the key of a number; a higher number is newer."""
    made = KeyRecord(
        id=key_id(number),
        name=f"sk-...{number:04}",
        scopes=DEFAULT_SCOPES,
        created_at=MADE_AT + number,
        created_by="master",
        updated_at=MADE_AT + number,
    )
    return msgspec.structs.replace(made, **fields)


def stored_response(number: int = 1, **fields: object) -> StoredResponse:
    """Make the kept answer of a number; a higher number is newer."""
    made = StoredResponse(
        owner="key:a",
        id=f"resp_{number}",
        input='[{"role":"user","content":"Hi"}]',
        response=f'{{"id":"resp_{number}"}}',
        created_at=MADE_AT + number,
        expires_at=MADE_AT + 1000,
    )
    return msgspec.structs.replace(made, **fields)
