# SPDX-License-Identifier: Apache-2.0
"""Roles forked from one process that has imported what each of them needs, torch too."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from medquorum.network.supervision.forking import Forked, Zygote

from .environment import without_proxies

__all__ = ["ForkedRole", "RoleZygote", "zygote_unless"]

ROLE = "medquorum.clients"
PRELOADED = tuple(f"{ROLE}.{name}" for name in ("cli", "hospital.agent", "hospital.trainer"))
"""The command line, and what a hospital imports late, with torch.optim and grpc."""
LATE = ("numpy.random", "grpc._channel", "cryptography.hazmat.backends.openssl.backend")
"""What those packages import with the first use."""
SIMULATION = "medquorum_federation.simulation"


class ForkedRole(Forked):
    """A forked role, whose standard output is a pipe."""

    def __init__(self, forked: Forked, readable: int) -> None:
        super().__init__(forked.pid)
        self.code = forked.code
        self.stdout = os.fdopen(readable, encoding="utf-8")


class RoleZygote(Zygote):
    """Forks roles."""

    def __init__(self) -> None:
        super().__init__([*PRELOADED, *LATE, SIMULATION], without_proxies())

    def role(self, arguments: Sequence[str], stderr: int) -> ForkedRole:
        """Start ``medquorum ARGUMENTS`` with its standard error in an open file.

        Raises
        ------
        NetworkError
            As `fork`.
        """
        readable, writable = os.pipe()
        try:
            forked = self.fork(ROLE, arguments, stdout=writable, stderr=stderr)
        except BaseException:
            os.close(readable)
            raise
        finally:
            os.close(writable)
        return ForkedRole(forked, readable)


def zygote_unless(without: bool) -> AbstractContextManager[RoleZygote | None]:
    """Start a zygote, or none: then every role is a new process."""
    return nullcontext() if without else RoleZygote()
