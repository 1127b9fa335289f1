# SPDX-License-Identifier: Apache-2.0
"""What only one trial of a user has at a time: a folder, a block of ports."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from medquorum.core.private_files import make_private_folder
from medquorum.errors import NetworkError
from medquorum.network.supervision.ports import occupants

__all__ = ["FIRST_PORT", "reserved_folder", "reserved_ports"]

FIRST_PORT = 7050
STRIDE = 2000
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_EPHEMERAL = 32768
FOLDERS = 100


@contextmanager
def reserved_ports(size: int) -> Iterator[int]:
    """Yield the first port of a free block, which no other trial takes until the context ends.

    Blocks lie ``STRIDE`` apart and below the ports that the system gives to outgoing connections.

    Raises
    ------
    NetworkError
        Each block has a port that is taken.
    """
    end = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else USUAL_EPHEMERAL
    for base in range(FIRST_PORT, end - size, STRIDE):
        with ExitStack() as stack:
            if stack.enter_context(_lock(f"ports-{base}")) and not occupants(range(base, base + size)):
                yield base
                return
    raise NetworkError(f"no {size} ports in a row are free below {end}", "Give the first of some with --port-base")


@contextmanager
def reserved_folder(wanted: Path) -> Iterator[Path]:
    """Yield a folder that no other trial uses until the context ends: the one that is wanted, or NAME-2, NAME-3 ...

    Raises
    ------
    NetworkError
        Trials run in all of them.
    """
    others = (wanted.with_name(f"{wanted.name}-{number}") for number in range(2, FOLDERS))
    for folder in (wanted, *others):
        with _lock(f"folder-{sha256(os.fsencode(folder.resolve())).hexdigest()}") as ours:
            if ours:
                yield folder
                return
    raise NetworkError(f"{FOLDERS} trials run in folders like {wanted}", "Choose another folder with --dir")


@contextmanager
def _lock(name: str) -> Iterator[bool]:
    """Yield whether this process has the lock of that name; it ends with the process at the latest."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "medquorum" / "reserved"
    make_private_folder(folder)
    with (folder / name).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
