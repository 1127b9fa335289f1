# SPDX-License-Identifier: Apache-2.0
"""The first block's configuration: which organisations there are and by which certificates they are known."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, HeaderType, Payload
from fabric_protos.common.configtx_pb2 import Config, ConfigEnvelope, ConfigGroup, ConfigValue
from fabric_protos.common.configuration_pb2 import Consenter, Orderers
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.msp.msp_config_pb2 import FabricMSPConfig, FabricNodeOUs, FabricOUIdentifier, MSPConfig
from fabric_protos.orderer.configuration_pb2 import ConsensusType
from google.protobuf.timestamp_pb2 import Timestamp

from medquorum.network.identity.msp import Msp, Signer

__all__ = ["genesis_envelope"]

ROLES = ("client", "peer", "admin", "orderer")


def genesis_envelope(
    channel_id: str, application: Iterable[Msp], orderers: Iterable[Msp], consenters: Sequence[Signer] = ()
) -> bytes:
    """Make a serialized CONFIG envelope with each organisation's MSP, in Fabric's group names.

    With ``consenters``, numbered from 1 in their order, blocks are signed as SmartBFT does, otherwise as Raft does.
    """
    group = ConfigGroup()
    for name, msps in (("Application", application), ("Orderer", orderers)):
        for msp in msps:
            value = ConfigValue(value=_msp(msp), mod_policy="Admins")
            group.groups[name].groups[msp.msp_id].values["MSP"].CopyFrom(value)
    ordering = group.groups["Orderer"]
    kind = ConsensusType(type="BFT" if consenters else "etcdraft")
    ordering.values["ConsensusType"].CopyFrom(ConfigValue(value=kind.SerializeToString(), mod_policy="Admins"))
    if consenters:
        value = _mapping(consenters).SerializeToString()
        ordering.values["Orderers"].CopyFrom(ConfigValue(value=value, mod_policy="Admins"))
    config = ConfigEnvelope(config=Config(sequence=0, channel_group=group))
    now = Timestamp(seconds=int(time.time()))
    header = ChannelHeader(type=HeaderType.CONFIG, channel_id=channel_id, timestamp=now)
    payload = Payload(
        header=Header(channel_header=header.SerializeToString()), data=config.SerializeToString(deterministic=True)
    )
    return bytes(Envelope(payload=payload.SerializeToString()).SerializeToString())


def _mapping(consenters: Sequence[Signer]) -> Any:
    identities = [SerializedIdentity.FromString(consenter.serialized) for consenter in consenters]
    return Orderers(
        consenter_mapping=[
            Consenter(id=number, msp_id=identity.mspid, identity=identity.id_bytes)
            for number, identity in enumerate(identities, start=1)
        ]
    )


def _msp(msp: Msp) -> bytes:
    roots = [authority.public_bytes(Encoding.PEM) for authority in msp.authorities]
    units = {
        f"{role}_ou_identifier": FabricOUIdentifier(certificate=roots[0], organizational_unit_identifier=role)
        for role in ROLES
    }
    config = FabricMSPConfig(
        name=msp.msp_id,
        root_certs=roots,
        tls_root_certs=msp.tls_roots,
        fabric_node_ous=FabricNodeOUs(enable=True, **units),
    )
    return bytes(MSPConfig(type=0, config=config.SerializeToString()).SerializeToString())
