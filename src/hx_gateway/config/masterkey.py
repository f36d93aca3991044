"""The master key: judge it, and make one for a gateway that only this machine can reach."""

import os
import secrets
from pathlib import Path

from hx_gateway.config.paths import key_path
from hx_gateway.core.secret import Secret

MIN_LENGTH = 32
# Values out of documentation and examples; shorter than 32 characters, or padded to that.
_WELL_KNOWN = frozenset(
    {
        "sk-1234",
        "sk-12345",
        "sk-123456",
        "sk-12345678",
        "sk-master",
        "sk-litellm",
        "sk-litellm-master-key",
        "changeme",
        "change-me",
        "password",
        "secret",
        "master",
        "test",
        "sk-test",
        "sk-dev",
        "dev-key",
        "your-secret-key",
        "sk-your-master-key",
        "sk-change-me-please-change-me-please",
        "sk-1234567890abcdef1234567890abcdef",
        "sk-00000000000000000000000000000000",
    }
)


def weakness(key: str) -> str | None:
    """Say what is weak about a key, None when nothing is."""
    if key.lower() in _WELL_KNOWN or len(set(key.removeprefix("sk-"))) < 6:
        return "is a well-known or trivial value"
    if len(key) < MIN_LENGTH:
        return f"is shorter than {MIN_LENGTH} characters"
    return None


def read_kept_key(state_dir: Path) -> Secret | None:
    """Read the key that was generated before; None when there is none. Raises OSError."""
    try:
        return Secret(key_path(state_dir).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None


def keep_new_key(state_dir: Path) -> Secret:
    """Generate a key and keep it (mode 0600); gives the one that is kept. Raises OSError.

    Two processes that start together agree: the file appears whole or not at all (it is linked
    into place), and whoever comes second reads the first one's key.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = key_path(state_dir)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"sk-{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return Secret(path.read_text(encoding="ascii").strip())
