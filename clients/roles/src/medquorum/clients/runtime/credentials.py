# SPDX-License-Identifier: Apache-2.0
"""TLS certificates for talking to other organisations' services, found beside the own connection profile."""

from __future__ import annotations

from medquorum.clients.runtime.options import Connection
from medquorum.verifier.service.identity import Credentials

__all__ = ["service_credentials", "user_credentials"]


def user_credentials(connection: Connection) -> Credentials:
    """Read the identity's own TLS certificate; ConfigError when it is not there."""
    home = connection.profile.parent
    return Credentials.read(home / "users" / f"{connection.identity}@{home.name}" / "tls", home.parent)


def service_credentials(connection: Connection) -> Credentials:
    """Read the TLS certificate of the organisation's service; ConfigError when it is not there."""
    home = connection.profile.parent
    return Credentials.read(home / "services" / f"service.{home.name}" / "tls", home.parent)
