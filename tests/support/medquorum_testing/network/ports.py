# SPDX-License-Identifier: Apache-2.0
"""Ports for what a test starts: ``free_port_base(300)``."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass, field

__all__ = ["Ports", "free_port_base"]

STEP = 100


@dataclass
class Ports:
    """Hands out ranges one after the other, from anywhere between two ports: what was given listens only later."""

    lowest: int = 20_000
    highest: int = 32_000  # the system gives those above 32,768 to outgoing connections
    upcoming: int = field(init=False)

    def __post_init__(self) -> None:
        self.upcoming = random.randrange(self.lowest, self.highest, STEP)

    def take(self, count: int) -> int:
        """Return the first of that many free ports; none is given twice before all others were.

        Raises
        ------
        RuntimeError
            No such range is free.
        """
        for _ in range(self.lowest, self.highest, STEP):
            base = self.upcoming if self.upcoming + count <= self.highest else self.lowest
            if all(_is_free(port) for port in range(base, base + count)):
                self.upcoming = base - (-count // STEP) * STEP
                return base
            self.upcoming = base + STEP
        raise RuntimeError(f"no {count} ports in a row are free from {self.lowest} to {self.highest}")


free_port_base = Ports().take


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
