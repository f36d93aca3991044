"""What must be known before the configuration is read: where to listen, and who started us."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from hx_gateway.app.options import ServeOptions
from hx_gateway.config.envfile import parse_env_file
from hx_gateway.config.environment import process_environment
from hx_gateway.core.errors import ConfigError
from hx_gateway.core.snapshot import ServerSettings


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen. `names`: the environment with the env file over it."""

    host: str
    port: int
    server: ServerSettings
    listen_pid: int | None
    listen_fds: int
    environ: Mapping[str, str]
    names: Mapping[str, str]

    @property
    def is_inherited(self) -> bool:
        """Tell whether the sockets come from the service manager."""
        return self.listen_fds > 0


def listen_settings(options: ServeOptions) -> Listen:
    """Decide from arguments, env file and environment, in this order; raises ConfigError."""
    environ = process_environment()
    names = {**environ, **_env_file(options.env_file)}
    host = options.host or names.get("HOST") or "127.0.0.1"
    port = options.port if options.port is not None else _port(names.get("PORT") or "4000")
    return Listen(
        host=host,
        port=port,
        server=ServerSettings(
            host=host,
            port=port,
            tls_cert=_path(names.get("SSL_CERTFILE_PATH")),
            tls_key=_path(names.get("SSL_KEYFILE_PATH")),
        ),
        listen_pid=_number(environ.get("LISTEN_PID")),
        listen_fds=_number(environ.get("LISTEN_FDS")) or 0,
        environ=environ,
        names=names,
    )


def _env_file(path: Path | None) -> Mapping[str, str]:
    """Read what stands there; what is wrong with the file is reported when all of it is read."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: entry.value for name, entry in parse_env_file(text).items()}


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise ConfigError((f"PORT must be a number from 0 to 65535, not '{text[:20]}'",))
    return int(text)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
