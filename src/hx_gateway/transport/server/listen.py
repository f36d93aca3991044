"""Get listening sockets: bind an address, or take them from systemd; and the TLS over them."""

import errno
import socket
import ssl
import stat
from pathlib import Path

from hx_gateway.core.snapshot import ServerSettings

_FIRST_FD = 3  # SD_LISTEN_FDS_START, sd_listen_fds(3)
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class CannotBind(Exception):
    """An address that cannot be listened on; the message says which and why."""

    def __init__(self, host: str, port: int, cause: str) -> None:
        """`host` may be the path of a Unix socket, then `port` is 0."""
        super().__init__(f"cannot listen on {host}{f' port {port}' if port else ''}: {cause}")
        self.host = host
        self.port = port
        self.cause = cause


class PortTaken(CannotBind):
    """Somebody else listens there."""


def bind(host: str, port: int, *, backlog: int = 2048) -> list[socket.socket]:
    """Listen on every address of a host name; raises PortTaken, CannotBind. Never another port.

    The kernel queues connections from here on. With port 0 all addresses share one free port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotBind(host, port, f"the name is not known ({_reason(error)})") from error
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, address in dict.fromkeys((info[0], info[4]) for info in found):
        target = (address[0], port or _port_of(sockets), *address[2:])
        try:
            sockets.append(_listen(family, target, backlog))
        except OSError as error:
            if error.errno in _ABSENT:  # a name may stand for ::1 on a machine without IPv6
                absent = error
                continue
            _close_all(sockets)
            raise _translated(host, port, error) from error
    if not sockets:
        raise CannotBind(host, port, _reason(absent) if absent else "the name has no address")
    return sockets


def bind_unix(path: Path, *, backlog: int = 2048) -> socket.socket:
    """Listen on a Unix socket that only this user may open; a dead one in its place is removed."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_dead(path):
            path.unlink()
        listener.bind(str(path))
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise _translated(str(path), 0, error) from error
    listener.setblocking(False)  # noqa: FBT003 - the library's signature
    return listener


def inherited_sockets(pid: int, listen_pid: int, listen_fds: int) -> list[socket.socket]:
    """Take the sockets of systemd's socket activation, sd_listen_fds(3); none when not for us.

    The arguments are our process id and the numbers in LISTEN_PID and LISTEN_FDS.
    """
    if listen_pid != pid:
        return []
    sockets: list[socket.socket] = []
    for fd in range(_FIRST_FD, _FIRST_FD + listen_fds):
        try:
            inherited = socket.socket(fileno=fd)
            sockets.append(inherited)
            listens = inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            _close_all(sockets)
            raise CannotBind(f"inherited descriptor {fd}", 0, _reason(error)) from error
        if not listens:
            _close_all(sockets)
            raise CannotBind(f"inherited descriptor {fd}", 0, "it is not a listening socket")
        inherited.set_inheritable(False)
        inherited.setblocking(False)  # noqa: FBT003 - the library's signature
    return sockets


def tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """Load the certificate; None when TLS is not configured. Raises OSError, ssl.SSLError."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _listen(family: int, address: tuple[str | int, ...], backlog: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(backlog)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)  # noqa: FBT003 - the library's signature
    return listener


def _is_dead(path: Path) -> bool:
    if not path.is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == errno.ECONNREFUSED


def _port_of(sockets: list[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1]) if sockets else 0


def _translated(host: str, port: int, error: OSError) -> CannotBind:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(host, port, "the address is already in use")
    return CannotBind(host, port, _reason(error))


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _close_all(sockets: list[socket.socket]) -> None:
    for opened in sockets:
        opened.close()
