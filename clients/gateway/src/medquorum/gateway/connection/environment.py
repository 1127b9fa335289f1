# SPDX-License-Identifier: Apache-2.0
"""The environment of Fabric's sample applications (``asset-transfer-basic/application-gateway-*``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from medquorum.gateway.client import Timeouts
from medquorum.gateway.connection.channel import TlsIdentity
from medquorum.gateway.connection.profile import Profile, connect_peer
from medquorum.gateway.errors import ConfigError
from medquorum.gateway.gateway import Gateway
from medquorum.gateway.identity import X509Identity, private_key_signer

__all__ = ["connect_environment"]


def connect_environment(environment: Mapping[str, str], **timeouts: Unpack[Timeouts]) -> Gateway:
    """Connect as the sample applications do.

    Read are ``MSP_ID``, ``CRYPTO_PATH`` (an organisation's folder), ``KEY_DIRECTORY_PATH``, ``CERT_DIRECTORY_PATH``,
    ``TLS_CERT_PATH`` (by default User1's and peer0's below it), ``PEER_ENDPOINT`` (``host:port``) and
    ``PEER_HOST_ALIAS``. MSP id, endpoint, and either the first path or the three others must be given.
    User1's TLS certificate is shown to the peer where ``CRYPTO_PATH`` has one.

    Raises
    ------
    ConfigError
        A variable is missing, or what it names cannot be read.
    """
    crypto = environment.get("CRYPTO_PATH", "")
    domain = Path(crypto).name
    user = f"users/User1@{domain}/msp"

    def path(variable: str, default: str) -> Path:
        if environment.get(variable):
            return Path(environment[variable])
        if not crypto:
            raise ConfigError(f"Neither {variable} nor CRYPTO_PATH is set", "Set CRYPTO_PATH to the organisation")
        return Path(crypto) / default

    msp_id, endpoint = (_required(environment, name) for name in ("MSP_ID", "PEER_ENDPOINT"))
    certificate = _first_file(path("CERT_DIRECTORY_PATH", f"{user}/signcerts"))
    key = _first_file(path("KEY_DIRECTORY_PATH", f"{user}/keystore"))
    roots = _read(path("TLS_CERT_PATH", f"peers/peer0.{domain}/tls/ca.crt"))
    tls = Path(crypto, "users", f"User1@{domain}", "tls")
    own = TlsIdentity(_read(tls / "client.crt"), _read(tls / "client.key")) if (tls / "client.key").exists() else None
    alias = environment.get("PEER_HOST_ALIAS", "")
    profile = Profile(msp_id, msp_id, msp_id, endpoint, roots, alias, tls=lambda: own)
    return connect_peer(profile, X509Identity(msp_id, certificate), private_key_signer(key), **timeouts)


def _required(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise ConfigError(f"{name} is not set", "Set it as for the `peer` command")
    return environment[name]


def _first_file(folder: Path) -> bytes:
    files = sorted(entry for entry in folder.glob("*") if entry.is_file())
    if not files:
        raise ConfigError(f"{folder} holds no file", "Name a complete MSP folder in CORE_PEER_MSPCONFIGPATH")
    return _read(files[0])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}", "Check the path and who may read it") from error
