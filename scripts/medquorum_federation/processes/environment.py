# SPDX-License-Identifier: Apache-2.0
"""The environment of the processes of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from medquorum.network.supervision.forking import ONE_THREAD

__all__ = ["proxies_left_out", "role_environment", "without_proxies"]


def without_proxies() -> dict[str, str]:
    """Return this process' environment without proxies, of which a network on one host has no use."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def role_environment() -> dict[str, str]:
    """Return the environment of a role's process: one thread each, for they share the cores."""
    return without_proxies() | ONE_THREAD


@contextmanager
def proxies_left_out() -> Iterator[None]:
    """Leave proxies out of this process' own environment, and so of that of all that it starts meanwhile."""
    left_out = os.environ.keys() - without_proxies().keys()
    kept = {name: os.environ.pop(name) for name in left_out}
    try:
        yield
    finally:
        os.environ.update(kept)
