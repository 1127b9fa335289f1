# SPDX-License-Identifier: Apache-2.0
"""Runs ``peer`` and ``osnadmin`` under an organisation's administrator."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import Consortium, OrdererOrganisation, Organisation
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric.binaries import Binaries
from medquorum.network.supervision import health

__all__ = ["AdminClient", "document_in"]


@dataclass(frozen=True)
class AdminClient:
    """Fabric's own command lines with the right keys, addresses and TLS roots."""

    consortium: Consortium
    folder: NetworkFolder
    binaries: Binaries

    def peer(self, organisation: Organisation, *arguments: str, user: str = "Admin", logging: str = "error") -> str:
        """Run ``peer ...`` as a user of the organisation, against its own peer."""
        if organisation.peer is None:
            raise ConfigError(f"{organisation.name} has no peer", "Name an organisation that runs one")
        tls = self.folder.user(organisation, user) / "tls"
        if "--cafile" in arguments:  # the flags of an orderer, which asks for a certificate as the peers do
            pair = ["--certfile", str(tls / "client.crt"), "--keyfile", str(tls / "client.key")]
            arguments = (*arguments, "--clientauth", *pair)
        env = {
            "FABRIC_CFG_PATH": str(self.folder.config / organisation.node),
            "CORE_PEER_ADDRESS": organisation.peer.address,
            "CORE_PEER_LOCALMSPID": organisation.msp_id,
            "CORE_PEER_MSPCONFIGPATH": str(self.folder.user(organisation, user) / "msp"),
            "CORE_PEER_TLS_ROOTCERT_FILE": str(self.folder.tls_ca(organisation)),
            "CORE_PEER_TLS_CLIENTCERT_FILE": str(tls / "client.crt"),
            "CORE_PEER_TLS_CLIENTKEY_FILE": str(tls / "client.key"),
            "FABRIC_LOGGING_SPEC": logging,
        }
        return self.binaries.run("peer", *arguments, env=env)

    def osnadmin(self, organisation: OrdererOrganisation, *arguments: str) -> str:
        """Run ``osnadmin ...`` with mutual TLS against an orderer's admin port."""
        tls = self.folder.user(organisation, "Admin") / "tls"
        files = ["--ca-file", str(self.folder.tls_ca(organisation))]
        files += ["--client-cert", str(tls / "client.crt"), "--client-key", str(tls / "client.key")]
        return self.binaries.run("osnadmin", *arguments, "-o", organisation.admin_address, *files)

    def fetch_block(self, organisation: Organisation, which: str) -> bytes:
        """Fetch the channel's ``newest`` or ``config`` block (a serialised common.Block) from an orderer."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "block")
            channel = ["-c", self.consortium.channel.name]
            self.peer(organisation, "channel", "fetch", which, str(path), *channel, *self.orderer_flags)
            return path.read_bytes()

    @property
    def orderer_flags(self) -> list[str]:
        """``-o`` and its TLS root: the first orderer that can be reached; the first of all leads a fresh channel."""
        orderers = self.consortium.orderers
        first = next(
            (organisation for organisation in orderers if health.listens(organisation.host, organisation.port)),
            orderers[0],
        )
        return ["-o", first.address, "--tls", "--cafile", str(self.folder.tls_ca(first))]

    def peer_flags(self, organisations: list[Organisation]) -> list[str]:
        """``--peerAddresses`` and ``--tlsRootCertFiles`` of several organisations."""
        flags = []
        for organisation in organisations:
            if organisation.peer:
                flags += [
                    "--peerAddresses",
                    organisation.peer.address,
                    "--tlsRootCertFiles",
                    str(self.folder.tls_ca(organisation)),
                ]
        return flags


def document_in(printed: str) -> Any:
    """Read the JSON document in a program's output, which log lines may precede."""
    return json.loads(printed[printed.index("{") :])
