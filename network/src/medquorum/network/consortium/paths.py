# SPDX-License-Identifier: Apache-2.0
"""Where everything lies in a network folder (docs/reference/network.md); the same for real Fabric and the devnet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medquorum.network.consortium.consortium import AnyOrganisation, Organisation

__all__ = ["NetworkFolder"]


@dataclass(frozen=True)
class NetworkFolder:
    """Names of a network folder's files; makes none of them."""

    root: Path

    @property
    def consortium(self) -> Path:
        """The description the network was made from."""
        return self.root / "consortium.toml"

    @property
    def organizations(self) -> Path:
        """Certificates and keys of everyone, in cryptogen's layout."""
        return self.root / "organizations"

    def organisation(self, organisation: AnyOrganisation) -> Path:
        """One organisation's folder."""
        kind = "peerOrganizations" if isinstance(organisation, Organisation) else "ordererOrganizations"
        return self.organizations / kind / organisation.domain

    def fabric_ca(self, organisation: AnyOrganisation) -> Path:
        """Home of the organisation's Fabric CA, where it has one."""
        return self.organizations / "fabric-ca" / organisation.domain

    def msp(self, organisation: AnyOrganisation) -> Path:
        """Return the organisation's verifying MSP: what the others need to know of it."""
        return self.organisation(organisation) / "msp"

    def node(self, organisation: AnyOrganisation) -> Path:
        """Folder of the organisation's peer or orderer: ``msp/`` and ``tls/{ca.crt,server.crt,server.key}``."""
        return (
            self.organisation(organisation)
            / ("peers" if isinstance(organisation, Organisation) else "orderers")
            / organisation.node
        )

    def node_tls(self, organisation: AnyOrganisation) -> Path:
        """``ca.crt``, ``server.crt``, ``server.key`` of the node (and of its chaincode process)."""
        return self.node(organisation) / "tls"

    def signing_certificate(self, organisation: AnyOrganisation) -> Path:
        """Return the node's own signing certificate."""
        return self.node(organisation) / "msp" / "signcerts" / f"{organisation.node}-cert.pem"

    def service_tls(self, organisation: Organisation) -> Path:
        """``ca.crt``, ``server.crt``, ``server.key`` of what the organisation serves to others (shares, material)."""
        return self.organisation(organisation) / "services" / organisation.service_node / "tls"

    def tls_ca(self, organisation: AnyOrganisation) -> Path:
        """Certificate of the organisation's TLS authority."""
        return self.organisation(organisation) / "tlsca" / f"tlsca.{organisation.domain}-cert.pem"

    def user(self, organisation: AnyOrganisation, user: str) -> Path:
        """Folder of a user (``Admin``, ``User1``): ``msp/`` and ``tls/{ca.crt,client.crt,client.key}``."""
        return self.organisation(organisation) / "users" / f"{user}@{organisation.domain}"

    def certificate(self, organisation: AnyOrganisation, user: str) -> Path:
        """Return a user's signing certificate."""
        return self.user(organisation, user) / "msp" / "signcerts" / f"{user}@{organisation.domain}-cert.pem"

    def key(self, organisation: AnyOrganisation, user: str) -> Path:
        """Return a user's private key."""
        return self.user(organisation, user) / "msp" / "keystore" / "priv_sk"

    def profile(self, organisation: Organisation, ending: str = "json") -> Path:
        """Return the organisation's connection profile (``json`` or ``yaml``)."""
        return self.organisation(organisation) / f"connection-{organisation.label}.{ending}"

    def hfc_profile(self, organisation: Organisation) -> Path:
        """Return the organisation's connection profile for fabric-sdk-py."""
        return self.organisation(organisation) / f"hfc-{organisation.label}.json"

    def hfc_store(self, organisation: Organisation) -> Path:
        """Folder in which fabric-sdk-py keeps state of its own."""
        return self.organisation(organisation) / "hfc-store"

    def wallet(self, organisation: Organisation, user: str) -> Path:
        """Return a user's wallet identity."""
        return self.organisation(organisation) / "wallet" / f"{user}@{organisation.domain}.id"

    def verification(self, organisation: Organisation) -> Path:
        """Folder of the verification sets a verifier's chaincode mounts."""
        return self.organisation(organisation) / "verification"

    def block(self, channel: str) -> Path:
        """Return the channel's genesis block."""
        return self.root / "channel-artifacts" / f"{channel}.block"

    def data(self, node: str) -> Path:
        """Return a node's ledgers."""
        return self.root / "data" / node

    def log(self, node: str) -> Path:
        """Return a process' log."""
        return self.root / "logs" / f"{node}.log"

    def run(self, node: str) -> Path:
        """Return a process' record: pid, start time, restarts."""
        return self.root / "run" / f"{node}.json"

    @property
    def config(self) -> Path:
        """Configuration of the channel, the nodes and the builder, made anew by every ``up``."""
        return self.root / "config"

    @property
    def kind(self) -> Path:
        """Which network the folder runs: the word ``fabric`` or ``devnet``."""
        return self.root / "network"

    @property
    def packages(self) -> Path:
        """Chaincode packages and collection files."""
        return self.root / "packages"

    @property
    def chaincodes(self) -> Path:
        """What is deployed (`medquorum.network.deployment.chaincodes`)."""
        return self.root / "chaincodes.json"

    def process(self, name: str) -> Path:
        """Return what should run (`medquorum.network.supervision.processes`), as against `run`, what does."""
        return self.root / "processes" / f"{name}.json"

    @property
    def devnet(self) -> Path:
        """The devnet's own state."""
        return self.root / "devnet"

    @property
    def devnet_chaincodes(self) -> Path:
        """What is deployed on the devnet."""
        return self.devnet / "chaincodes.json"
