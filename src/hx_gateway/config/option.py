"""What one setting of our own is: where it may be set, what it takes, what it does."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from hx_gateway.core import snapshot
from hx_gateway.core.secret import Secret

SECTIONS: Mapping[str, type[msgspec.Struct]] = MappingProxyType(
    {
        "server": snapshot.ServerSettings,
        "auth": snapshot.AuthSettings,
        "store": snapshot.StoreSettings,
        "redis": snapshot.RedisSettings,
        "rag": snapshot.RagSettings,
        "cache": snapshot.CacheSettings,
        "responses": snapshot.ResponseSettings,
        "routing": snapshot.RoutingSettings,
        "fleet": snapshot.FleetSettings,
        "log": snapshot.LogSettings,
    }
)


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: `path` is where it stands under `hx:`.

    `env` are environment names, the first set one wins over the file; `off_env` are booleans that
    mean the opposite. `litellm` are LiteLLM's own places for it, asked after ours; `scale`
    multiplies a number from there. `low` and `high` are inclusive. With `agree`, two sources that
    differ refuse the start. An `early` one is needed before the file is read (the port is bound
    first), so it cannot stand there.
    """

    path: str
    doc: str
    env: tuple[str, ...] = ()
    off_env: tuple[str, ...] = ()
    litellm: tuple[str, ...] = ()
    scale: int = 1
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    agree: bool = False
    early: bool = False

    @property
    def field(self) -> "msgspec.structs.FieldInfo":
        """The field of the snapshot that it fills."""
        section, _, name = self.path.partition(".")
        fields = msgspec.structs.fields(SECTIONS[section])
        return next(field for field in fields if field.name == name)

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be shown."""
        return self.field.type in (Secret | None, tuple[Secret, ...])


def written(number: float) -> str:
    """Write a limit as people do: 1048576, not 1.04858e+06."""
    return str(int(number)) if number == int(number) else str(number)
