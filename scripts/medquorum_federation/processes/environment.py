# SPDX-License-Identifier: Apache-2.0
"""The environment of the processes of a run."""

from __future__ import annotations

import os

__all__ = ["role_environment", "without_proxies"]

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def without_proxies() -> dict[str, str]:
    """Return this process' environment without proxies, of which a network on one host has no use."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def role_environment() -> dict[str, str]:
    """Return the environment of a role's process: one thread each, for they share the cores."""
    return without_proxies() | ONE_THREAD
