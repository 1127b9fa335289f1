# SPDX-License-Identifier: Apache-2.0
"""The channel's configuration (``configtx.yaml``) and its genesis block.

Application/LifecycleEndorsement and Application/Admins: k verifiers and a third of the hospitals. Channel/Admins: the
application's *and* the orderers' administrators. Orderer/Admins: a majority of the orderer organisations. So no policy
that changes anything falls to hospitals alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from medquorum.network.consortium import policies
from medquorum.network.consortium.consortium import (
    AnyOrganisation,
    Consortium,
    OrdererOrganisation,
    Organisation,
)
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.fabric.binaries import Binaries

__all__ = ["PROFILE", "configtx", "make_genesis", "write_block"]

PROFILE = "Medquorum"
Document = dict[str, Any]


def configtx(consortium: Consortium, folder: NetworkFolder) -> Document:
    """Return the document ``configtxgen`` reads."""
    bft = consortium.consensus == "BFT"
    profile = {
        "Policies": _meta_policies(admins="ALL Admins"),
        "Capabilities": {"V3_0" if bft else "V2_0": True},
        "Orderer": _orderer(consortium, folder),
        "Application": {
            "Organizations": [_peer_organisation(organisation, folder) for organisation in consortium.organisations],
            "Policies": {
                # Written out: Fabric's "any organisation's Readers" would check a signature anew for each organisation.
                "Readers": _signature(policies.readers(consortium.organisations)),
                "Writers": _signature(policies.writers(consortium.organisations)),
                "Admins": _signature(policies.governance(consortium, "admin")),
                "LifecycleEndorsement": _signature(policies.governance(consortium, "peer")),
                "Endorsement": _signature(policies.endorsement(consortium)),
            },
            "Capabilities": {"V2_5": True},
        },
    }
    return {"Profiles": {PROFILE: profile}}


def make_genesis(consortium: Consortium, folder: NetworkFolder, binaries: Binaries) -> bool:
    """Write ``configtx.yaml`` and the genesis block unless the block is there; return whether it was made."""
    channel = consortium.channel.name
    block = folder.block(channel)
    if block.exists():
        return False
    folder.config.mkdir(parents=True, exist_ok=True)
    block.parent.mkdir(parents=True, exist_ok=True)
    new = block.with_suffix(".new")
    write_block(consortium, folder, binaries, folder.config, new)
    new.replace(block)
    return True


def write_block(consortium: Consortium, folder: NetworkFolder, binaries: Binaries, home: Path, block: Path) -> None:
    """Write ``configtx.yaml`` into ``home`` and the genesis block that ``configtxgen`` makes of it."""
    text = yaml.safe_dump(configtx(consortium, folder), sort_keys=False)
    (home / "configtx.yaml").write_text(text, encoding="utf-8")
    flags = ["-profile", PROFILE, "-channelID", consortium.channel.name, "-outputBlock", str(block)]
    binaries.run("configtxgen", "-configPath", str(home), *flags)


def _orderer(consortium: Consortium, folder: NetworkFolder) -> Document:
    channel = consortium.channel
    document: Document = {
        "OrdererType": "BFT" if consortium.consensus == "BFT" else "etcdraft",
        "BatchTimeout": f"{channel.batch_interval_ms}ms",
        "BatchSize": {
            "MaxMessageCount": channel.max_message_count,
            "AbsoluteMaxBytes": channel.absolute_max_bytes,
            "PreferredMaxBytes": channel.preferred_max_bytes,
        },
        "Organizations": [_orderer_organisation(organisation, folder) for organisation in consortium.orderers],
        "Policies": {**_meta_policies(admins="MAJORITY Admins"), "BlockValidation": _meta("ANY Writers")},
        "Capabilities": {"V2_0": True},
    }
    consenters = [_consenter(organisation, folder) for organisation in consortium.orderers]
    if consortium.consensus == "raft":
        return document | {"EtcdRaft": {"Consenters": consenters, "Options": _raft_options()}}
    mapping = [
        {"ID": i + 1, "MSPID": orderer.msp_id, "Identity": str(folder.signing_certificate(orderer)), **consenters[i]}
        for i, orderer in enumerate(consortium.orderers)
    ]
    return document | {"ConsenterMapping": mapping, "SmartBFT": _smartbft_options(channel.batch_interval_ms)}


def _smartbft_options(batch_interval_ms: int) -> Document:
    """Return the options: in BFT the batch interval cuts blocks, a dead leader is replaced after 2 + 5 seconds."""
    return {
        "RequestBatchMaxInterval": f"{batch_interval_ms}ms",
        "RequestForwardTimeout": "2s",
        "RequestComplainTimeout": "5s",
        "RequestAutoRemoveTimeout": "3m0s",
        "ViewChangeResendInterval": "5s",
        "ViewChangeTimeout": "20s",
        "LeaderHeartbeatTimeout": "1m0s",
        "LeaderHeartbeatCount": 10,
        "CollectTimeout": "1s",
        "IncomingMessageBufferSize": 200,
        "RequestPoolSize": 100_000,
    }


def _raft_options() -> Document:
    return {
        "TickInterval": "500ms",
        "ElectionTick": 10,
        "HeartbeatTick": 1,
        "MaxInflightBlocks": 5,
        "SnapshotIntervalSize": "16 MB",
    }


def _consenter(organisation: OrdererOrganisation, folder: NetworkFolder) -> Document:
    certificate = str(folder.node_tls(organisation) / "server.crt")
    return {
        "Host": organisation.host,
        "Port": organisation.port,
        "ClientTLSCert": certificate,
        "ServerTLSCert": certificate,
    }


def _organisation(organisation: AnyOrganisation, folder: NetworkFolder, rules: dict[str, str]) -> Document:
    return {
        "Name": organisation.name,
        "ID": organisation.msp_id,
        "MSPDir": str(folder.msp(organisation)),
        "Policies": {name: _signature(rule) for name, rule in rules.items()},
    }


def _peer_organisation(organisation: Organisation, folder: NetworkFolder) -> Document:
    msp = organisation.msp_id
    rules = {
        "Readers": policies.readers([organisation]),
        "Writers": policies.writers([organisation]),
        "Admins": f"OR('{msp}.admin')",
        "Endorsement": f"OR('{msp}.peer')",
    }
    document = _organisation(organisation, folder, rules)
    if organisation.peer:
        document["AnchorPeers"] = [{"Host": organisation.peer.host, "Port": organisation.peer.port}]
    return document


def _orderer_organisation(organisation: OrdererOrganisation, folder: NetworkFolder) -> Document:
    msp = organisation.msp_id
    rules = {"Readers": f"OR('{msp}.member')", "Writers": f"OR('{msp}.member')", "Admins": f"OR('{msp}.admin')"}
    return _organisation(organisation, folder, rules) | {"OrdererEndpoints": [organisation.address]}


def _meta_policies(admins: str) -> Document:
    return {"Readers": _meta("ANY Readers"), "Writers": _meta("ANY Writers"), "Admins": _meta(admins)}


def _meta(rule: str) -> Document:
    return {"Type": "ImplicitMeta", "Rule": rule}


def _signature(rule: str) -> Document:
    return {"Type": "Signature", "Rule": rule}
