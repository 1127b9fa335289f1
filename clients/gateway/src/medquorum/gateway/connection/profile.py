# SPDX-License-Identifier: Apache-2.0
"""Connection profiles: where an organisation's peer is (JSON or YAML, the schema of the Fabric SDKs)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, Field, ValidationError

from medquorum.gateway.client import Client, Deadlines, Timeouts
from medquorum.gateway.connection.channel import TlsIdentity, shared_channel
from medquorum.gateway.connection.proxy import Proxy, route
from medquorum.gateway.errors import ConfigError
from medquorum.gateway.gateway import Gateway
from medquorum.gateway.identity import Signer, SigningIdentity, X509Identity, sha256
from medquorum.gateway.wallet import read_identity

__all__ = ["Profile", "connect_peer", "connect_profile", "read_profile"]

REMEDY = "Give the connection profile that the network's administrator made for the organisation"


class _Organization(BaseModel):
    mspid: str = Field(min_length=1)
    peers: list[str] = Field(min_length=1)


class _Certificates(BaseModel):
    path: str | None = None
    pem: str | list[str] | None = None


class _TlsPair(BaseModel):
    certificate: _Certificates = Field(alias="cert")
    key: _Certificates


class _TlsCertificates(BaseModel):
    client: _TlsPair | None = None


class _Client(BaseModel):
    organization: str
    proxy: Proxy = "environment"
    tls: _TlsCertificates = Field(default_factory=_TlsCertificates, alias="tlsCerts")


class _GrpcOptions(BaseModel):
    override: str = Field(default="", alias="ssl-target-name-override")
    hostname: str = Field(default="", alias="hostnameOverride")


class _Peer(BaseModel):
    url: str
    roots: _Certificates = Field(alias="tlsCACerts")
    grpc_options: _GrpcOptions = Field(default_factory=lambda: _GrpcOptions(), alias="grpcOptions")


class _File(BaseModel):
    client: _Client
    organizations: dict[str, _Organization]
    peers: dict[str, _Peer]


@dataclass(frozen=True)
class Profile:
    """An organisation and its first peer, which is another's where it has none of its own (``peer_msp_id``).

    ``tls`` reads the client's own TLS certificate and key, where there is one: who only reads a profile needs no key.
    """

    name: str
    msp_id: str
    peer_msp_id: str
    endpoint: str
    root_certificates: bytes
    server_name: str
    proxy: Proxy = "environment"
    tls: Callable[[], TlsIdentity | None] = lambda: None


def read_profile(path: Path | str) -> Profile:
    """Read a connection profile; the client's own organisation and that one's first peer are taken.

    Paths in it are relative to the file; fields a gateway client has no use for are not looked at.

    Raises
    ------
    ConfigError
        The file cannot be read, lacks a field, names something it does not define, or has a peer without TLS.
    """
    file = Path(path)
    stored = _parse(file)
    name = stored.client.organization
    organization = stored.organizations.get(name)
    if organization is None:
        raise ConfigError(
            f"{file}: client.organization {name} is not among the organizations",
            f"Name one of {', '.join(stored.organizations)}",
        )
    peer = stored.peers.get(organization.peers[0])
    if peer is None:
        raise ConfigError(
            f"{file}: the peer {organization.peers[0]} of {name} is not among the peers",
            f"Describe it there; there are {', '.join(stored.peers)}",
        )
    others = (other for label, other in stored.organizations.items() if label != name)
    owner = next((other.mspid for other in others if organization.peers[0] in other.peers), organization.mspid)
    return Profile(
        name=name,
        msp_id=organization.mspid,
        peer_msp_id=owner,
        endpoint=_endpoint(file, peer.url),
        root_certificates=_pem(file, peer.roots, "a peer's tlsCACerts"),
        server_name=peer.grpc_options.override or peer.grpc_options.hostname,
        proxy=stored.client.proxy,
        tls=partial(_tls_identity, file, stored.client.tls.client),
    )


def connect_profile(
    path: Path | str, identity_label: str, *, wallet: Path | str | None = None, **timeouts: Unpack[Timeouts]
) -> Gateway:
    """Connect to the first peer of a profile's own organisation; closing the gateway lets the connection go.

    Parameters
    ----------
    path
        The connection profile.
    identity_label
        Whose wallet identity to use, such as ``User1@org1.example.com``; ``User1`` finds it too where only one
        label starts so.
    wallet
        The wallet folder; ``wallet`` beside the profile by default.
    **timeouts
        As for ``connect``.

    Raises
    ------
    ConfigError
        The profile or the identity cannot be read, or they name different organisations.
    """
    profile = read_profile(path)
    folder = Path(path).parent / "wallet" if wallet is None else Path(wallet)
    identity, signer = read_identity(folder, _label(folder, identity_label))
    if identity.msp_id != profile.msp_id:
        raise ConfigError(
            f"{identity_label} is of {identity.msp_id}, the profile {path} of {profile.msp_id}",
            "Use the wallet and the profile of one organisation",
        )
    return connect_peer(profile, identity, signer, **timeouts)


def connect_peer(profile: Profile, identity: X509Identity, signer: Signer, **timeouts: Unpack[Timeouts]) -> Gateway:
    """Connect over the process' shared channel to a peer; closing the gateway lets the channel go."""
    own = profile.tls()
    tls_hash = own.hash if own else b""
    channel, release = shared_channel(
        profile.endpoint, profile.root_certificates, profile.server_name, profile.proxy, own
    )
    signing = SigningIdentity(identity, signer, sha256)
    proxied = route(profile.endpoint, profile.proxy).named_by
    return Gateway(Client(channel, signing, Deadlines(**timeouts), tls_hash=tls_hash, proxied=proxied), release)


