"""Tells systemd how we are: the sd_notify protocol, and the watchdog that the event loop feeds.

Protocol: https://www.freedesktop.org/software/systemd/man/sd_notify.html
"""

import contextlib
import socket
from collections.abc import Callable, Mapping

from hx_gateway.config.environment import notify_socket
from hx_gateway.core.clock import Clock

Send = Callable[[bytes], None]


class Supervisor:
    """The service manager that started this process. Without one every message goes nowhere.

    `watchdog_s`: it expects a sign of life within so many seconds; None when it does not.
    """

    def __init__(self, send: Send, clock: Clock, watchdog_s: float | None = None) -> None:
        """`send` delivers one datagram."""
        self._send = send
        self._clock = clock
        self.watchdog_s = watchdog_s

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._send(f"STATUS={text}".encode())

    def ready(self, text: str) -> None:
        """Say that start-up, or a reload, is done."""
        self._send(f"READY=1\nSTATUS={text}".encode())

    def reloading(self) -> None:
        """Say that a reload begins; `ready` ends it (Type=notify-reload needs the time stamp)."""
        now_us = int(self._clock.monotonic() * 1_000_000)
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now_us}".encode())

    def stopping(self, text: str) -> None:
        """Say that the end has begun."""
        self._send(f"STOPPING=1\nSTATUS={text}".encode())

    async def keep_alive(self) -> None:
        """Feed the watchdog for ever. A loop that hangs feeds nothing and is restarted."""
        if self.watchdog_s is None:
            return
        while True:
            self._send(b"WATCHDOG=1")
            await self._clock.sleep(self.watchdog_s / 3)


def supervisor(environment: Mapping[str, str], pid: int, clock: Clock) -> Supervisor:
    """Find the service manager in the environment it gave us."""
    address = notify_socket(environment)
    watchdog_s = None
    if environment.get("WATCHDOG_PID", str(pid)) == str(pid):
        watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / 1_000_000 or None
    return Supervisor(datagram_sender(address) if address else _drop, clock, watchdog_s)


def datagram_sender(address: str) -> Send:
    """Give a function that sends to a Unix datagram socket; `@` begins an abstract address.

    It never raises and never waits: a service manager that is slow or gone must not stop us.
    """
    target = f"\0{address[1:]}" if address.startswith("@") else address

    def send(message: bytes) -> None:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel,
        ):
            channel.settimeout(0)
            channel.sendto(message, target)

    return send


def _drop(_message: bytes) -> None:
    pass
