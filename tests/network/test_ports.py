# SPDX-License-Identifier: Apache-2.0
"""Every port of a running network asks for a TLS client certificate and takes none of a stranger's."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum.network.consortium.consortium import AnyOrganisation, Organisation
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.identity.crypto import generate_one
from medquorum.network.supervision.health import listens
from medquorum_testing.network.networks import ASSET_CHAINCODE, Networks, RunningNetwork

SECONDS = 10.0


@pytest.fixture(scope="module", params=[pytest.param("fabric", marks=pytest.mark.fabric), "devnet"])
def running(request: pytest.FixtureRequest, networks: Networks) -> Iterator[RunningNetwork]:
    started = networks.start(request.param, hospitals=1)
    started.deploy("asset", ASSET_CHAINCODE)
    yield started
    started.network.down(purge=True)


def ports(running: RunningNetwork) -> list[tuple[AnyOrganisation, int]]:
    """Return what listens, but the port on which a peer would await chaincode that it starts itself: none is."""
    found: list[tuple[AnyOrganisation, int]] = []
    for one in running.consortium.everyone:
        peer = one.peer if isinstance(one, Organisation) else None
        own = one.ports if not isinstance(one, Organisation) else peer.ports if peer else ()
        found += [(one, port) for port in own if not (peer and port == peer.chaincode_listen_port)]
    return [(one, port) for one, port in found if listens("127.0.0.1", port)]


def shakes_hands(port: int, tls: Path | None) -> bool:
    """Return whether a server goes through with a handshake (TLS 1.2: it is over when the server has agreed)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    if tls:
        context.load_cert_chain(tls / "client.crt", tls / "client.key")
    with socket.create_connection(("127.0.0.1", port), SECONDS) as line:
        try:
            context.wrap_socket(line).close()
        except (ssl.SSLError, ConnectionError):
            return False
    return True


def test_every_port_asks_for_a_certificate(running: RunningNetwork, tmp_path: Path) -> None:
    consortium, folder = running.consortium, running.folder
    stranger = consortium.organisation("Hospital1")
    generate_one(stranger, NetworkFolder(tmp_path))  # of the same name, from authorities of its own
    foreign = NetworkFolder(tmp_path).user(stranger, "User1") / "tls"
    asked = ports(running)
    nodes = len(consortium.members) + (len(consortium.orderers) if running.kind == "fabric" else 0)
    assert (
        len(asked) == 3 * nodes
    )  # of a peer: its own, operations, chaincode; of an orderer: its own, operations, admin
    open_to = {
        (one.name, port): [shakes_hands(port, tls) for tls in (None, foreign, folder.user(one, "Admin") / "tls")]
        for one, port in asked
    }
    assert open_to == {key: [False, False, True] for key in open_to}
    for one in consortium.members if running.kind == "fabric" else []:
        assert one.peer is not None
        assert not any(shakes_hands(one.peer.chaincode_listen_port, tls) for tls in (None, foreign))