def _label(wallet: Path, label: str) -> str:
    matches = [] if "@" in label else sorted(entry.stem for entry in wallet.glob(f"{label}@*.id"))
    return matches[0] if len(matches) == 1 and not (wallet / f"{label}.id").exists() else label


def _parse(file: Path) -> _File:
    try:
        document = _document(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The connection profile {file} cannot be read: {error}", REMEDY) from error
    except Exception as error:  # the parser lets KeyError, IndexError and others out where a tag and its text disagree
        raise ConfigError(f"The connection profile {file} is neither JSON nor YAML: {error}", REMEDY) from error
    try:
        return _File.model_validate(document)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(f"The connection profile {file} is wrong: {wrong}", REMEDY) from error


def _document(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return yaml.safe_load(text)  # takes JSON too, in a hundred times the time


def _endpoint(file: Path, url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{file}: the peer's url {url} is wrong: {error}", "Write grpcs://host:port") from error
    if parts.scheme != "grpcs" or not host or not port:
        raise ConfigError(f"{file}: the peer's url {url} is not of the form grpcs://host:port", "Peers must use TLS")
    return parts.netloc


def _tls_identity(file: Path, pair: _TlsPair | None) -> TlsIdentity | None:
    if pair is None:
        return None
    what = "client.tlsCerts.client"
    return TlsIdentity(_pem(file, pair.certificate, f"{what}.cert"), _pem(file, pair.key, f"{what}.key"))


def _pem(file: Path, certificates: _Certificates, what: str) -> bytes:
    if certificates.pem:
        text = certificates.pem if isinstance(certificates.pem, str) else "\n".join(certificates.pem)
        return text.encode(errors="replace")  # what is not ASCII is no certificate
    if certificates.path:
        named = file.parent / certificates.path
        try:
            return named.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            raise ConfigError(
                f"{file}: {what}: {named} cannot be read: {error}", "Paths in a profile are relative to its file"
            ) from error
    raise ConfigError(f"{file}: {what} has neither path nor pem", "Give one of them")
