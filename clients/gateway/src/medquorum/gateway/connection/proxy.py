# SPDX-License-Identifier: Apache-2.0
"""Which HTTP proxy a connection takes, if any: the profile says it, the environment's variables, and never loopback."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.request import proxy_bypass

from pydantic import StringConstraints

__all__ = ["Proxy", "Route", "route"]

VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy")

Proxy = Literal["none", "environment"] | Annotated[str, StringConstraints(pattern=r"^[^\s/:@]+:[0-9]{1,5}$")]
"""``none``, ``environment`` (the variables), or ``host:port`` of a proxy."""


@dataclass(frozen=True)
class Route:
    """How a connection is made: its channel options, and who named its proxy (empty: none is taken)."""

    options: tuple[tuple[str, str | int], ...]
    named_by: str


def route(endpoint: str, proxy: Proxy) -> Route:
    """Return the way to ``host:port``; ``no_proxy`` counts for proxies of the environment and of a profile."""
    host = endpoint.rpartition(":")[0].strip("[]")
    address, named_by = _from_environment() if proxy == "environment" else (proxy, "the profile's key proxy")
    if not address or address == "none" or _is_loopback(host) or proxy_bypass(host):
        return Route((("grpc.enable_http_proxy", 0),), "")
    return Route((("grpc.http_proxy", address if "://" in address else f"http://{address}"),), named_by)


def _from_environment() -> tuple[str, str]:
    """Return the first HTTP proxy that a variable names, and the variable."""
    for name in (spelled for variable in VARIABLES for spelled in (variable, variable.upper())):
        value = os.environ.get(name, "")
        if value.startswith("http://") or (value and "://" not in value):  # gRPC speaks to no others
            return value, name
    return "", ""


def _is_loopback(host: str) -> bool:  # as in medquorum.verifier, which this package must not need
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
