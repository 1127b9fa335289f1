# SPDX-License-Identifier: Apache-2.0
"""Configuration files of peers and orderers, and the processes that run them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from medquorum.network.consortium.consortium import LOOPBACK, Consortium, OrdererOrganisation, Organisation, Peer
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric.binaries import Binaries
from medquorum.network.fabric.builder import BUILDER_VARIABLE, builder_folder, targets_file
from medquorum.network.supervision.processes import Process

__all__ = ["go_limits", "orderer_process", "peer_process"]

Document = dict[str, Any]


def go_limits(nodes: int, processors: int) -> dict[str, str]:
    """Return the limits of the Go runtime, as environment variables, of each of so many nodes on one host.

    Measured: 45 MB models pass with 410 MB per peer instead of 860; where nodes outnumber the processors, one thread
    each costs them a twentieth to a tenth less (docs/results/network.md, Threads of a node).
    """
    limits = {"GOMEMLIMIT": "400MiB"}
    return limits | {"GOMAXPROCS": "1"} if nodes > processors else limits


def peer_process(
    organisation: Organisation,
    peer: Peer,
    folder: NetworkFolder,
    binaries: Binaries,
    version: str,
    limits: Mapping[str, str],
) -> Process:
    """Write an organisation's ``core.yaml`` for that version of Fabric, and return its peer's process."""
    filters = ["DefaultAuth", "ExpirationCheck"] + ([] if version.startswith("2.") else ["TimeWindowCheck"])
    handlers = {"peer": {"handlers": {"authFilters": [{"name": name} for name in filters]}}}
    document = _merge(_merge(_template("core.yaml"), handlers), _peer(organisation, peer, folder))
    home = _save(folder, organisation.node, "core.yaml", document)
    env = {**limits, "FABRIC_CFG_PATH": str(home), BUILDER_VARIABLE: str(targets_file(folder, organisation))}
    return Process(organisation.node, organisation.name, "peer", [str(binaries.path("peer")), "node", "start"], env)


def orderer_process(
    organisation: OrdererOrganisation,
    consortium: Consortium,
    folder: NetworkFolder,
    binaries: Binaries,
    limits: Mapping[str, str],
) -> Process:
    """Write an orderer organisation's ``orderer.yaml`` and return its orderer's process."""
    document = _merge(_template("orderer.yaml"), _orderer(organisation, consortium, folder))
    home = _save(folder, organisation.node, "orderer.yaml", document)
    # Only Fabric 2.5 knows this key; it must be an environment variable, as 3.x refuses unknown keys in the file.
    env = {**limits, "FABRIC_CFG_PATH": str(home), "ORDERER_GENERAL_BOOTSTRAPMETHOD": "none"}
    return Process(organisation.node, organisation.name, "orderer", [str(binaries.path("orderer"))], env)


def _peer(organisation: Organisation, peer: Peer, folder: NetworkFolder) -> Document:
    tls, data, bind = folder.node_tls(organisation), folder.data(organisation.node), _bind(peer.host)
    files = {"cert": {"file": str(tls / "server.crt")}, "key": {"file": str(tls / "server.key")}}
    roots = {"clientRootCAs": {"files": [str(folder.tls_ca(organisation))]}}
    return {
        "peer": {
            "id": organisation.node,
            "listenAddress": f"{bind}:{peer.port}",
            "address": peer.address,
            "chaincodeListenAddress": f"{LOOPBACK}:{peer.chaincode_listen_port}",
            "gossip": {"bootstrap": peer.address, "endpoint": peer.address, "externalEndpoint": peer.address},
            "tls": files | roots | {"rootcert": {"file": str(tls / "ca.crt")}},
            "fileSystemPath": str(data),
            "mspConfigPath": str(folder.node(organisation) / "msp"),
            "localMspId": organisation.msp_id,
        },
        "chaincode": {
            "externalBuilders": [
                {
                    "name": "medquorum_ccaas",
                    "path": str(builder_folder(folder)),
                    "propagateEnvironment": [BUILDER_VARIABLE],
                }
            ]
        },
        "ledger": {"snapshots": {"rootDir": str(data / "snapshots")}},
        "operations": {
            "listenAddress": f"{LOOPBACK}:{peer.operations_port}",
            "tls": {"enabled": True, "clientAuthRequired": True} | files | roots,
        },
    }


def _orderer(organisation: OrdererOrganisation, consortium: Consortium, folder: NetworkFolder) -> Document:
    tls, data, bind = folder.node_tls(organisation), folder.data(organisation.node), _bind(organisation.host)
    files = {"Certificate": str(tls / "server.crt"), "PrivateKey": str(tls / "server.key")}
    own = files | {"ClientRootCAs": [str(folder.tls_ca(organisation))]}
    roots = [str(folder.tls_ca(other)) for other in consortium.orderers]
    cluster = {"ClientCertificate": files["Certificate"], "ClientPrivateKey": files["PrivateKey"]}
    if consortium.consensus == "BFT":
        # By default it asks for missed blocks without the hash of its TLS certificate (Fabric 3.1.5), which an orderer
        # that asks for client certificates refuses: it would never catch up. Blocks are verified either way.
        cluster["ReplicationPolicy"] = "simple"
    return {
        "General": {
            "ListenAddress": bind,
            "ListenPort": organisation.port,
            "TLS": files | {"RootCAs": roots, "ClientRootCAs": roots},
            "Cluster": cluster,
            "LocalMSPDir": str(folder.node(organisation) / "msp"),
            "LocalMSPID": organisation.msp_id,
        },
        "FileLedger": {"Location": str(data)},
        "Consensus": {"WALDir": str(data / "wal"), "SnapDir": str(data / "snapshots")},
        "Operations": {"ListenAddress": f"{LOOPBACK}:{organisation.operations_port}", "TLS": own},
        "Admin": {"ListenAddress": f"{LOOPBACK}:{organisation.admin_port}", "TLS": own},
    }


def _bind(host: str) -> str:
    """Listen on the address itself; behind a name, on every interface."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "0.0.0.0"  # noqa: S104


def _template(name: str) -> Document:
    text = resources.files("medquorum.network.fabric").joinpath("templates", name).read_text(encoding="utf-8")
    document: Document = yaml.safe_load(text)
    return document


def _merge(base: Document, more: Document) -> Document:
    merged = dict(base)
    for key, value in more.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _save(folder: NetworkFolder, node: str, name: str, document: Document) -> Path:
    home = folder.config / node
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return home
