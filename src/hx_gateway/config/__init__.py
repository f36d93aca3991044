"""Settings: read, judged, compiled into a Snapshot."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hx_gateway.config.load import load_snapshot

__all__ = ["load_snapshot"]


def __getattr__(name: str) -> object:
    """Load the loader when it is asked for: the port is bound before YAML is imported."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module("hx_gateway.config.load"), name)
