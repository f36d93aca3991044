"""Our own lean HTTP/1.1 client for upstreams: pooled, bounded in size and time."""

from hx_gateway.transport.client.client import Client
from hx_gateway.transport.client.limits import ClientLimits
from hx_gateway.transport.client.pool import Count
from hx_gateway.transport.client.proxies import Proxies, Proxy, proxies_from

__all__ = ["Client", "ClientLimits", "Count", "Proxies", "Proxy", "proxies_from"]
