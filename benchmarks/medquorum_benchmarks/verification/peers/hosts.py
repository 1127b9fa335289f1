# SPDX-License-Identifier: Apache-2.0
"""Hosts of their own on one machine: network namespaces joined by links with a delay and a rate. Needs root and ``ip``.

Every packet of a host's only device (a TUN) passes through this process: it leaves its host at the link's rate, one
after the other, and arrives after the delay. Kernels without netem can do this too.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

__all__ = ["Hosts"]

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_MTU = 1500
_QUEUE_S = 0.5
"""Seconds of traffic that wait at a link at most; more is dropped, as a router would."""
_DESTINATION = slice(16, 20)


class Hosts:
    """Namespaces ``PREFIX0``, ``PREFIX1`` ... at 10.87.0.1, 10.87.0.2 ...; use as a context.

    Parameters
    ----------
    delay
        Seconds one way between any two.
    rate
        Bits a second out of each.

    Raises
    ------
    PermissionError, subprocess.CalledProcessError
        Not root, or no ``ip`` that can make namespaces and TUN devices.
    """

    def __init__(self, count: int, *, delay: float, rate: float, prefix: str = "mqhost") -> None:
        self.addresses = [f"10.87.0.{index + 1}" for index in range(count)]
        self._names = [f"{prefix}{index}" for index in range(count)]
        self._delay = delay
        self._rate = rate
        self._devices: dict[bytes, int] = {}
        self._stop = threading.Event()
        self._stack = ExitStack()

    def command(self, index: int) -> list[str]:
        """Return what runs a command on a host when put before it."""
        return ["ip", "netns", "exec", self._names[index]]

    def __enter__(self) -> Hosts:
        try:
            for name, address in zip(self._names, self.addresses, strict=True):
                self._devices[socket.inet_aton(address)] = self._host(name, address)
        except BaseException:
            self._stack.close()
            raise
        relay = threading.Thread(target=self._relay, daemon=True)
        relay.start()
        self._stack.callback(relay.join)
        self._stack.callback(self._stop.set)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _host(self, name: str, address: str) -> int:
        """Make a namespace with a TUN device of this process' as its only way out."""
        _ip("netns", "add", name)
        self._stack.callback(_ip, "netns", "del", name)
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        self._stack.callback(os.close, device)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
        _ip("link", "set", name, "netns", name)
        inside: tuple[Sequence[str], ...] = (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{address}/24", "dev", name),
            ("link", "set", name, "mtu", str(_MTU), "up"),
        )
        for words in inside:
            _ip("-n", name, *words)
        return device

    def _relay(self) -> None:
        """Carry packets until told to stop."""
        free = dict.fromkeys(self._devices.values(), 0.0)
        waiting: list[tuple[float, int, int, bytes]] = []
        count = 0
        while not self._stop.is_set():
            until = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 0.1
            ready, _, _ = select.select(list(free), [], [], min(until, 0.1))
            now = time.monotonic()
            for device in ready:
                packet = os.read(device, 1 << 16)
                target = self._devices.get(packet[_DESTINATION]) if packet[0] >> 4 == 4 else None
                if target is None or free[device] - now > _QUEUE_S:
                    continue
                free[device] = max(free[device], now) + len(packet) * 8 / self._rate
                count += 1
                heapq.heappush(waiting, (free[device] + self._delay, count, target, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, target, packet = heapq.heappop(waiting)
                os.write(target, packet)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
