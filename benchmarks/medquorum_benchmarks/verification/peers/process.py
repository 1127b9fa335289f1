# SPDX-License-Identifier: Apache-2.0
"""What a process tells of itself, ours or a peer's; needs nothing but the standard library and Linux."""

from __future__ import annotations

import os
import socket
import stat
import struct
from pathlib import Path

__all__ = ["bytes_received", "peak_bytes"]

_RECEIVED = 128
"""Place of tcpi_bytes_received in struct tcp_info (linux/tcp.h), a u64."""


def bytes_received() -> int:
    """Return the bytes that came in through all TCP connections this process has open, without TCP's own headers."""
    total = 0
    for entry in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(entry)).st_mode):
                continue
            copy = socket.socket(fileno=os.dup(int(entry)))
        except OSError:
            continue  # the handle that listed the folder, or one closed since
        with copy:
            if copy.type == socket.SOCK_STREAM and copy.family in (socket.AF_INET, socket.AF_INET6):
                info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED + 8)
                total += struct.unpack_from("Q", info, _RECEIVED)[0]
    return total


def peak_bytes() -> int:
    """Return the most memory this process has held; unlike ru_maxrss without its parent's before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))
